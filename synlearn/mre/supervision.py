"""Attention supervision: which class of a model belongs to which class of a task.

SynLearn, section 4.2. The labels come from p(y, yhat), which decomposes over providers: they
answer p(yhat | y), each class of data on its own, and a task's p(y | yhat) follows from its
classes' rows of it.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from synlearn.mre.blocks import Blocks
from synlearn.mre.model_transform import Ensembled

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class AttentionRule:
    """When a model's class z belongs to a task's class y.

    Attributes:
        gamma_1: p(y | z) lies above this.
        gamma_2: p(z | y) lies above this.
        edges: "text": above both; "released": p(z | y) may also equal gamma_2.
    """

    gamma_1: float = 0.7
    gamma_2: float = 0.2
    edges: Literal["text", "released"] = "text"


def class_posterior(responses: Tensor, floor: float = _TINY) -> Tensor:
    """p(y | z) from p(z | y), the task's classes being equally frequent.

    Args:
        responses: (..., l, c), p(z | y): rows sum to 1 at most; absent classes are 0.
        floor: Added to the mass p(z), for a class z that never occurs. The released code adds 1e-5
            to its sum over n rows: 1e-5 / n.

    Returns:
        (..., l, c), columns sum to 1 where z has any mass.
    """
    joint = responses / responses.shape[-2]
    return joint / (joint.sum(dim=-2, keepdim=True) + floor)


def attention_labels(responses: Tensor, rule: AttentionRule) -> Tensor:
    """Label each pair of a task's and a model's class: 1 where z belongs to y, else 0.

    Args:
        responses: (..., l, c), p(z | y); absent classes are 0.
        rule: The thresholds.

    Returns:
        (..., l, c) bool.
    """
    return labels_of(class_posterior(responses), responses, rule)


def labels_of(posterior: Tensor, responses: Tensor, rule: AttentionRule) -> Tensor:
    """Apply the rule to p(y | z) and p(z | y) of one shape."""
    shared = responses >= rule.gamma_2 if rule.edges == "released" else responses > rule.gamma_2
    return (posterior > rule.gamma_1) & shared


def attention_loss(ensembled: Ensembled, labels: Tensor, known: Tensor, blocks: Blocks) -> Tensor:
    """Logistic loss of the attention, each weight w(l, l') taken for a binary classifier.

    Args:
        ensembled: Attention of m models and n tasks; "none of them" is not supervised.
        labels: (m, n, l, c) bool.
        known: (m, n, l, c) bool, which labels count: both classes are present.
        blocks: `supervised` and `balanced` say how.

    Returns:
        (members,). Mean over all labels, or, balanced, over the labels 0 plus over the labels 1.
    """
    used = ensembled.logits if blocks.supervised == "logits" else ensembled.weights
    used = used[..., 1:].to(torch.promote_types(used.dtype, torch.float32))  # never in half
    if blocks.supervised == "logits":
        target = labels.to(used.dtype).expand_as(used)
        each = functional.binary_cross_entropy_with_logits(used, target, reduction="none")
    else:
        sure = used.clamp(min=_TINY, max=1 - 1e-6)
        each = -torch.where(labels, sure.log(), (1 - sure).log())
    if not blocks.balanced:
        return _mean(each, known)
    return _mean(each, known & ~labels) + _mean(each, known & labels)


def _mean(each: Tensor, counted: Tensor) -> Tensor:
    total = torch.where(counted, each, torch.zeros((), dtype=each.dtype)).flatten(1).sum(dim=1)
    return total / counted.sum().clamp(min=1)

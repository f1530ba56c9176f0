from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from synlearn.mre.blocks import TEXT
from synlearn.mre.model_transform import Ensembled
from synlearn.mre.supervision import (
    AttentionRule,
    attention_labels,
    attention_loss,
    class_posterior,
)

RULE = AttentionRule(0.7, 0.2)
LOGITS = torch.tensor([[[[[0.5, -1.0, 2.0], [0.0, 3.0, -2.0]]]]])
"""One member, model and task; 2 classes by 1 + 2."""
LABELS = torch.tensor([[[[False, True], [True, False]]]])
EVERYTHING = torch.ones_like(LABELS)


def ensembled() -> Ensembled:
    return Ensembled(torch.zeros(()), LOGITS, LOGITS.softmax(dim=-1))


def test_the_posterior_follows_from_bayes() -> None:
    """Counted on instances: three classes of 50, and a model of four classes."""
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 50)
    z = random.integers(0, 4, 150)
    joint = np.array([[(y == a) & (z == b) for b in range(4)] for a in range(3)]).mean(axis=2)
    expected = joint / joint.sum(axis=0)
    found = class_posterior(torch.from_numpy(3 * joint))
    torch.testing.assert_close(found, torch.from_numpy(expected))


def test_a_model_class_without_mass_belongs_to_nobody() -> None:
    responses = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert class_posterior(responses).isfinite().all()
    assert not attention_labels(responses, RULE).any()


def test_a_label_asks_for_both_conditions() -> None:
    responses = torch.tensor([[0.6, 0.1, 0.3], [0.1, 0.0, 0.9]])  # p(z | y)
    # p(y | z) is [0.86, 1.00, 0.25], [0.14, 0, 0.75]; the second class of the model is rare
    expected = [[True, False, False], [False, False, True]]
    assert attention_labels(responses, RULE).tolist() == expected


def test_each_weight_is_a_binary_classifier() -> None:
    weights = LOGITS.softmax(dim=-1)[0, 0, 0, :, 1:]
    expected = functional.binary_cross_entropy(weights, LABELS[0, 0].float())
    found = attention_loss(ensembled(), LABELS, EVERYTHING, TEXT)
    torch.testing.assert_close(found, expected[None])


def test_raw_logits_go_through_a_logistic_function() -> None:
    blocks = replace(TEXT, supervised="logits")
    raw = LOGITS[0, 0, 0, :, 1:]
    expected = functional.binary_cross_entropy_with_logits(raw, LABELS[0, 0].float())
    found = attention_loss(ensembled(), LABELS, EVERYTHING, blocks)
    torch.testing.assert_close(found, expected[None])


@pytest.mark.parametrize("supervised", ["weights", "logits"])
def test_balanced_labels_weigh_the_same_in_total(supervised: str) -> None:
    plain = replace(TEXT, supervised=supervised)  # type: ignore[arg-type]  # one of the two
    one, zero = (attention_loss(ensembled(), LABELS, known, plain) for known in (LABELS, ~LABELS))
    found = attention_loss(ensembled(), LABELS, EVERYTHING, replace(plain, balanced=True))
    torch.testing.assert_close(found, one + zero)


@pytest.mark.parametrize("supervised", ["weights", "logits"])
def test_unknown_labels_do_not_count(supervised: str) -> None:
    blocks = replace(TEXT, supervised=supervised)  # type: ignore[arg-type]  # one of the two
    known = EVERYTHING.clone()
    known[..., 1] = False
    found = attention_loss(ensembled(), LABELS, known, blocks)
    flipped = torch.where(known, LABELS, ~LABELS)
    torch.testing.assert_close(attention_loss(ensembled(), flipped, known, blocks), found)
    assert not attention_loss(ensembled(), LABELS, ~EVERYTHING, blocks).any()


def test_a_weight_of_zero_or_one_has_a_finite_loss_and_gradient() -> None:
    weights = torch.tensor([[[[[0.0, 1.0, 0.0]]]]], requires_grad=True)
    found = Ensembled(torch.zeros(()), weights, weights)
    for labels in (torch.tensor([[[[True, False]]]]), torch.tensor([[[[False, True]]]])):
        loss = attention_loss(found, labels, torch.ones_like(labels), TEXT)
        (gradient,) = torch.autograd.grad(loss.sum(), weights)
        assert bool(loss.isfinite())
        assert gradient.isfinite().all()

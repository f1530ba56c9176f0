"""The model's side of the MRE model for classification: the attention-based ensembler.

For each class of a task it looks up the model's classes that have to do with it (SynLearn,
Figure 2c and 2d). So a model has a representation for each task, not one for all.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from synlearn.mre.attention import (
    Projections,
    attention_weights,
    cosine_logits,
    inner_product_logits,
)
from synlearn.mre.blocks import Blocks
from synlearn.mre.members import MemberLinear
from synlearn.mre.task_transform import pooled

_BATCH_NORM_FLOOR = 1e-5
_BATCH_NORM_MOMENTUM = 0.1


@dataclass(frozen=True, slots=True)
class ProjectedModels:
    """All that a task needs of the models: projected once, used for every task.

    Attributes:
        keys: (members, m, c, width).
        values: (members, m, c, width), after the value projection and the first affine map.
        present: (m, c) bool.
    """

    keys: Tensor
    values: Tensor
    present: Tensor

    def select(self, models: NDArray[np.int64]) -> "ProjectedModels":
        """Return some of the models, in this order; the padding stays."""
        index = torch.from_numpy(models)
        return ProjectedModels(self.keys[:, index], self.values[:, index], self.present[index])


@dataclass(frozen=True, slots=True)
class Ensembled:
    """m models as n tasks of up to l classes see them.

    Attributes:
        embedding: (members, n, m, width), phi_h in the paper.
        logits: (members, m, n, l, 1 + c), raw attention logits, "none of them" first.
        weights: As `logits`: their softmax, 0 for absent classes of a task or model.
    """

    embedding: Tensor
    logits: Tensor
    weights: Tensor


class ModelTransform(nn.Module):
    """phi_h^l = sum_l' w(l, l') c_h^l' W_v, phi_h = affine(mean_l relu(affine(phi_h^l))).

    The weights w(l, .) run over the model's classes and "none of them". The first affine map is
    applied to the classes before they are summed: the same result, once for each model instead of
    for each task and model.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(
        self, width: int, members: int, blocks: Blocks, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.blocks = blocks
        self.projections = Projections(width, members, blocks, generator)
        self.first = MemberLinear(members, width, width, generator, bias=False)
        self.first_bias = nn.Parameter(torch.zeros(members, 1, 1, width))
        self.second = MemberLinear(members, width, width, generator)
        if blocks.none_of_them == "learned":
            self.none_key = nn.Parameter(torch.zeros(members, 1, width))
            self.none_value = nn.Parameter(torch.zeros(members, 1, 1, width))
        if blocks.normalisation == "batch":
            self.register_buffer("running_mean", torch.zeros(members, 1, 1, width))
            self.register_buffer("running_variance", torch.ones(members, 1, 1, width))

    def project(self, classes: Tensor, present: Tensor) -> ProjectedModels:
        """Project the class features c_h of m models, (members, m, c, width)."""
        values = self.first(self.projections.value(classes))
        return ProjectedModels(self.projections.key(classes), values, present)

    def forward(self, tasks: Tensor, present: Tensor, models: ProjectedModels) -> Ensembled:
        """Represent every model for every task.

        Args:
            tasks: (members, n, l, width), class features of n tasks.
            present: (n, l) bool.
            models: m models with up to c classes.
        """
        queries = self.projections.query(tasks).flatten(1, 2)
        logits = self._logits(queries, models.keys)
        shown = functional.pad(models.present, (1, 0), value=True)[:, None, :]
        weights = attention_weights(logits, shown, self.blocks) * present.flatten()[:, None]
        summed = weights[..., 1:] @ models.values
        if self.blocks.none_of_them == "learned":
            summed = summed + weights[..., :1] * self.none_value
        classes = present.shape
        hidden = self.normalised(summed + self.first_bias).relu().unflatten(2, classes)
        embedding = self.second(pooled(hidden, present, self.blocks)).transpose(1, 2)
        return Ensembled(embedding, logits.unflatten(2, classes), weights.unflatten(2, classes))

    def _logits(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(members, a, width) and (members, m, c, width) to (members, m, a, 1 + c)."""
        cosine = self.blocks.logits == "cosine"
        similarity = cosine_logits if cosine else inner_product_logits
        real = similarity(queries[:, None], keys)
        if self.blocks.none_of_them == "zero":
            return functional.pad(real, (1, 0))
        none = similarity(queries, self.none_key)[:, None].expand(-1, real.shape[1], -1, -1)
        return torch.cat([none, real], dim=-1)

    def normalised(self, summed: Tensor) -> Tensor:
        """Batch normalisation over (model, task, class), with running statistics when not training.

        In training the statistics are those of the batch, so there a model's score depends on what
        else is in it.
        """
        if self.blocks.normalisation == "none":
            return summed
        mean, variance = self.running_mean, self.running_variance
        if self.training:
            mean = summed.mean(dim=(1, 2), keepdim=True)
            variance = summed.var(dim=(1, 2), keepdim=True, unbiased=False)
            self.running_mean.lerp_(mean.detach(), _BATCH_NORM_MOMENTUM)
            self.running_variance.lerp_(variance.detach(), _BATCH_NORM_MOMENTUM)
        return (summed - mean) / (variance + _BATCH_NORM_FLOOR).sqrt()

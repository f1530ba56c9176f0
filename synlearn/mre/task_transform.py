"""From a target dataset to what the metric compares: the task's side of the MRE model.

For isolated closures the paper takes an instance-wise average, for classification a set-to-set
transform of the classes' mean features (SynLearn, section 4.2).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from synlearn.mre.attention import Projections, attention_weights, inner_product_logits
from synlearn.mre.blocks import Blocks
from synlearn.mre.members import MemberLinear

_IMAGES = 64
"""Images that pass through the backbone at a time: its activations dwarf its features."""

_LAYER_NORM_FLOOR = 1e-5


def mean_features(
    backbone: Callable[[Tensor], Tensor],
    images: Tensor,
    draws: npt.NDArray[np.integer],
    *,
    bounded: bool = False,
) -> Tensor:
    """Mean of the features of each target dataset.

    Args:
        backbone: `g_mu`.
        images: (n, channels, h, w), each image once.
        draws: (s, k) which of the images make up each dataset.
        bounded: Take zeros for features that are no numbers.

    Returns:
        (s, features) float32; every row lies within the unit ball.
    """
    index = torch.from_numpy(np.asarray(draws, np.int64))
    with torch.inference_mode():
        features = torch.cat([backbone(part) for part in images.split(_IMAGES)]).float()
        if bounded:
            features[~features.isfinite().all(dim=1)] = 0.0
        return functional.embedding_bag(index, features, mode="mean")  # no (s, k, features) array


class TaskTransform(nn.Module):
    """Set-to-set attention over a task's class features, then pooling (Figure 2b).

    phi_mu^l = norm(c^l + sum_l' a(l, l') c^l' W_v), phi_mu = affine(mean_l phi_mu^l). The norm has
    neither gain nor bias: what follows it is linear.
    """

    def __init__(
        self, width: int, members: int, blocks: Blocks, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.blocks = blocks
        self.projections = Projections(width, members, blocks, generator)
        self.output = MemberLinear(members, width, width, generator)

    def forward(self, classes: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Transform the class features of n tasks.

        Args:
            classes: (members, n, c, width), c_mu in the paper.
            present: (n, c) bool.

        Returns:
            phi_mu^l, (members, n, c, width), and phi_mu, (members, n, width).
        """
        query, key, value = (
            project(classes)
            for project in (self.projections.query, self.projections.key, self.projections.value)
        )
        logits = inner_product_logits(query, key)
        weights = attention_weights(logits, present[:, None, :], self.blocks)
        attended = weights * present[:, :, None] @ value
        each = layer_norm(classes + attended, self.blocks)
        return each, self.output(pooled(each, present, self.blocks))


def pooled(classes: Tensor, present: Tensor, blocks: Blocks) -> Tensor:
    """Mean over classes: (members, n, c, width), with (n, c) bool, to (members, n, width)."""
    if blocks.pooling == "all":
        return classes.mean(dim=-2)
    share = present / present.sum(dim=-1, keepdim=True)
    return (share.to(classes.dtype)[:, None, :] @ classes).squeeze(-2)


def layer_norm(values: Tensor, blocks: Blocks) -> Tensor:
    """Bring each row, (..., width), to mean 0 and deviation 1, or as released."""
    if blocks.layer_norm == "deviation":
        return functional.layer_norm(values, values.shape[-1:], eps=_LAYER_NORM_FLOOR)
    centred = values - values.mean(dim=-1, keepdim=True)
    return centred / (centred.square().mean(dim=-1, keepdim=True) + _LAYER_NORM_FLOOR)

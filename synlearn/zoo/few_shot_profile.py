"""What a few-shot head on a model's features reaches on tasks made of public anchors.

A target task is a handful of classes with a handful of examples each, so a model is described by
how it does on such tasks: for each family of anchors (glyphs, scenes, clothes, ...), accuracies of
few-shot ridge heads that tell all of the family's groups apart, and of heads for some five of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from synlearn.datasets.stable_draw import stable_order
from synlearn.few_shot_heads import head_accuracy
from synlearn.zoo.picture_anchors import PictureAnchors

SHOTS: Final = (1, 2, 4)
"""Anchors of a group that a head learns from; fewer where a group has no more, one left over."""
WAYS: Final = 5
DRAWS: Final = (16, 48)
"""Of heads for a whole family, and for some five of its groups."""
_PURPOSE: Final = "synlearn/few-shot-profile/v1"


def few_shot_profile_width(anchors: PictureAnchors) -> int:
    """Return how many numbers such a profile on these anchors has."""
    return len(DRAWS) * len(SHOTS) * len(anchors.families())


@dataclass(frozen=True, slots=True)
class AnchorTasks:
    """Draws of one kind of task, the same for all models.

    Attributes:
        heads: (draws, ways, k) anchors that a head learns from.
        tests: (draws, ways, t) anchors that it is judged on.
    """

    heads: torch.Tensor
    tests: torch.Tensor


def anchor_tasks(anchors: PictureAnchors) -> tuple[AnchorTasks, ...]:
    """Draw the tasks that a profile on these anchors is about, in the profile's order."""
    found = []
    for family, groups in anchors.families().items():
        members = [np.flatnonzero(anchors.groups == group) for group in groups]
        for ways, draws in zip((len(groups), min(WAYS, len(groups))), DRAWS, strict=True):
            found += [_drawn(family, members, ways, shots, draws) for shots in SHOTS]
    return tuple(found)


def few_shot_profile(
    features: NDArray[np.floating], tasks: Sequence[AnchorTasks]
) -> NDArray[np.float32]:
    """Return a model's profile.

    Args:
        features: (a, f), the model's features of the anchors.
        tasks: From `anchor_tasks`.

    Returns:
        (q,) float32 mean accuracies in [0, 1]: for each family, whole families first, then five of
        their groups at a time, one for each of `SHOTS`.
    """
    rows = torch.from_numpy(np.asarray(features, np.float32))
    return np.array([_accuracy(rows, own) for own in tasks], np.float32)


def _drawn(
    family: str, members: list[NDArray[np.int64]], ways: int, shots: int, draws: int
) -> AnchorTasks:
    """Some groups of a family in each draw, and some anchors of each."""
    size = min(len(own) for own in members)
    k = min(shots, size - 1)
    rows = np.empty((draws, ways, size), np.int64)
    for draw in range(draws):
        purpose = f"{_PURPOSE}/{family}/ways={ways}/k={k}/{draw}"
        for place, group in enumerate(stable_order(purpose, len(members))[:ways]):
            order = stable_order(f"{purpose}/{group}", len(members[group]))
            rows[draw, place] = members[group][order[:size]]
    drawn = torch.from_numpy(rows)
    return AnchorTasks(drawn[:, :, :k], drawn[:, :, k:])


def _accuracy(rows: torch.Tensor, tasks: AnchorTasks) -> float:
    classes = torch.arange(tasks.heads.shape[1])
    found = head_accuracy(
        rows[tasks.heads.flatten(1)],
        classes.repeat_interleave(tasks.heads.shape[2]),
        rows[tasks.tests.flatten(1)],
        classes.repeat_interleave(tasks.tests.shape[2]),
    )
    return float(found.mean())

"""How hard a task is to be expected, from what it looks like: as hard as learned classes like its.

Distances between a task's own class means would say more, were they not too large in learning: the
backbone was pre-trained on the very images that learning tasks are drawn from. Which learned
classes are nearest depends on that much less. So each learned class has a *difficulty*, and a task
that of the learned classes that look most like its own.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Float64 = NDArray[np.float64]
Indices = NDArray[np.int64]

TRAITS: Final = ("kin",)
"""Mean difficulty of the nearest learned classes."""
NEAREST: Final = 5
"""Learned classes that count for each class of a task."""
_PULL: Final = 1.0
"""In tasks: as many of the mean difficulty weigh as much in a class's own."""


def class_difficulty(tasks: Indices, levels: Float64, classes: int) -> Float64:
    """Divide the levels of tasks among their classes, by ridge regression.

    Args:
        tasks: (t, w) positions of classes, -1 behind the last of a task.
        levels: (t,) mean logit of models' accuracies for each task.
        classes: How many there are.

    Returns:
        (classes,): a task's level is about the mean of its classes'; the mean of all tasks for a
        class of which there is none.
    """
    member = (tasks[:, :, None] == np.arange(classes)).any(axis=1).astype(np.float64)
    member /= member.sum(axis=1, keepdims=True)
    centre = levels.mean()
    normal = member.T @ member + _PULL / tasks.shape[1] * np.eye(classes)
    found: Float64 = centre + np.linalg.solve(normal, member.T @ (levels - centre))
    return found


def task_traits(
    means: Tensor, learned: Tensor, difficulty: Float64, own: NDArray[np.bool_] | None = None
) -> Float64:
    """Describe n tasks.

    Args:
        means: (n, c, f) mean features of their classes.
        learned: (j, f) mean features of the learned classes.
        difficulty: (j,) of these.
        own: (n, j) learned classes that must not count: a learning task's own.

    Returns:
        (n, traits) in the order of `TRAITS`.
    """
    alike = functional.normalize(means, dim=2) @ functional.normalize(learned, dim=1).T
    if own is not None:
        alike = alike.masked_fill(torch.from_numpy(own)[:, None], -torch.inf)
    nearest = alike.topk(min(NEAREST, len(learned)), dim=2).indices.numpy()
    found: Float64 = difficulty[nearest].mean(axis=(1, 2))[:, None]
    return found

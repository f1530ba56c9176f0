"""How far a task's class means would move, had other examples been drawn: a smoothed bootstrap.

Resampling the examples themselves says nothing where there is one of each class, and too little
where there are few. So class means are moved by noise of the size that the examples scatter about
their means, smoothed by how single instances scatter in learning, which counts as much as a few
examples. Its directions are those in which the learned classes differ, since a metric looks there.

Features of single examples are of length 1, so their variance about a mean m of K is
(1 - |m|^2) K / (K - 1): the means alone tell it, in learning as for a downstream team.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synlearn.mre.learned_tasks import LearnedTasks

REPLICATES: Final = 8
PRIOR: Final = 5.0
"""Examples that what is known from learning counts as much as."""
_SEED: Final = 1


def scatter(means: Tensor, counts: NDArray[np.integer], learned: LearnedTasks) -> Tensor:
    """Variance of single examples about their class's mean, pooled over classes and with learning.

    Args:
        means: (n, c, f) mean features of the classes of n tasks.
        counts: (n, c) examples of each.
        learned: What the metric has seen.

    Returns:
        (n,).
    """
    rows = torch.from_numpy(np.asarray(counts, np.float32))
    within = ((1 - means.square().sum(dim=2)).clamp(min=0) * rows).sum(dim=1)
    return (PRIOR * learned.instance_variance + within) / (PRIOR + (rows - 1).sum(dim=1))


def moved_means(
    means: Tensor, counts: NDArray[np.integer], learned: LearnedTasks, replicates: int = REPLICATES
) -> Tensor:
    """Class means of other draws of the examples, as they might be; the same at every call.

    Args:
        means: (n, c, f) mean features of the classes of n tasks.
        counts: (n, c) examples of each.
        learned: What the metric has seen.
        replicates: How many.

    Returns:
        (replicates, n, c, f) float32.
    """
    unit = _directions(learned, replicates, means.shape[1])
    rows = torch.from_numpy(np.asarray(counts, np.float32))
    deviation = (scatter(means, counts, learned)[:, None] / rows).sqrt()
    return means + unit[:, None] * deviation[None, :, :, None]


@lru_cache(maxsize=8)
def _directions(learned: LearnedTasks, replicates: int, classes: int) -> Tensor:
    """Moves of size 1, (replicates, classes, f): the same for all tasks, so that they are kept."""
    shape = learned.means - learned.means.mean(dim=0)
    size = shape.square().sum().clamp(min=torch.finfo(torch.float32).tiny)
    random = np.random.default_rng(_SEED)
    drawn = random.standard_normal((replicates, classes, len(shape)), np.float32)
    return torch.from_numpy(drawn) @ shape / size.sqrt()

"""Which of several models is best, and which cannot be told apart, where each is known roughly.

Each model's worth is a Gaussian of its own; what they all share (how hard the task is) plays no
part, since it moves all alike. No loop runs over models: a thousand take a few milliseconds.
"""

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri

Float64 = NDArray[np.float64]

SEPARATION: Final = 0.9
"""One model is said to be better than another from this probability on."""

_COARSE: Final = 17
_FINE: Final = 33
"""Points of the two grids."""
_RARE: Final = 1e-4
_REACH: Final = 6.0
"""Deviations beyond which a Gaussian has nothing that would matter."""
_LEAST: Final = 1e-3
"""A deviation counts as this part of the largest, at least."""
_NOTHING: Final = 1e-12
"""Deviations below this part of the largest mean are rounding."""
_TINY: Final = 1e-37


def best_probability(mean: Float64, deviation: Float64) -> Float64:
    """Probability of each model that it is the best of all.

    The largest of independent values lies below x with probability F(x), the product of their
    distribution functions. Given that it lies in a short step, it is model i's with a probability
    proportional to the increment there of the logarithm of i's own distribution function. So the
    increments of F over a grid are shared out; they sum to 1, however coarse the grid.

    Args:
        mean: (m,), m >= 1, higher is better.
        deviation: (m,), at least 0.

    Returns:
        (m,), sum 1. Where all deviations are 0 but for rounding, models of the highest mean share.
    """
    largest = float(deviation.max())
    if largest <= _NOTHING * float(np.abs(mean).max()):
        first = mean == mean.max()
        shared: Float64 = first / first.sum()
        return shared
    spread = np.maximum(deviation, _LEAST * largest)
    lowest = float((mean - _REACH * spread).max())  # the best is hardly ever below this
    near = mean + _REACH * spread >= lowest
    m, s = mean[near], spread[near]
    # A coarse look finds where the largest may lie, a fine one what it is there.
    edges = np.linspace(lowest, float((m + _REACH * s).max()), _COARSE)
    below = np.exp(_logs(edges, m, s).sum(axis=0))
    inside = np.flatnonzero((below > _RARE) & (below < 1 - _RARE))
    start, end = max(inside.min(initial=_COARSE - 1) - 1, 0), inside.max(initial=0) + 1
    fine = np.linspace(edges[start], edges[end], _FINE) if start < end else edges
    logs = _logs(fine, m, s)
    steps = np.diff(np.exp(logs.sum(axis=0)))
    rises = np.diff(logs, axis=1)
    total = rises.sum(axis=0)
    found = np.zeros(len(mean))
    found[near] = rises @ (steps / np.where(total > 0, total, 1.0))
    share: Float64 = found / found.sum()
    return share


def _logs(points: Float64, mean: Float64, deviation: Float64) -> Float64:
    """Logarithms of the models' distribution functions at some points, (m, p).

    In float32 by PyTorch, whose erfc is vectorised: a fifth of the time that SciPy's takes.
    """
    z = (mean[:, None] - points) / (math.sqrt(2) * deviation[:, None])
    below = torch.erfc(torch.from_numpy(z.astype(np.float32))).mul_(0.5)
    found: Float64 = below.clamp_(min=_TINY).log_().numpy().astype(np.float64)
    return found


def cannot_separate(
    mean: Float64, deviation: Float64, best: int, separation: float = SEPARATION
) -> NDArray[np.bool_]:
    """Which models one that looks best is better than with less than this probability, (m,).

    Args:
        mean: (m,), higher is better.
        deviation: (m,), of each on its own.
        best: Index of the one that the others are compared with; always among those found.
        separation: In (0.5, 1).
    """
    gap = mean[best] - mean
    spread = np.hypot(deviation[best], deviation)
    found: NDArray[np.bool_] = (gap <= 0) | (gap < float(ndtri(separation)) * spread)
    found[best] = True
    return found


def tiers(mean: Float64, deviation: Float64, separation: float = SEPARATION) -> NDArray[np.int64]:
    """Groups of models that cannot be separated, best first: 1, 1, 1, 2, 2, ...

    A group begins with the best model left, and ends before the first model that this one is
    better than with probability `separation`.

    Args:
        mean: (m,), falling.
        deviation: (m,), of each on its own.
        separation: In (0.5, 1).
    """
    found = np.empty(len(mean), np.int64)
    start, group = 0, 1
    while start < len(mean):
        tied = cannot_separate(mean[start:], deviation[start:], 0, separation)
        end = len(mean) if tied.all() else start + int(tied.argmin())
        found[start:end] = group
        start, group = end, group + 1
    return found

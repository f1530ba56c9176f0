"""The evidence of a Bayesian linear model, in the axes of the feature rows.

The model is y = X w + noise with w ~ N(0, I / alpha) and noise ~ N(0, I / beta), hence
y ~ N(0, I / beta + X X' / alpha). With t = alpha / beta, squared singular values s_i of X and
coordinates z_i of y along its left singular vectors,

    log p(y) = n/2 log(beta / 2 pi) - 1/2 sum_i log(1 + s_i / t) - beta/2 q(t),
    q(t) = |y|^2 - sum_i z_i^2 + sum_i z_i^2 / (1 + s_i / t).

For given t the best beta is n / q(t), so the maximum is a search along t alone. Its supremum may
lie at t = infinity (features explain nothing) or, if X has rank n, at t = 0 (no noise); both
limits are finite and included. It is infinite only where y lies in the span of fewer than n axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synlearn.scorers.inputs import Float64
from synlearn.scorers.spectrum import row_spectrum

STEP = 0.5
"""Spacing of the search in log t. Terms of the evidence change over a width of at least 2."""

REACH = 1e8
"""The search ends this factor outside the squared singular values; beyond, a limit is as good."""


EXACT_FIT = 1e-12
"""A part of a target shorter than this, relative to the whole, is rounding."""


@dataclass(frozen=True, slots=True)
class LinearTask:
    """Targets seen along the features' row axes: all that the evidence depends on.

    Attributes:
        n: Number of rows.
        squares: (r,) positive squared singular values of the features.
        power: (r, c) squared coordinates of each target.
        residual: (c,) squared length of each target outside the features' span.
        total: (c,) squared length of each target.
    """

    n: int
    squares: Float64
    power: Float64
    residual: Float64
    total: Float64

    @classmethod
    def of(cls, x: Float64, y: Float64) -> "LinearTask":
        """Reduce (n, d) features and (n, c) targets."""
        total = (y**2).sum(axis=0)
        found = row_spectrum(x, y)
        if (found.residual < 1e-6 * total).any() and len(found.squares) < len(x):
            found = row_spectrum(x, y, gram=False)  # a residual this small needs all digits
        return cls(len(x), found.squares, found.coordinates**2, found.residual, total)

    def fitted_exactly(self) -> NDArray[np.bool_]:
        """(c,) targets in the span of fewer than n axes: their evidence is infinite."""
        span_is_all = len(self.squares) == self.n
        exact: NDArray[np.bool_] = self.residual <= EXACT_FIT**2 * self.total
        return self.total == 0 if span_is_all else exact


def maximum_evidence(task: LinearTask) -> Float64:
    """Return the maximised log evidence per row of each target, (c,).

    No target may be fitted exactly.
    """
    limits = [evidence_profile(task.n, task.total, np.zeros(1))]  # t = infinity
    if len(task.squares) == 0:
        return limits[0]
    if len(task.squares) == task.n:  # t = 0; the factors 1/t and t of the two terms cancel
        noiseless = (task.power / task.squares[:, None]).sum(axis=0)
        limits.append(evidence_profile(task.n, noiseless, np.log(task.squares).sum()[None]))
    grid = np.arange(*_search_range(task), STEP)  # log t
    ratio = task.squares / np.exp(grid)[:, None]  # (grid, r)
    misfit = task.residual + (1 / (1 + ratio)) @ task.power
    values = evidence_profile(task.n, misfit, np.log1p(ratio).sum(axis=1)[:, None])  # (grid, c)
    edge = np.full((1, values.shape[1]), -np.inf)
    higher_than_before = values > np.vstack((edge, values[:-1]))
    not_below_next = values >= np.vstack((values[1:], edge))
    place, target = np.nonzero(higher_than_before & not_below_next)
    best: Float64 = np.maximum.reduce(limits)
    refined = refined_evidence(
        task.n, task.squares, task.power.T[target], task.residual[target], grid[place]
    )
    np.maximum.at(best, target, refined)
    return best


def evidence_profile(n: int, misfit: Float64, log_det: Float64) -> Float64:
    """Log evidence per row at the best beta, for misfits q(t) and sums of log(1 + s_i / t)."""
    found: Float64 = -0.5 * (np.log(2 * np.pi * misfit / n) + 1.0 + log_det / n)
    return found


def _search_range(task: LinearTask) -> tuple[float, float]:
    """Return the ends of log t between which an interior maximum may lie."""
    low, high = task.squares.min() / REACH, task.squares.max() * REACH
    if (rank := len(task.squares)) < task.n:  # where little noise is left, its maximum for t -> 0
        slope = (task.power / task.squares[:, None]).sum(axis=0)
        small = rank * task.residual / ((task.n - rank) * np.maximum(slope, 1e-200))
        low = min(low, small.min() / 10)
    return float(np.log(low)), float(np.log(high))


def refined_evidence(
    n: int, squares: Float64, power: Float64, residual: Float64, start: Float64
) -> Float64:
    """Evidence at the maxima near p points: Newton on log t, by bisection where it strays.

    Args:
        n: Number of rows.
        squares: (r,) or (p, r) squared singular values; a zero adds its power to the residual.
        power: (p, r) squared coordinates of the target of each point.
        residual: (p,) squared length of that target outside the features' span.
        start: (p,) values of log t with a maximum within `STEP` of each.

    Returns:
        (p,) log evidence per row.
    """
    low, high, place = start - STEP, start + STEP, start
    for _ in range(40):
        kept = 1 / (1 + squares / np.exp(place)[:, None])  # share of a coordinate not fitted
        change = kept * (1 - kept)
        misfit = residual + (power * kept).sum(axis=1)
        first = (power * change).sum(axis=1) / misfit
        second = (power * change * (1 - 2 * kept)).sum(axis=1) / misfit
        slope = (1 - kept).sum(axis=1) - n * first  # twice the derivative of log p
        bend = -change.sum(axis=1) - n * (second - first**2)
        low, high = np.where(slope > 0, place, low), np.where(slope > 0, high, place)
        newton = place - slope / np.where(bend < 0, bend, -1.0)
        inside = (bend < 0) & (newton > low) & (newton < high)
        moved = np.where(inside, newton, (low + high) / 2)
        step, place = np.abs(moved - place).max(initial=0.0), moved
        if step < 1e-7:  # the evidence is flat here: its error is of second order
            break
    ratio = squares / np.exp(place)[:, None]
    misfit = residual + (power / (1 + ratio)).sum(axis=1)
    return evidence_profile(n, misfit, np.log1p(ratio).sum(axis=1))

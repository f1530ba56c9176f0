"""How good the rankings of many tasks are: rank correlations and the regret of the first pick."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import ScoreInputError
from synlearn.evaluation.rank_correlation import kendall_tau, weighted_kendall_tau

Float64 = NDArray[np.float64]

QUALITIES = ("kendall_tau", "weighted_kendall_tau", "regret")
"""Names of what is measured, as they stand in results files."""


@dataclass(frozen=True, slots=True)
class RankingQuality:
    """What rankings of some tasks are worth, an array of the tasks' shape each.

    Attributes:
        kendall_tau: Tau-b, higher is better; 0 where scores are all the same and order nothing.
        weighted_kendall_tau: Vigna's, by the ranks of the truth; 0 likewise.
        regret: True reusability of the best model minus that of the model ranked first, >= 0,
            lower is better; of models that tie for the first place, the mean.
    """

    kendall_tau: Float64
    weighted_kendall_tau: Float64
    regret: Float64

    def named(self, name: str) -> Float64:
        """Return the array of one of `QUALITIES`."""
        found: Float64 = getattr(self, name)
        return found


def ranking_quality(scores: ArrayLike, truth: ArrayLike) -> RankingQuality:
    """Compare scores with the truth, task by task.

    Args:
        scores: (..., m) for m models, higher is better; infinities are allowed, NaN is not.
        truth: Of the same shape, or of one that broadcasts to it; higher is better.

    Returns:
        Arrays of shape (...).

    Raises:
        ScoreInputError: A score is NaN, there are fewer than two models, or all models of a task
            are equally good.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim < 2 or np.isnan(values).any():
        raise ScoreInputError(
            f"scores have shape {values.shape}{' and hold NaN' if np.isnan(values).any() else ''}: "
            "give (tasks, models) numbers."
        )
    against = np.broadcast_to(np.asarray(truth, dtype=np.float64), values.shape)
    found = np.zeros((len(QUALITIES), *values.shape[:-1]))
    for place in np.ndindex(values.shape[:-1]):
        own, true = values[place], against[place]
        first = own == own.max()
        found[(2, *place)] = true.max() - true[first].mean()
        if not first.all():
            found[(0, *place)] = kendall_tau(own, true)
            found[(1, *place)] = weighted_kendall_tau(own, true)
    return RankingQuality(*found)

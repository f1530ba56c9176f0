"""From what is known of the models to the rows of a ranking: order, intervals, odds, ties."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from synlearn.ranked_models import RankedModels, best_first
from synlearn.ranking_odds import SEPARATION, best_probability, cannot_separate, tiers

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is known of m models for one task: Gaussians, on one scale for all of them.

    Attributes:
        mean: (m,), higher is better.
        own: (m,) standard deviation of each model on its own.
        shared: standard deviation of what moves all models alike, such as how hard the task is.
        reach: deviations from the mean to either end of an interval.
        logistic: Whether the scale is the logit of an accuracy; else scores are means as they are.
    """

    mean: Float64
    own: Float64
    shared: float
    reach: float
    logistic: bool

    def of(self, models: NDArray[np.intp]) -> "Beliefs":
        """What is known of some of the models, in this order."""
        return replace(self, mean=self.mean[models], own=self.own[models])

    def scores(self) -> Float64:
        """(m,), as they are shown."""
        return self._shown(self.mean)

    def interval(self) -> tuple[Float64, Float64]:
        """(m,) lower and upper ends, as they are shown."""
        margin = self.reach * np.hypot(self.own, self.shared)
        return self._shown(self.mean - margin), self._shown(self.mean + margin)

    def _shown(self, values: Float64) -> Float64:
        found: Float64 = expit(values) if self.logistic else values
        return found


def rows_of(
    beliefs: Beliefs,
    models: Sequence[str],
    run: NDArray[np.bool_] | None = None,
    separation: float = SEPARATION,
) -> RankedModels:
    """Put the models in order, best first.

    Args:
        beliefs: Of m models.
        models: Their ids.
        run: (m,) which of them were run on the examples; they come before all others.
        separation: Probability from which on one model is said to be better; in (0.5, 1).
    """
    mean, own = beliefs.mean, beliefs.own
    order = best_first(models, mean)
    count = 0
    if run is not None and not run.all():
        order = order[np.argsort(~run[order], kind="stable")]
    if run is not None:
        count = int(run.sum())
    low, high = beliefs.interval()
    groups = tiers(mean[order], own[order], separation)
    return RankedModels(
        models=[models[place] for place in order.tolist()],
        scores=beliefs.scores()[order],
        tied=cannot_separate(mean, own, int(order[0]), separation)[order],
        lows=low[order],
        highs=high[order],
        tiers=groups,
        odds=best_probability(mean, own)[order],
        run=count,
    )

"""The fitted fusion: how much each source is worth at each number of examples, and its use."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from synlearn.errors import InputError
from synlearn.fusion.regression import Float64, Posterior, Weights, posterior
from synlearn.fusion.shortlist import among_all
from synlearn.fusion.standard import standardised

METRIC = "metric"
"""The source that runs no model: the learned metric's score, the prior of all other evidence."""

SMOOTHED = "metric_smoothed"
"""The metric's scores, smoothed over candidates that see the examples alike."""


@dataclass(frozen=True, slots=True)
class FittedFusion:
    """Weights of the sources by number of examples.

    Attributes:
        sources: Names, the metric first.
        by_k: Their weights, in this order, at some numbers of examples of a class.
        provenance: What they were fitted on.
    """

    sources: tuple[str, ...]
    by_k: Mapping[int, Weights]
    provenance: Mapping[str, str | int | float] = field(default_factory=dict)

    def at(self, k: float) -> Weights:
        """Weights at k examples of a class: between fitted ones, linear in log k.

        Outside, those of the nearest fitted number.
        """
        known = sorted(self.by_k)
        place = float(np.interp(np.log(k), np.log(known), np.arange(len(known))))
        low = int(place)
        high, share = min(low + 1, len(known) - 1), place - low
        one, other = self.by_k[known[low]], self.by_k[known[high]]
        return Weights(
            (1 - share) * one.weights + share * other.weights,
            (1 - share) * one.variance + share * other.variance,
            (1 - share) * one.correlation + share * other.correlation,
        )

    def fuse(
        self, scores: Mapping[str, Float64], k: float, prior: Float64 | None = None
    ) -> Posterior:
        """Reusability of candidate models given what sources say of them.

        In units of the candidates' standard deviation of reusability, zero being their mean.

        Args:
            scores: (m,) of every source, higher is better.
            k: Examples of a class.
            prior: (m,) what the metric says of them, standardised over all the candidates, where
                these models are but some that it has chosen; see `shortlist.py`. Units are then
                those of all candidates.

        Raises:
            InputError: A source has no scores, or one is not a number.
        """
        missing = [name for name in self.sources if name not in scores]
        if missing:
            raise InputError(
                f"the fusion was fitted with scores that are not here: {', '.join(missing)}; give "
                "all of them, or rank by the metric alone."
            )
        given = np.stack([scores[name] for name in self.sources])
        weights = self.at(k)
        if prior is None:
            return posterior(weights, standardised(given))
        return posterior(weights, among_all(given, prior, weights.correlation).standardised)

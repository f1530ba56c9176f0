"""The fitted fusion: how much each source is worth at each number of examples, and its use."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from synlearn.errors import InputError
from synlearn.fusion.regression import Float64, Posterior, Weights, posterior

METRIC = "metric"
"""The source that runs no model: the learned metric's score, the prior of all other evidence."""

CONSTANT = 1e-9
"""Scores whose standard deviation is below this part of the largest say nothing."""


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
        )

    def fuse(self, scores: Mapping[str, Float64], k: float) -> Posterior:
        """Reusability of candidate models given what sources say of them.

        In units of the candidates' standard deviation of reusability, zero being their mean.

        Args:
            scores: (m,) of every source, higher is better.
            k: Examples of a class.

        Raises:
            InputError: A source has no scores, or one is not a number.
        """
        missing = [name for name in self.sources if name not in scores]
        if missing:
            raise InputError(
                f"the fusion was fitted with scores that are not here: {', '.join(missing)}; give "
                "all of them, or rank by the metric alone."
            )
        known = standardised(np.stack([scores[name] for name in self.sources]))
        return posterior(self.at(k), known)


def standardised(scores: Float64) -> Float64:
    """Scale (..., m) scores to mean 0 and deviation 1 over the models.

    Infinite scores count as much as the largest (or smallest) finite one. Scores that are all the
    same become 0.

    Raises:
        InputError: A score is NaN.
    """
    values = np.array(scores, dtype=np.float64)
    if np.isnan(values).any():
        raise InputError("a source's score is not a number; leave that source out.")
    finite = np.isfinite(values)
    if not finite.all():
        top = np.where(finite, values, -np.inf).max(axis=-1, keepdims=True)
        low = np.where(finite, values, np.inf).min(axis=-1, keepdims=True)
        top, low = np.where(np.isfinite(top), top, 0.0), np.where(np.isfinite(low), low, 0.0)
        values = np.clip(values, low, top)
    centred = values - values.mean(axis=-1, keepdims=True)
    deviation = centred.std(axis=-1, keepdims=True)
    largest = np.abs(values).max(axis=-1, keepdims=True)
    constant = deviation <= CONSTANT * np.maximum(largest, np.finfo(float).tiny)
    found: Float64 = np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation))
    return found

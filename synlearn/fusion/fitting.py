"""Fitting the fusion on learning tasks that its metric has not seen.

A metric looks better on the tasks and models that it learned from than on others, so scores that
the fusion is fitted on have to come from a metric that was trained without these models and without
these tasks (`cross_fitting.py`). Test tasks take no part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from synlearn.errors import InputError
from synlearn.fusion.fused import METRIC, FittedFusion
from synlearn.fusion.regression import Float64, fit
from synlearn.fusion.standard import standardised


@dataclass(frozen=True, slots=True)
class HeldOutTasks:
    """Learning tasks with candidates that their metric has not seen.

    Attributes:
        k: (n,) examples of a class behind each row.
        v_star: (n, m) true reusability of the candidates, from other rows than the examples; higher
            is better.
        scores: (n, m) of each source, higher is better.
    """

    k: NDArray[np.int64]
    v_star: Float64
    scores: Mapping[str, Float64]

    def sources(self, names: Sequence[str], k: int) -> Float64:
        """Return the sources at K, standardised, (tasks, sources, m)."""
        return np.stack([standardised(self.scores[name][self.k == k]) for name in names], axis=1)

    def reusability(self, k: int) -> Float64:
        """Return true reusability at K, standardised, (tasks, m)."""
        return standardised(self.v_star[self.k == k])


def fit_fusion(
    groups: Sequence[HeldOutTasks],
    sources: Sequence[str],
    provenance: Mapping[str, str | int | float],
) -> FittedFusion:
    """Maximise, at each K apart, the likelihood of the reusability given the sources.

    Args:
        groups: Held-out tasks, such as one group for each fold.
        sources: Names in `scores`, the metric first.
        provenance: Kept with the result.

    Raises:
        InputError: The metric is not the first source, or there are no tasks.
    """
    if tuple(sources[:1]) != (METRIC,):
        raise InputError(f"the first source has to be {METRIC!r}, the prior of all others.")
    ks = sorted({int(k) for group in groups for k in group.k})
    if not ks:
        raise InputError("there is no learning task to fit the fusion on.")
    by_k = {}
    for k in ks:
        said = [group.sources(sources, k).swapaxes(1, 2) for group in groups]
        true = [group.reusability(k) for group in groups]
        by_k[k] = fit(
            np.concatenate([own.reshape(-1, len(sources)) for own in said]),
            np.concatenate([own.ravel() for own in true]),
        )
    return FittedFusion(tuple(sources), by_k, dict(provenance))


def coverage(fitted: FittedFusion, groups: Sequence[HeldOutTasks], k: int, level: float) -> float:
    """Share of candidates whose reusability lies in the posterior's interval.

    Args:
        fitted: Fitted on other tasks.
        groups: Tasks; those at K are used.
        k: Examples of a class.
        level: Probability that the intervals are made for.
    """
    reach = float(ndtri(0.5 + level / 2))
    inside = []
    for group in groups:
        for place in np.flatnonzero(group.k == k):
            own = {name: group.scores[name][place] for name in fitted.sources}
            found = fitted.fuse(own, k)
            miss = np.abs(standardised(group.v_star[place]) - found.mean)
            inside.append(miss <= reach * np.sqrt(found.variance))
    return float(np.mean(inside))

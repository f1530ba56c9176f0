"""A performance matrix from Fisher discriminant scores: what a task's rows say of every model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError
from synlearn.fennec.performance import PerformanceMatrix
from synlearn.scorers.fda import fda

Labels = NDArray[np.int64]
Rows = NDArray[np.int64]
Score = Callable[[NDArray[np.floating], Labels], float]

COMPONENTS: Final = 32
"""Principal components that features are reduced to first, as the authors do."""


def fisher_score(features: NDArray[np.floating], labels: Labels) -> float:
    """FDA on at most 32 principal components, in [0, 1].

    Raises:
        ScoreInputError: As `synlearn.scorers.fda`.
    """
    most = min(COMPONENTS, features.shape[1], len(features) - 1)
    return fda(features, labels, components=most)


def measured_performance(
    features: Mapping[str, NDArray[np.floating]],
    tasks: Mapping[str, tuple[Rows, Labels]],
    score: Score = fisher_score,
    on_done: Callable[[int], None] | None = None,
) -> PerformanceMatrix:
    """Score every model on every historical task.

    Args:
        features: (r, d) of each model by its id, for common rows.
        tasks: By name: which rows a task has, and the label of each.
        score: In [0, inf), higher is better. Where it is undefined, the entry is unknown.
        on_done: Told of each task that is ready.

    Raises:
        InputError: Nothing is known of a model or of a task.
    """
    values = np.full((len(features), len(tasks)), np.nan)
    for column, (rows, labels) in enumerate(tasks.values()):
        for row, own in enumerate(features.values()):
            try:
                values[row, column] = score(own[rows].astype(np.float64), labels)
            except ScoreInputError:
                continue
        if on_done is not None:
            on_done(1)
    return PerformanceMatrix(_names(features), _names(tasks), values)


def _names(named: Mapping[str, object]) -> tuple[str, ...]:
    found: Sequence[str] = list(named)
    return tuple(map(str, found))

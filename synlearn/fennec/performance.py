"""The historical performance matrix P, and what else is known of its tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import InputError

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PerformanceMatrix:
    """How m models did on n earlier tasks (P in the paper).

    Attributes:
        models: m ids.
        tasks: n names.
        values: (m, n) float64, at least 0, higher is better; NaN where nobody knows.

    Raises:
        InputError: Shapes or names do not fit, a value is negative or infinite, or nothing is known
            of a model or of a task.
    """

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    values: Float64

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.models), len(self.tasks)) or self.values.size == 0:
            raise InputError(
                f"A performance matrix of shape {self.values.shape} for {len(self.models)} models "
                f"and {len(self.tasks)} tasks: give a row for each model, a column for each task."
            )
        for what, names in (("model", self.models), ("task", self.tasks)):
            if len(set(names)) < len(names):
                raise InputError(f"A performance matrix names a {what} twice; give each once.")
        known = self.known
        if np.isinf(self.values).any() or (self.values[known] < 0).any():
            raise InputError(
                "Performances must be finite and at least 0; `performance_of_scores` brings other "
                "scores into that form."
            )
        for what, names, some in (
            ("model", self.models, known.any(axis=1)),
            ("task", self.tasks, known.any(axis=0)),
        ):
            if not some.all():
                raise InputError(
                    f"Nothing is known of {what} {names[int(some.argmin())]}; leave it out."
                )

    @property
    def known(self) -> NDArray[np.bool_]:
        """(m, n): where there is a value."""
        return ~np.isnan(self.values)


@dataclass(frozen=True, slots=True)
class History:
    """What Fennec learns from.

    Attributes:
        performance: Of m models on n tasks.
        proxies: (n, f) float64, one proxy network's mean feature of each task's inputs (g_j).
        proxy: Stands for that network, such as its digest.
        classes: (n,) how many classes each task has.
        samples: (n,) how many instances its performances were measured with.
    """

    performance: PerformanceMatrix
    proxies: Float64
    proxy: str
    classes: NDArray[np.int64]
    samples: NDArray[np.int64]

    def __post_init__(self) -> None:
        tasks = len(self.performance.tasks)
        if self.proxies.ndim != 2 or {*map(len, (self.proxies, self.classes, self.samples))} != {
            tasks
        }:
            raise InputError(
                f"A history of {tasks} tasks has proxies of shape {self.proxies.shape}, "
                f"{len(self.classes)} numbers of classes and {len(self.samples)} of samples; give "
                "one row and one number for each task."
            )
        if not np.isfinite(self.proxies).all():
            raise InputError("A proxy's feature is not finite; compute the proxies again.")

    def only_tasks(self, places: ArrayLike) -> Self:
        """Return the history of these tasks, (p,) positions or (n,) bool."""
        chosen = np.arange(len(self.performance.tasks))[np.asarray(places)]
        performance = PerformanceMatrix(
            self.performance.models,
            tuple(self.performance.tasks[place] for place in chosen),
            self.performance.values[:, chosen],
        )
        return replace(
            self,
            performance=performance,
            proxies=self.proxies[chosen],
            classes=self.classes[chosen],
            samples=self.samples[chosen],
        )

    def only_models(self, models: Sequence[str]) -> Self:
        """Return the history of these models, in this order.

        Raises:
            InputError: It does not know one of them.
        """
        place = {model: row for row, model in enumerate(self.performance.models)}
        missing = [model for model in models if model not in place]
        if missing:
            raise InputError(f"The history knows nothing of model {missing[0]}; validate it first.")
        rows = [place[model] for model in models]
        own = self.performance
        values = own.values[rows]
        return replace(self, performance=PerformanceMatrix(tuple(models), own.tasks, values))


def performance_of_scores(
    models: Sequence[str], tasks: Sequence[str], scores: ArrayLike
) -> PerformanceMatrix:
    """Make performances of any scores, such as LogME: each task's are brought to [0, 1].

    Scores of two tasks are in general not comparable, and may be negative; what stays is how far a
    model is on the way from a task's worst model to its best. Scores that are all the same become
    one half.

    Args:
        models: m ids.
        tasks: n names.
        scores: (m, n), higher is better; NaN where unknown.

    Raises:
        InputError: As `PerformanceMatrix`.

    >>> performance_of_scores(["a", "b"], ["t"], [[-3.0], [-1.0]]).values.ravel().tolist()
    [0.0, 1.0]
    """
    found = np.asarray(scores, dtype=np.float64)
    values = np.where(np.isinf(found), np.nan, found)
    with np.errstate(invalid="ignore"):
        low, high = (f(values, axis=0, initial=i, where=~np.isnan(values)) for f, i in _ENDS)
        span = high - low
        scaled = np.where(span > 0, (values - low) / np.where(span > 0, span, 1.0), 0.5)
    return PerformanceMatrix(
        tuple(models), tuple(tasks), np.where(np.isnan(values), np.nan, scaled)
    )


_ENDS = ((np.min, np.inf), (np.max, -np.inf))

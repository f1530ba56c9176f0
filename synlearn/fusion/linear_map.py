"""A linear function of a few numbers, fitted so that it foretells tasks that it has not seen."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Indices = NDArray[np.int64]

_PENALTIES: Final = tuple(10.0 ** (step / 2) for step in range(-2, 11))
"""In rows: as many rows of a deviation of 1 each, towards no slope."""


@dataclass(frozen=True, slots=True)
class LinearMap:
    """intercept + slopes . (x - centre).

    Attributes:
        centre, slopes: (q,).
        intercept: Value at the centre.
    """

    centre: Float64
    slopes: Float64
    intercept: float

    def __call__(self, features: Float64) -> Float64:
        """Of (..., q) features, (...)."""
        found: Float64 = self.intercept + (features - self.centre) @ self.slopes
        return found


def fit_linear(features: Float64, values: Float64, penalty: float) -> LinearMap:
    """Ridge regression on features of deviation 1; the intercept is not penalised.

    Args:
        features: (n, q).
        values: (n,).
        penalty: At least 0, above it where features depend on each other.
    """
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    x = (features - centre) / scale
    y = values - values.mean()
    slopes = np.linalg.solve(x.T @ x + penalty * np.eye(len(centre)), x.T @ y) / scale
    return LinearMap(centre, slopes, float(values.mean()))


def foretold(
    features: Float64, values: Float64, task: Indices, near: NDArray[np.bool_], penalty: float
) -> Float64:
    """What is said of each row by a map that was fitted on other tasks alone, (n,).

    Args:
        features: (n, q).
        values: (n,).
        task: (n,) which of t tasks each row is of.
        near: (t, t) which tasks are left out together with each; itself at least.
        penalty: See `fit_linear`.
    """
    found = np.empty(len(values))
    for own in np.unique(task).tolist():
        rows = task == own
        others = ~near[own][task]
        if not others.any():  # all are alike: then the task alone is new
            others = ~rows if not rows.all() else rows
        found[rows] = fit_linear(features[others], values[others], penalty)(features[rows])
    return found


def fit_best(
    features: Float64, values: Float64, task: Indices, near: NDArray[np.bool_]
) -> tuple[LinearMap, Float64]:
    """Fit with the penalty that foretells other tasks best.

    Arguments as for `foretold`.

    Returns:
        The map fitted on all rows, and (n,) what maps that were fitted without a row's task, and
        those near it, say of the row.
    """
    said = [foretold(features, values, task, near, penalty) for penalty in _PENALTIES]
    best = int(np.argmin([np.square(own - values).mean() for own in said]))
    return fit_linear(features, values, _PENALTIES[best]), said[best]

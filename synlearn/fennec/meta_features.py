"""What is known of models and tasks without running anything, and what it says (equations 8, 9).

    p_ij = LR([f_model_i, f_task_j])

The regression is linear in both, so its *order* of models is the same for all tasks: the meta phase
is a task-agnostic prior learned from history. Counts enter as logarithms: between a model of ten
thousand and one of a hundred million parameters there are four steps, not one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.fennec.performance import PerformanceMatrix

Float64 = NDArray[np.float64]


def model_features(
    parameters: ArrayLike, layers: ArrayLike, architecture: Float64 | None
) -> Float64:
    """Features of m models (f_model).

    Args:
        parameters: (m,) trained numbers.
        layers: (m,) layers that have any.
        architecture: (m, a) such as a vector of `archi2vec` or an indicator of its cluster; None to
            go without.

    Returns:
        (m, 2 + a).
    """
    basic = np.stack([_logarithm(parameters), _logarithm(layers)], axis=1)
    return basic if architecture is None else np.concatenate([basic, architecture], axis=1)


def task_features(classes: ArrayLike, samples: ArrayLike) -> Float64:
    """Features of n tasks (f_task): (n, 2) of (n,) numbers of classes and of samples."""
    return np.stack([_logarithm(classes), _logarithm(samples)], axis=1)


def indicators(names: Sequence[object]) -> Float64:
    """(m, distinct names): 1 where a model has that name, such as the number of its cluster."""
    _, place = np.unique(np.asarray(names), return_inverse=True)
    return np.eye(int(place.max()) + 1)[place]


@dataclass(frozen=True, slots=True)
class MetaRegression:
    """Linear regression from model and task features to performance.

    Attributes:
        model_weights: (p,).
        task_weights: (q,).
        constant: What is added.
    """

    model_weights: Float64
    task_weights: Float64
    constant: float

    @classmethod
    def fit(cls, performance: PerformanceMatrix, models: Float64, tasks: Float64) -> Self:
        """Fit by least squares on the known entries; of equally good fits, the shortest.

        Args:
            performance: Of m models on n tasks.
            models: (m, p) features.
            tasks: (n, q) features.
        """
        rows, columns = np.nonzero(performance.known)
        x = np.concatenate([models[rows], tasks[columns]], axis=1)
        y = performance.values[rows, columns]
        centre, deviation = x.mean(axis=0), x.std(axis=0)
        # A feature that never varies has no weight; the others share one scale.
        scale = np.where(deviation > 1e-12 * np.maximum(np.abs(centre), 1.0), deviation, np.inf)
        weights = np.linalg.lstsq((x - centre) / scale, y - y.mean(), rcond=1e-10)[0] / scale
        split = models.shape[1]
        return cls(weights[:split], weights[split:], float(y.mean() - centre @ weights))

    def scores(self, models: Float64, task: Float64) -> Float64:
        """Expected performance of models, (m, p), on one task, (q,): (m,)."""
        found: Float64 = models @ self.model_weights + (task @ self.task_weights + self.constant)
        return found


def _logarithm(counts: ArrayLike) -> Float64:
    found: Float64 = np.log10(np.maximum(np.asarray(counts, dtype=np.float64), 1.0))
    return found

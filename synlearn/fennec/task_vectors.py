"""A new task's place among the factors, from one network's features of its inputs (equation 6)."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

TREES: Final = 100


@dataclass(frozen=True, slots=True)
class TaskVectors:
    """A random forest from proxy features to task vectors, fitted on all historical tasks."""

    _forest: Any

    @classmethod
    def fit(cls, proxies: Float64, vectors: Float64, seed: int) -> Self:
        """Fit it.

        Args:
            proxies: (n, f), a proxy's mean feature of each task (g_j).
            vectors: (n, k), the tasks' factors (d_j).
            seed: Of the forest.
        """
        from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415  # takes a second

        forest = RandomForestRegressor(n_estimators=TREES, random_state=seed, n_jobs=1)
        # The library asks for a plain vector where a task has one number.
        return cls(forest.fit(proxies, vectors.ravel() if vectors.shape[1] == 1 else vectors))

    def of(self, proxies: Float64) -> Float64:
        """Return the vectors of tasks with these proxy features: (t, f) gives (t, k)."""
        found = np.asarray(self._forest.predict(proxies), dtype=np.float64)
        return found.reshape(len(proxies), -1)

"""What a map to accuracies is learned on: held-out tasks and models, and what is said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synlearn.fusion.standard import Float64

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeldOutAccuracies:
    """Target datasets of held-out tasks, with held-out candidates.

    Attributes:
        k: (n,) examples of a class behind each row.
        task: (n,) which task each is of.
        accuracies: By K, whether or not a row is at it: (n, m) logits of the candidates' accuracies
            with so many examples.
        scores: (n, m) of each source, higher is better.
        traits: (n, traits), see `task_traits`.
        unrest: (n, 2), see `UNREST`.
    """

    k: Indices
    task: Indices
    accuracies: Mapping[int, Float64]
    scores: Mapping[str, Float64]
    traits: Float64
    unrest: Float64

    @property
    def logits(self) -> Float64:
        """(n, m) of the candidates' accuracies, at each row's own K."""
        return np.stack([self.accuracies[int(k)][row] for row, k in enumerate(self.k)])

    def at(self, k: int) -> Self:
        """Return the rows at K."""
        return self.where(self.k == k)

    def where(self, rows: NDArray[np.bool_]) -> Self:
        """Return some of the rows, (n,)."""
        return type(self)(
            self.k[rows],
            self.task[rows],
            {k: values[rows] for k, values in self.accuracies.items()},
            {name: values[rows] for name, values in self.scores.items()},
            self.traits[rows],
            self.unrest[rows],
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all, about the same candidates."""
        first = parts[0]
        return cls(
            np.concatenate([part.k for part in parts]),
            np.concatenate([part.task for part in parts]),
            {k: np.concatenate([part.accuracies[k] for part in parts]) for k in first.accuracies},
            {name: np.concatenate([part.scores[name] for part in parts]) for name in first.scores},
            np.concatenate([part.traits for part in parts]),
            np.concatenate([part.unrest for part in parts]),
        )

"""The rows of a ranking, kept as columns: a row is made when somebody looks at it.

A thousand row objects cost more than the scores themselves, and most rankings are read from the
top.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RankedModel:
    """One row of a ranking.

    Attributes:
        model: id of the model in its zoo.
        score: mean over the members of the ensemble; higher is better.
        low: lower end of the interval of the score; None when there was only one member.
        high: upper end; None together with `low`.
        rank: 1 for the best; models of exactly equal score share a rank.
        tied_with_best: whether the evidence cannot separate this model from the first; always
            True for the first.
        tier: number of the group of models, from 1 for the best, within which the evidence cannot
            separate the others from the first; None where groups were not formed.
    """

    model: str
    score: float
    low: float | None
    high: float | None
    rank: int
    tied_with_best: bool
    tier: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RankedModels(Sequence[RankedModel]):
    """The rows, best first; equal to any sequence of the same rows.

    Attributes:
        models: ids of the m models, best first.
        scores: (m,), falling.
        margins: (m,) half-width of each score's interval; None when there was only one member.
        tied: (m,) bool, see `RankedModel`.
        tiers: (m,) whole numbers, or None.
    """

    models: Sequence[str]
    scores: Float64
    margins: Float64 | None
    tied: NDArray[np.bool_]
    tiers: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.models)

    @overload
    def __getitem__(self, place: int) -> RankedModel: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[RankedModel, ...]: ...

    def __getitem__(self, place: int | slice) -> RankedModel | tuple[RankedModel, ...]:
        if isinstance(place, slice):
            return tuple(self[own] for own in range(*place.indices(len(self))))
        score = float(self.scores[place])
        margin = None if self.margins is None else float(self.margins[place])
        return RankedModel(
            model=self.models[place],
            score=score,
            low=None if margin is None else score - margin,
            high=None if margin is None else score + margin,
            rank=1 + len(self) - int(np.searchsorted(self.scores[::-1], score, side="right")),
            tied_with_best=bool(self.tied[place]),
            tier=None if self.tiers is None else int(self.tiers[place]),
        )

    def __iter__(self) -> Iterator[RankedModel]:
        """All rows, with one step for each column and not for each number."""
        nothing = [None] * len(self)
        least, most = nothing, nothing
        if self.margins is not None:
            least = (self.scores - self.margins).tolist()
            most = (self.scores + self.margins).tolist()
        below = np.searchsorted(self.scores[::-1], self.scores, side="right")
        return map(
            RankedModel,
            self.models,
            self.scores.tolist(),
            least,
            most,
            (1 + len(self) - below).tolist(),
            self.tied.tolist(),
            nothing if self.tiers is None else self.tiers.tolist(),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


def best_first(models: Sequence[str], scores: Float64) -> NDArray[np.int64]:
    """Return the order of falling scores, (m,); equal ones in the order of their ids."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    if (falling[1:] == falling[:-1]).any():
        order = np.lexsort((np.array(models), -scores))
    return order

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
        score: higher is better; `Ranking.unit` says of what.
        low: lower end of the interval of the score; None where nothing says how sure it is.
        high: upper end; None together with `low`.
        rank: 1 for the best; models of exactly equal score share a rank.
        tied_with_best: whether the evidence cannot separate this model from the first; always
            True for the first.
        tier: number of the group of models, from 1 for the best, within which the evidence cannot
            separate the others from the first; None where groups were not formed.
        best_probability: that no other model of the ranking is better, in [0, 1]; None where
            nothing was learned that would say.
        was_run: whether the model was run on the examples, or is known by its specification alone.
    """

    model: str
    score: float
    low: float | None
    high: float | None
    rank: int
    tied_with_best: bool
    tier: int | None = None
    best_probability: float | None = None
    was_run: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RankedModels(Sequence[RankedModel]):
    """The rows, best first; equal to any sequence of the same rows.

    Attributes:
        models: ids of the m models, best first.
        scores: (m,). Models that were run come first; within either part they fall.
        tied: (m,) bool, see `RankedModel`.
        lows, highs: (m,) ends of each score's interval; None, both, where there are none.
        tiers: (m,) whole numbers, or None.
        odds: (m,) probability of being the best, or None.
        run: how many models, the first ones, were run on the examples.
    """

    models: Sequence[str]
    scores: Float64
    tied: NDArray[np.bool_]
    lows: Float64 | None = None
    highs: Float64 | None = None
    tiers: NDArray[np.int64] | None = None
    odds: Float64 | None = None
    run: int = 0

    def __len__(self) -> int:
        return len(self.models)

    @overload
    def __getitem__(self, place: int) -> RankedModel: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[RankedModel, ...]: ...

    def __getitem__(self, place: int | slice) -> RankedModel | tuple[RankedModel, ...]:
        if isinstance(place, slice):
            return tuple(self[own] for own in range(*place.indices(len(self))))
        own = range(len(self))[place]  # counts from the end, and refuses what is beyond
        low, high, odds = self.lows, self.highs, self.odds
        return RankedModel(
            model=self.models[own],
            score=float(self.scores[own]),
            low=None if low is None else float(low[own]),
            high=None if high is None else float(high[own]),
            rank=int(self.ranks[own]),
            tied_with_best=bool(self.tied[own]),
            tier=None if self.tiers is None else int(self.tiers[own]),
            best_probability=None if odds is None else float(odds[own]),
            was_run=own < self.run,
        )

    @property
    def ranks(self) -> NDArray[np.int64]:
        """(m,) places from 1; equal scores of one part share the first of theirs."""
        places = np.arange(len(self))
        changed = np.empty(len(self), np.bool_)
        changed[:1] = True
        changed[1:] = self.scores[1:] != self.scores[:-1]
        if 0 < self.run < len(self):
            changed[self.run] = True
        found: NDArray[np.int64] = 1 + np.maximum.accumulate(np.where(changed, places, 0))
        return found

    def __iter__(self) -> Iterator[RankedModel]:
        """All rows, with one step for each column and not for each number."""
        nothing = [None] * len(self)
        return map(
            RankedModel,
            self.models,
            self.scores.tolist(),
            nothing if self.lows is None else self.lows.tolist(),
            nothing if self.highs is None else self.highs.tolist(),
            self.ranks.tolist(),
            self.tied.tolist(),
            nothing if self.tiers is None else self.tiers.tolist(),
            nothing if self.odds is None else self.odds.tolist(),
            [place < self.run for place in range(len(self))],
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

"""Target datasets of grouped closures: which rows of whom are asked for, and what the sums say.

One masked question serves hundreds of (task, draw) pairs: each class of each pair is a slot of it.
The K instances of a slot are spread evenly over the holders of its class, so that as many of them
as can hide each other's part. Pairs whose classes share no provider are asked for apart: nobody
computes zeros for them.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coordinator.holdings import Counts, Holdings
from protocols.ids import ProviderId
from protocols.queries import MAX_SUMMED_ROWS, ClassFeatureSums
from synlearn.mre.levels import draw_instances

Float64 = npt.NDArray[np.float64]

MOST_ENTRIES = 2**20
"""Numbers in one vector: half of what a question may ask for; 4 MiB of each party under masks."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Target datasets to be gathered.

    Attributes:
        task: (p,) index of the task that each is of, rising.
        classes: (p, w) positions of its classes.
        instances: (p,) K, instances of each class.
    """

    task: Counts
    classes: Counts
    instances: Counts

    def __len__(self) -> int:
        return len(self.task)

    def select(self, chosen: Counts) -> "Pairs":
        """Some of them."""
        return Pairs(self.task[chosen], self.classes[chosen], self.instances[chosen])


@dataclass(frozen=True, slots=True)
class Batch:
    """What one masked question is about.

    Attributes:
        pairs: Positions of its target datasets among all pairs of the round.
        slots: (s,) positions of the slots' classes, w for each pair.
        instances: (s,) rows of each slot.
        parties: Positions of the providers that hold any of the classes, rising.
        seed: Of who gives the rows that cannot be spread evenly.
    """

    pairs: Counts
    slots: Counts
    instances: Counts
    parties: Counts
    seed: int

    def query(self, backbone: str, width: int, holdings: Holdings) -> ClassFeatureSums:
        """The question."""
        names = tuple(holdings.classes[position] for position in self.slots.tolist())
        return ClassFeatureSums(backbone, names, width)

    def rows(
        self,
        holdings: Holdings,
        present: Container[ProviderId] | None = None,
        members: Container[ProviderId] | None = None,
    ) -> dict[ProviderId, list[int]]:
        """The rows of each party for each slot; fewer where those present have not as many.

        Args:
            holdings: Who has rows.
            present: Parties that can be asked; None for all.
            members: Who gives rows first, since their company counts; None for all.
        """
        parties = [
            party
            for party in self.parties.tolist()
            if present is None or holdings.providers[party] in present
        ]
        held = holdings.rows[np.ix_(parties, self.slots)]
        wanted = np.minimum(self.instances, held.sum(axis=0))
        names = [holdings.providers[party] for party in parties]
        later = np.array([members is not None and name not in members for name in names], bool)
        rows = spread(held, wanted, np.random.default_rng(self.seed), later)
        return {name: own.tolist() for name, own in zip(names, rows, strict=True)}

    def means(self, sums: Float64, rows: Counts) -> Float64:
        """Mean feature of each class of each pair, (pairs, w, width); NaN where there is no row.

        Args:
            sums: (s, width).
            rows: (s,) how many rows are in each.
        """
        mean = sums / np.where(rows > 0, rows, np.nan)[:, None]
        return mean.reshape(len(self.pairs), -1, sums.shape[1])


def draw_pairs(
    tasks: Counts, *, draws: int, least: int, most: int, random: np.random.Generator
) -> Pairs:
    """Plan some target datasets of each task.

    Args:
        tasks: (t, w) positions of classes.
        draws: Target datasets of each.
        least: Smallest K.
        most: Largest; see `draw_instances`.
        random: Source of the draws.
    """
    task = np.repeat(np.arange(len(tasks)), draws)
    return Pairs(task, tasks[task], draw_instances(least, most, len(task), random))


def batches(
    pairs: Pairs, holdings: Holdings, width: int, random: np.random.Generator
) -> Iterator[Batch]:
    """Divide pairs into masked questions.

    Args:
        pairs: What to gather.
        holdings: Who has rows.
        width: Features of `g_mu`.
        random: Source of the batches' seeds.
    """
    ways = pairs.classes.shape[1]
    at_once = pairs_of_sum(ways, width, int(pairs.instances.max(initial=1)))
    for part in holdings.closures(np.unique(pairs.classes)):
        chosen = np.flatnonzero(np.isin(pairs.classes[:, 0], part))
        for start in range(0, len(chosen), at_once):
            own = chosen[start : start + at_once]
            slots = pairs.classes[own].ravel()
            yield Batch(
                pairs=own,
                slots=slots,
                instances=np.repeat(pairs.instances[own], ways),
                parties=holdings.holders(np.unique(slots)),
                seed=int(random.integers(2**63)),
            )


def pairs_of_sum(ways: int, width: int, instances: int) -> int:
    """Target datasets that one masked question has room for; at least 1.

    Args:
        ways: Classes of each.
        width: Features of `g_mu`.
        instances: Of each class, at most.
    """
    return max(1, min(MOST_ENTRIES // (ways * width), MAX_SUMMED_ROWS // (ways * instances)))


def spread(
    held: Counts,
    wanted: Counts,
    random: np.random.Generator,
    later: npt.NDArray[np.bool_] | None = None,
) -> Counts:
    """Divide wanted rows over their holders, as evenly as their holdings allow.

    Args:
        held: (parties, slots) rows of each.
        wanted: (slots,) rows in all; no more than there are.
        random: Decides who gives one row more than others.
        later: (parties,) whose turn comes after all others'; None for nobody's.

    Returns:
        (parties, slots) int64, columns sum to `wanted`.

    Raises:
        ValueError: A slot wants more rows than there are.
    """
    if (wanted > held.sum(axis=0)).any():
        raise ValueError("a slot wants more rows of its class than all holders have")
    given = np.zeros_like(held)
    order = random.random(held.shape)
    if later is not None:
        order[later] += 1  # draws lie below 1
    left = wanted.astype(np.int64)
    while left.any():  # one row of everyone who has another, and in the end of some of them
        able = given < held
        rank = np.where(able, order, np.inf).argsort(axis=0).argsort(axis=0)
        gives = able & (rank < left)
        given += gives
        left = left - gives.sum(axis=0)
    return given

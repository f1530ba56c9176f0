"""What a masked sum takes of a party and of the coordinator: the state machines of the wire.

Up to 32 parties each is the neighbour of all; above, of some. That tells what a party does for each
other one, which is to check two signatures, from what it does for each neighbour.
"""

import statistics
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.cost_fit import cpu_seconds, slope
from benchmarks.secagg_attempt import ask, play, serve
from protocols.secagg.graph import graph_for
from protocols.secagg.keys import ByteStream
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Round
from protocols.secagg.shamir import reconstruct, split

FEW_ENTRIES: Final = 100
ATTEMPTS: Final = (
    (8, FEW_ENTRIES),
    (32, FEW_ENTRIES),
    (64, FEW_ENTRIES),
    (8, 200_000),
    (8, 400_000),
)
"""Parties and entries."""
_THRESHOLDS: Final = (10, 80)
"""Of shares that give a secret back."""
_SERVED: Final = 5
_SECRET: Final = bytes(range(32))
_SECRETS: Final = 200
_CHECKS: Final = 2
"""Signatures of each other party: of its keys, and of the list of survivors."""


def measure_sums() -> dict[str, float]:
    """Seconds of a party for each other one, neighbour and entry; and of the coordinator."""
    sizes, last_round, of_party, of_server = [], [], [], []
    for parties, length in ATTEMPTS:
        vector = np.random.default_rng(0).uniform(-1, 1, length).astype(np.float32)
        question = ask(parties, length)
        plays = [
            play(question, partial(_same, vector), timed=party)
            for party in range(3 if parties <= 32 else 1)
        ]
        sizes.append((parties, _degree(question), length))
        last_round.append(statistics.median(each.seconds[Round.UNMASK] for each in plays))
        of_party.append(statistics.median(sum(each.seconds.values()) for each in plays))
        of_server.append(statistics.median(serve(plays[0])[0] for _ in range(_SERVED)))
    few = [place for place, (_, _, length) in enumerate(sizes) if length == FEW_ENTRIES]
    same = [place for place, (parties, _, _) in enumerate(sizes) if parties == ATTEMPTS[0][0]]
    check = slope([sizes[place][0] for place in few], [last_round[place] for place in few])
    masks = [(_neighbours(n, k) + 1) * length for n, k, length in sizes]
    mask = slope([masks[place] for place in same], [of_party[place] for place in same])
    neighbour = slope(
        [_neighbours(*sizes[place][:2]) for place in few],
        [of_party[place] - _CHECKS * check * (sizes[place][0] - 1) for place in few],
    )
    entries = [n * length for n, _, length in sizes]
    entry = slope([entries[place] for place in same], [of_server[place] for place in same])
    share = _share_seconds()
    party = slope(
        [sizes[place][0] for place in few],
        [of_server[place] - share * sizes[place][0] * sizes[place][1] for place in few],
    )
    return {
        "pair_seconds": _CHECKS * check,
        "neighbour_seconds": neighbour,
        "mask_seconds": mask,
        "party_seconds": party,
        "share_seconds": share,
        "entry_seconds": entry,
    }


def _share_seconds() -> float:
    """A secret given back from few shares and from many, which are read, checked and weighed."""
    took = []
    for threshold in _THRESHOLDS:
        points = range(1, threshold + 1)
        stream = ByteStream(_SECRET, "cost")
        made = dict(zip(points, split(_SECRET, threshold, points, stream), strict=True))
        took.append(cpu_seconds(partial(_give_back, made)))
    return slope([_SECRETS * threshold for threshold in _THRESHOLDS], took)


def _same(vector: npt.NDArray[np.float32], _: int) -> npt.NDArray[np.float32]:
    """All parties add alike."""
    return vector


def _give_back(made: dict[int, bytes]) -> None:
    for _ in range(_SECRETS):
        reconstruct(made, len(made))


def _degree(question: AggregationQuestion) -> int:
    """Whom each party draws."""
    count = len(question.parties)
    return graph_for(
        count,
        corrupt=question.corrupt,
        dropouts=question.dropouts,
        threshold=question.threshold,
        present=count,
    ).degree


def _neighbours(parties: int, degree: int) -> float:
    """Whom a party draws or is drawn by, on average: as `NodeTime.of_sum` has it."""
    return 2 * degree - degree**2 / (parties - 1)

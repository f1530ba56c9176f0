"""Whom each party drew, recomputed by everybody from the seeds that were committed to."""

from collections.abc import Mapping
from functools import lru_cache

from protocols.secagg.graph import Graph, out_neighbours
from protocols.secagg.keys import ByteStream
from protocols.secagg.messages import Indices

Choices = Mapping[int, frozenset[int]]


def draw(graph: Graph, present: Indices, party: int, seed: bytes) -> frozenset[int]:
    """The parties that hold the shares of `party`'s secrets.

    On the complete graph these are all, itself included; on the sparse one its own draws.

    Args:
        graph: Its sizes.
        present: Indices of the parties on the key list, ascending; `party` is one of them.
        party: Who draws.
        seed: 32 bytes, committed to before the key list was known.
    """
    if graph.complete:
        return frozenset(present)
    random = ByteStream(seed, "neighbours")
    places = out_neighbours(present.index(party), len(present), graph.degree, random)
    return frozenset(present[place] for place in places)


def choices(graph: Graph, present: Indices, seeds: Mapping[int, bytes]) -> Choices:
    """`draw` for every party with a seed, by party."""
    return _choices(graph, present, tuple(seeds.items()))


@lru_cache(maxsize=2)  # the parties of one process draw the same conclusions from the same list
def _choices(graph: Graph, present: Indices, seeds: tuple[tuple[int, bytes], ...]) -> Choices:
    return {party: draw(graph, present, party, seed) for party, seed in seeds}


def mask_neighbours(choices: Choices, party: int) -> frozenset[int]:
    """With whom a party exchanges masks: who shared, and drew it or was drawn by it."""
    drew_it = {other for other, drawn in choices.items() if party in drawn}
    return ((choices[party] & choices.keys()) | drew_it) - {party}

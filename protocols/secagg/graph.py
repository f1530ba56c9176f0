"""Who holds shares of whom, and who masks against whom.

Up to 32 parties everybody is everybody's neighbour. Above that each party draws `degree` others,
its out-neighbours, who hold the shares of its two secrets; two parties mask against each other if
either drew the other. How many are enough is worked out in `graph_bounds`.

Source: Bell, Bonawitz, Gascón, Lepoint, Raykova, "Secure single-server aggregation with
(poly)logarithmic overhead", CCS 2020, section 4 (the malicious variant: own draws).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from protocols.secagg.graph_bounds import Bounds
from protocols.secagg.keys import ByteStream

COMPLETE_UP_TO = 32
"""With so many parties in the key list, or fewer, everybody is everybody's neighbour."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The sizes of one attempt's graph, the same for every party.

    parties: how many stand in the key list. degree: how many of the others each draws for itself,
    to hold the shares of its secrets. threshold: how many of those shares give a secret back.
    """

    parties: int
    degree: int
    threshold: int

    @property
    def complete(self) -> bool:
        """Whether everybody is everybody's neighbour, so that nothing is drawn."""
        return self.degree == self.parties - 1


@lru_cache(maxsize=64)
def graph_for(parties: int, *, corrupt: int, dropouts: int, threshold: int, present: int) -> Graph:
    """The sparsest graph that keeps the conditions of `graph_bounds`; complete for few parties.

    parties: how many the question asks, 2 or more. corrupt: how many of them may work together with
    the coordinator. dropouts: how many of those present may fail by accident without failing the
    attempt. threshold: how many have to sign the list of survivors. present: how many stand in the
    key list, in threshold..parties.

    Raises:
        ValueError: No graph is safe with these numbers; the sentence says which stands in the way.
    """
    if parties < 2:
        raise ValueError(f"a sum over {parties} parties hides nobody's part; ask two or more")
    if corrupt < 0 or dropouts < 0:
        raise ValueError("the bounds on corrupt parties and on dropouts are 0 or more")
    if not threshold <= present <= parties:
        raise ValueError(
            f"{present} parties are in the key list; {threshold} (the threshold) to {parties} "
            "(all that were asked) have to be"
        )
    if 2 * threshold - parties <= corrupt:
        raise ValueError(
            f"with {corrupt} corrupt parties of {parties}, two lists of survivors could each find "
            f"{threshold} signatures; raise the threshold above {(parties + corrupt) // 2}"
        )
    everybody = Graph(present, present - 1, threshold)
    if present <= COMPLETE_UP_TO:
        return everybody
    # More dropouts than this end the attempt on any graph: too few are left to sign.
    by_accident = min(dropouts, present - threshold)
    bounds = Bounds(present, corrupt, by_accident, threshold, parties - threshold + 1)
    below, above = 0, present - 1
    while above - below > 1:
        middle = (below + above) // 2
        if bounds.threshold(middle) is None:
            below = middle
        else:
            above = middle
    enough = bounds.threshold(above) if above < present - 1 else None
    return everybody if enough is None else Graph(present, above, enough)


def out_neighbours(me: int, parties: int, degree: int, random: ByteStream) -> tuple[int, ...]:
    """The `degree` others that hold the shares of party `me`: a uniform draw, in rising order.

    Parties are 0..parties-1, by their place in the key list; degree is in 0..parties-1. Whoever
    knows the stream's seed draws the same.

    Raises:
        ValueError: No such party, or not so many others.
    """
    if not 0 <= me < parties:
        raise ValueError(f"party {me} is not one of 0..{parties - 1}")
    if not 0 <= degree < parties:
        raise ValueError(f"a party cannot draw {degree} of {parties - 1} others")
    others = parties - 1
    unbiased_below = 2**32 // max(others, 1) * others  # what lies above favours small remainders
    chosen: set[int] = set()
    while len(chosen) < degree:
        drawn = np.frombuffer(random.take(4 * (degree - len(chosen))), dtype="<u4")
        chosen.update((drawn[drawn < unbiased_below] % others).tolist())
    return tuple(sorted(place + (place >= me) for place in chosen))


def badly_held(
    choices: Mapping[int, AbstractSet[int]], survivors: AbstractSet[int], threshold: int
) -> tuple[int, ...]:
    """The survivors of whom fewer than `threshold` drawn holders survive, in rising order.

    choices: whom each party drew; survivors are among its keys. While there is one, no sum that
    holds its part can be unmasked, so a list of survivors that names it must not be signed.
    """
    gone = frozenset().union(*choices.values()) - survivors  # mostly few: quick to intersect with
    return tuple(
        party
        for party in sorted(survivors)
        if len(choices[party]) - len(choices[party] & gone) < threshold
    )

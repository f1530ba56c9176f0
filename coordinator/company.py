"""Who may sum together, where some are younger members than the job."""

from collections.abc import Collection, Iterable

from protocols.ids import ProviderId
from protocols.secagg.floors import most_newcomers
from protocols.secagg.question import expected_corrupt, minimum_threshold


def company(
    parties: Iterable[ProviderId], members: Collection[ProviderId]
) -> frozenset[ProviderId]:
    """Those of some parties whom nodes will sum with.

    A node does not count an identity that is new to it, and refuses a sum with more such parties
    than could collude without harm. Which identities are new to whom, only the nodes know; those
    that came after the job began may be.

    Args:
        parties: Who could be asked.
        members: Whom the job expected when it began.
    """
    present = sorted(parties)
    known = [party for party in present if party in members]
    newcomers = [party for party in present if party not in members]
    while newcomers:
        count = len(known) + len(newcomers)
        most = most_newcomers(count, minimum_threshold(count), expected_corrupt(count))
        if len(newcomers) <= most:
            break
        newcomers.pop()
    return frozenset(known + newcomers)

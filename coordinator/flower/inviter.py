"""Which of Flower's nodes are to be sent an invitation now; no clock and no network of its own."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from protocols.ids import ProviderId

PATIENCE = 90.0
"""Seconds until an invitation that nobody has answered is sent again: a message to a node that
Flower has just lost is reported lost after about a minute."""
AGAIN = 15.0
"""Seconds until a site whose node did not take its invitation is sent it again."""


@dataclass(slots=True)
class _Sent:
    """What became of an invitation."""

    when: float
    verdict: bool | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a site's node said of its invitation.

    Attributes:
        node: Flower's number of the SuperNode.
        accepted: Whether it was put before the owner; false also where no node was reached.
        sentence: Why.
    """

    node: int
    accepted: bool
    sentence: str


class Inviter:
    """Follows the invitations of one job.

    Args:
        keys: Whose SuperNode has which public key; asked anew each time, since members change.
        clock: Seconds, from any start.
    """

    def __init__(
        self, keys: Callable[[], Mapping[bytes, ProviderId]], clock: Callable[[], float]
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._sent: dict[ProviderId, _Sent] = {}
        self._online: dict[ProviderId, int] = {}

    def to_invite(
        self,
        nodes: Mapping[int, bytes],
        verdicts: Collection[Verdict],
        present: Collection[ProviderId],
    ) -> dict[int, ProviderId]:
        """Who is to be sent an invitation now, by node.

        Args:
            nodes: Public keys of the SuperNodes that are online, by Flower's number.
            verdicts: That have come since the last call.
            present: Who has a session already, and needs no invitation.
        """
        keys = self._keys()
        self._online = {keys[key]: node for node, key in nodes.items() if key in keys}
        by_node = {node: name for name, node in self._online.items()}
        for verdict in verdicts:
            sent = self._sent.get(by_node.get(verdict.node, ProviderId("")))
            if sent is not None:
                sent.verdict, sent.sentence = verdict.accepted, verdict.sentence
        chosen = {}
        now = self._clock()
        for name, node in self._online.items():
            if name not in present and self._is_due(self._sent.get(name), now):
                self._sent[name] = _Sent(now)
                chosen[node] = name
        return chosen

    def standing(self, name: ProviderId) -> str:
        """How far a site's invitation has come, for the operator."""
        sent = self._sent.get(name)
        if sent is None:
            return "invitation waits: its SuperNode is " + (
                "online" if name in self._online else "not online"
            )
        if sent.verdict is None:
            return "invited, no verdict yet"
        return f"invitation {'taken' if sent.verdict else 'not taken'}: {sent.sentence}"

    @staticmethod
    def _is_due(sent: _Sent | None, now: float) -> bool:
        if sent is None:
            return True
        if sent.verdict is None:
            return now - sent.when > PATIENCE
        return not sent.verdict and now - sent.when > AGAIN

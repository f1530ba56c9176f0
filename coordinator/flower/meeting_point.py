"""Where Flower's ServerApp asks whom to invite, for all jobs that run."""

import base64
import binascii
import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from coordinator.flower.inviter import Inviter, Verdict
from coordinator.unix_calls import Call
from protocols.ids import JobId, ProviderId

_SOON, _LATER = 1.0, 10.0
"""Seconds until the bridge asks again: while somebody is missing, and when all are there."""
_MOST = 2**25
"""Bytes of invitations in one answer; the rest goes with the next one."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """One job that sites are invited to.

    Attributes:
        job: Its id.
        expected: Who may come.
        present: Who has a session now.
        invitation: The bytes for one of them.
    """

    job: JobId
    expected: Callable[[], frozenset[ProviderId]]
    present: Callable[[], frozenset[ProviderId]]
    invitation: Callable[[ProviderId], bytes]


@dataclass(slots=True)
class _Table:
    """A gathering, and how far its invitations are."""

    gathering: Gathering
    inviter: Inviter
    heard: float = -math.inf
    unsent: dict[int, ProviderId] = field(default_factory=dict)


class MeetingPoint:
    """The gatherings under way; may be used from any thread.

    Args:
        keys: Whose SuperNode has which public key.
        clock: Seconds, from any start.
    """

    def __init__(
        self, keys: Callable[[], Mapping[bytes, ProviderId]], clock: Callable[[], float]
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._tables: dict[JobId, _Table] = {}

    @contextlib.contextmanager
    def open(self, gathering: Gathering) -> Iterator[None]:
        """Invite to a job until the block ends."""
        table = _Table(gathering, Inviter(self._keys, self._clock))
        with self._lock:
            self._tables[gathering.job] = table
        try:
            yield
        finally:
            with self._lock:
                del self._tables[gathering.job]

    def answer(self, asked: Call) -> Call:
        """What the bridge of a job is told.

        Args:
            asked: `job`; `nodes`, public keys in base64 by number; `verdicts`, each with `node`,
                `accepted` and `sentence`.

        Returns:
            `over`, whether the job is; `invitations`, in base64 by node; `pause`, in seconds.

        Raises:
            ValueError: The call is not of this form.
        """
        try:
            job = JobId(str(asked["job"]))
            nodes = {
                int(number): base64.b64decode(key, validate=True)
                for number, key in asked["nodes"].items()
            }
            verdicts = [
                Verdict(int(each["node"]), bool(each["accepted"]), _readable(each["sentence"]))
                for each in asked["verdicts"]
            ]
        except (KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise ValueError(f"this is no call of the bridge ({error!r})") from error
        with self._lock:
            table = self._tables.get(job)
            if table is None:
                return {"over": True, "invitations": {}, "pause": 0.0}
            return self._invitations(table, nodes, verdicts)

    def standing(self, job: JobId, name: ProviderId) -> str:
        """How far a site's invitation has come; empty when the job does not run."""
        with self._lock:
            table = self._tables.get(job)
            return "" if table is None else table.inviter.standing(name)

    def heard(self) -> dict[JobId, float]:
        """When the bridge of each job has called last, by the clock; -inf before it has."""
        with self._lock:
            return {job: table.heard for job, table in self._tables.items()}

    def _invitations(
        self, table: _Table, nodes: Mapping[int, bytes], verdicts: list[Verdict]
    ) -> Call:
        """Called with the lock held."""
        table.heard = self._clock()
        gathering = table.gathering
        present, expected = gathering.present(), gathering.expected()
        due = table.inviter.to_invite(nodes, verdicts, present)
        table.unsent |= {node: name for node, name in due.items() if name in expected}
        chosen, size = {}, 0
        while table.unsent and size < _MOST:
            node, name = table.unsent.popitem()
            body = gathering.invitation(name)
            chosen[str(node)] = base64.b64encode(body).decode()
            size += len(body)
        pause = _LATER if expected <= present else _SOON
        return {"over": False, "invitations": chosen, "pause": pause}


def _readable(sentence: object) -> str:
    """A sentence from far away, made fit for a terminal and a log."""
    return "".join(each if each.isprintable() else "?" for each in str(sentence)[:500])

"""Who is there for a job, and whether they believe its coordinator."""

import time
from collections.abc import Callable, Collection

from coordinator.aggregation_attempt import Sessions
from coordinator.joining import JobTrust, join
from coordinator.membership import Membership
from coordinator.session_questions import REVOKED, TooManyAbsent
from protocols.ids import ProviderId

_LOOK_AGAIN = 0.05
"""Seconds between two looks at who is there."""


class Attendance:
    """A job's way to find out who takes part, and to make them believe it.

    Args:
        sessions: The job's.
        membership: Its federation.
        timeout: Seconds in which providers must have come, and each must have believed.
        renewed: Told when the job's trust is another one.
        clock: Seconds, from any start.
        sleep: As `time.sleep`.
    """

    def __init__(
        self,
        sessions: Sessions,
        membership: Membership,
        timeout: float,
        *,
        renewed: Callable[[JobTrust], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.timeout = timeout
        self._sessions = sessions
        self._membership = membership
        self._renewed = renewed
        self._clock = clock
        self._sleep = sleep
        self._trust = membership.trust
        self._briefed: set[ProviderId] = set()

    @property
    def expected(self) -> frozenset[ProviderId]:
        """Who may take part."""
        return self._membership.expected()

    @property
    def young(self) -> frozenset[ProviderId]:
        """Who of them is so new that nodes do not count its rows yet."""
        return self._membership.young()

    def gone(self, among: Collection[ProviderId]) -> dict[ProviderId, str]:
        """Who of some providers will not come back, and why."""
        left, members = self._membership.gone(), self._membership.expected()
        return {
            name: left.get(name, REVOKED) for name in among if name in left or name not in members
        }

    def wait_for(self, wanted: Collection[ProviderId]) -> dict[ProviderId, str]:
        """Wait until all of these are there, or gone; returns who is missing, and why.

        Raises:
            SessionsStopped: Nobody will come any more.
        """
        deadline = self._clock() + self.timeout
        while True:
            gone = self.gone(wanted)
            late = frozenset(wanted) - self._membership.present() - gone.keys()
            if not late or self._clock() >= deadline:
                break
            self._sleep(_LOOK_AGAIN)
        return gone | dict.fromkeys(late, f"not connected within {self.timeout:g} s")

    def wait_for_all(self, wanted: Collection[ProviderId]) -> None:
        """Wait until all of these are there, and believe the coordinator.

        Raises:
            ProvidersMissing: Somebody did not come, or left.
            AggregationFailed, SessionsStopped: As `brief`.
        """
        if missing := self.wait_for(wanted):
            raise TooManyAbsent(missing, "Start their nodes and go on")
        self.brief(wanted)

    def newcomers(self, known: Collection[ProviderId]) -> frozenset[ProviderId]:
        """Who is there and may take part, besides those known already."""
        here = self._membership.present() - frozenset(known)
        return here - self.gone(here).keys()

    def brief(self, parties: Collection[ProviderId]) -> None:
        """Hand roster and manifest to those of some parties that have not taken the latest.

        Raises:
            AggregationFailed, ProvidersGone, SessionsStopped: As `join`.
        """
        due = frozenset(parties) - self._briefed
        if due:
            join(self._sessions, self._trust, due, self.timeout)
            self._briefed |= due

    @property
    def behind(self) -> bool:
        """Whether there is a later roster than the one that the job goes by."""
        return self._membership.trust.manifest != self._trust.manifest

    def renew(self) -> bool:
        """Go by the federation's latest roster; returns whether it is another one than before."""
        if not self.behind:
            return False
        self._trust = latest = self._membership.trust
        self._briefed.clear()
        self._renewed(latest)
        return True

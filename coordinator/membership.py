"""What a job has to know of the federation that gathers its providers."""

from collections.abc import Mapping
from typing import Protocol

from coordinator.joining import JobTrust
from protocols.ids import ProviderId


class Membership(Protocol):
    """A federation, whichever way it gathers. All of it may be asked at any time, and answers now.

    Attributes:
        trust: Under the latest roster that the job can go on under. What changes from one to the
            next is the roster, and the participants with it.
    """

    @property
    def trust(self) -> JobTrust:
        """See above."""
        ...

    def expected(self) -> frozenset[ProviderId]:
        """The members now: whoever of them comes may take part; who was revoked is not one."""
        ...

    def young(self) -> frozenset[ProviderId]:
        """Members that are so new that nodes do not count them yet."""
        ...

    def present(self) -> frozenset[ProviderId]:
        """Who has an open session.

        Raises:
            SessionsStopped: Nobody will come any more.
        """
        ...

    def gone(self) -> Mapping[ProviderId, str]:
        """Members that will not come back, each with a clause that says why."""
        ...

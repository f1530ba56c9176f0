"""What a question waits for before it may begin: hours of work, and the owner's approval."""

from collections.abc import Awaitable, Callable

from protocols.errors import Code, Refused
from provider.policies.approvals import Approvals
from provider.policies.asked import Asked, Decision
from provider.policies.owner_policy import OwnerPolicy
from provider.session_api import PendingUntil

LOOK = 2.0
"""Seconds between two looks at the queue, which another process writes."""
NAP = 60.0
"""Longest sleep: a clock may be set meanwhile, and the policy may have other hours by then."""


class Turnstile:
    """Lets a question through, puts it off, or refuses it.

    Args:
        approvals: The owner's queue.
        now: Unix seconds.
        sleep: As `asyncio.sleep`.
    """

    def __init__(
        self,
        approvals: Approvals,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._approvals = approvals
        self._now = now
        self._sleep = sleep

    def stands_open(self, policy: OwnerPolicy, function: str) -> bool:
        """Whether a policy lets questions of a function begin at once."""
        return self._outside_hours(policy) is None and not policy.needs_approval(function)

    async def pass_through(
        self,
        policy: Callable[[], OwnerPolicy],
        asked: Asked,
        tell: Callable[[PendingUntil], None],
    ) -> OwnerPolicy:
        """Wait until the question may begin.

        Args:
            policy: The one in force; asked again after every wait. It has to check the question
                each time, so that nothing begins that has been forbidden in the meantime.
            asked: The question, put into the queue if it needs approval.
            tell: Told of a delay whenever it is another one than before.

        Returns:
            The policy that let the question through; the one it is to be answered under.

        Raises:
            Refused: NOT_ALLOWED, the owner denied it or said nothing in time; or as `policy`.
        """
        told: PendingUntil | None = None
        queued = False
        while True:
            found = policy()
            pending = self._outside_hours(found)
            if pending is None and found.needs_approval(asked.function):
                pending = self._awaiting(found, asked, queued=queued)
                queued = True
            if pending is None:
                return found
            if pending != told:
                tell(pending)
                told = pending
            await self._sleep(self._nap(pending))

    def _outside_hours(self, policy: OwnerPolicy) -> PendingUntil | None:
        opening = policy.next_opening(self._now())
        return None if opening is None else PendingUntil(opening, Code.OUTSIDE_HOURS)

    def _awaiting(self, policy: OwnerPolicy, asked: Asked, *, queued: bool) -> PendingUntil | None:
        """Look at the queue; a question that has waited in vain is not put down again by itself."""
        if queued and self._decision(asked) is Decision.EXPIRED:
            raise Refused(Code.NOT_ALLOWED, local="nobody approved of the question in time")
        waiting = self._approvals.ask(asked, policy.rules.approval)
        if waiting.decision is Decision.DENIED:
            raise Refused(Code.NOT_ALLOWED, local=f"the owner denied it as number {waiting.id}")
        if waiting.decision is Decision.APPROVED:
            return None
        return PendingUntil(waiting.expires, Code.AWAITING_APPROVAL)

    def _decision(self, asked: Asked) -> Decision | None:
        return self._approvals.decision(asked.job, asked.query, asked.body, asked.function)

    def _nap(self, pending: PendingUntil) -> float:
        if pending.reason is Code.AWAITING_APPROVAL:
            return LOOK
        return min(NAP, max(pending.until - self._now(), 0.01))

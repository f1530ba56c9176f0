"""What came of one question, told when it is over."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from protocols.errors import Code, Refused
from protocols.ids import JobId
from provider.events import (
    UNREADABLE,
    QuestionEnded,
    QuestionPostponed,
    Verdict,
    Watcher,
)
from provider.session_api import PendingUntil


class QuestionWatch:
    """A context in which one question is answered; how it is left says what came of it.

    Args:
        job: Who asks.
        watcher: Told at the end, and of delays.
        clock: Seconds, from any start.

    Attributes:
        function: What is asked, as far as it is known.
        stored: Whether the answer was given before.
        size: Bytes of the answer.
    """

    def __init__(self, job: JobId, watcher: Watcher, clock: Callable[[], float]) -> None:
        self.function = UNREADABLE
        self.stored = False
        self.size = 0
        self._job = job
        self._watcher = watcher
        self._clock = clock
        self._began = clock()

    @property
    def seconds(self) -> float:
        """Since the question came."""
        return self._clock() - self._began

    def telling(self, tell: Callable[[PendingUntil], None]) -> Callable[[PendingUntil], None]:
        """A `tell` of the session that is noticed here, too."""

        def both(pending: PendingUntil) -> None:
            self._watcher(QuestionPostponed(self._job, self.function, pending.reason))
            tell(pending)

        return both

    def __enter__(self) -> Self:
        """The question has come."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """It is over."""
        verdict, code = self._verdict(error)
        self._watcher(
            QuestionEnded(self._job, self.function, verdict, code, self.size, self.seconds)
        )

    def _verdict(self, error: BaseException | None) -> tuple[Verdict, Code | None]:
        match error:
            case None:
                return (Verdict.STORED if self.stored else Verdict.ANSWERED), None
            case Refused():
                return Verdict.REFUSED, error.code
            case asyncio.CancelledError():
                return Verdict.DROPPED, None
            case _:  # the session refuses it with this code
                return Verdict.REFUSED, Code.NODE_FAULT

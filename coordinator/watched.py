"""Sessions and files of a job, with somebody who is told what comes of them."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Protocol

from coordinator.blobs import BlobSource
from coordinator.job_events import (
    MASKED,
    Checkpointed,
    FileServed,
    Outcome,
    QuestionAsked,
    QuestionSettled,
)
from coordinator.session_questions import QueryRefused, QueryTimedOut, Question
from protocols.errors import Code
from protocols.ids import Digest, ProviderId, QueryId


class Sessions(Protocol):
    """What a job needs of its session server."""

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        """Send the questions; one future each."""
        ...

    def connected(self) -> frozenset[ProviderId]:
        """Who has an open session now."""
        ...

    def acknowledge(self, up_to: QueryId) -> None:
        """Tell all providers that answers up to here are safe on disk."""
        ...


class WatchedSessions:
    """Takes the place of the session server for `Questions` and `Aggregations`.

    Args:
        sessions: The session server.
        tell: Told of each question, and of what comes of it.
        clock: Seconds, from any start.
    """

    def __init__(
        self,
        sessions: Sessions,
        tell: Callable[[QuestionAsked | QuestionSettled | Checkpointed], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._tell = tell
        self._clock = clock

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        """Send the questions; one future each."""
        began = self._clock()
        futures = self._sessions.ask_many(questions)
        for question, future in zip(questions, futures, strict=True):
            function = question.function or MASKED
            self._tell(
                QuestionAsked(question.provider, question.query, function, len(question.body))
            )
            future.add_done_callback(
                partial(self._settled, question.provider, question.query, function, began)
            )
        return futures

    def connected(self) -> frozenset[ProviderId]:
        """Who has an open session now."""
        return self._sessions.connected()

    def acknowledge(self, up_to: QueryId) -> None:
        """Tell all providers that answers up to here are safe on disk."""
        self._sessions.acknowledge(up_to)
        self._tell(Checkpointed(up_to))

    def _settled(
        self,
        provider: ProviderId,
        query: QueryId,
        function: str,
        began: float,
        future: Future[bytes],
    ) -> None:
        outcome, code = _outcome(future.exception())
        size = len(future.result()) if outcome is Outcome.ANSWERED else 0
        seconds = self._clock() - began
        self._tell(QuestionSettled(provider, query, function, outcome, code, size, seconds))


class WatchedBlobs:
    """Takes the place of a job's files for those who serve them.

    Args:
        blobs: The files.
        tell: Told of each piece that is served.
    """

    def __init__(self, blobs: BlobSource, tell: Callable[[FileServed], None]) -> None:
        self._blobs = blobs
        self._tell = tell

    def size(self, digest: Digest) -> int | None:
        """Bytes of the file; None when no such file is published."""
        return self._blobs.size(digest)

    def read(self, digest: Digest, offset: int, length: int) -> bytes | memoryview:
        """Bytes from `offset`; see `BlobSource.read`."""
        piece = self._blobs.read(digest, offset, length)
        self._tell(FileServed(len(piece)))
        return piece


def _outcome(error: BaseException | None) -> tuple[Outcome, Code | None]:
    match error:
        case None:
            return Outcome.ANSWERED, None
        case QueryRefused():
            return Outcome.REFUSED, error.code
        case QueryTimedOut():
            return Outcome.TIMED_OUT, error.postponed.reason if error.postponed else None
        case _:
            return Outcome.STOPPED, None

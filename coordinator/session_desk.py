"""Keeps the providers of one job: their streams, their books, what they were told.

Everything here runs in the session port's event loop.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from coordinator.admission import Admission, Denied
from coordinator.blobs import BlobSource
from coordinator.question_book import QuestionBook
from coordinator.session_events import (
    Faulted,
    Joined,
    Left,
    Lost,
    Postponed,
    Rejoined,
    SessionEvent,
)
from coordinator.session_questions import Question, SessionsStopped
from coordinator.session_stream import CoordinatorStream
from protocols import frames as f
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.limits import Limits
from protocols.link import Ending
from protocols.proof import Verifier


class SessionDesk:
    """One job's side of its sessions; `coordinator.job_sessions` opens it to other threads.

    Args:
        admission: Who may come in.
        blobs: The files that providers may pull.
        limits: Sizes and times.
        loop: The event loop.
        on_event: Told what happens.
        closed: Called once, when the last stream has ended after a stop.

    Attributes:
        stopped: Why no question is answered any more; None before.
        suspended: Whether the job is to be opened again after that.
    """

    def __init__(
        self,
        admission: Admission,
        blobs: BlobSource,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        *,
        on_event: Callable[[SessionEvent], None],
        closed: Callable[[], None],
    ) -> None:
        self.blobs = blobs
        self.stopped: str | None = None
        self.suspended = False
        self._limits = limits
        self._admission = admission
        self._loop = loop
        self._on_event = on_event
        self._closed = closed
        self._books: dict[ProviderId, QuestionBook] = {}
        self._streams: dict[ProviderId, CoordinatorStream] = {}
        self._everyone: set[CoordinatorStream] = set()
        self._seen: set[ProviderId] = set()
        self._acknowledged: QueryId | None = None

    def ask(self, questions: Iterable[tuple[Question, Future[bytes]]]) -> None:
        """Put questions into their providers' books."""
        for question, future in questions:
            if self.stopped is not None:
                future.set_exception(SessionsStopped(self.stopped))
            else:
                self._book(question.provider).add(question, future)

    def acknowledge(self, up_to: QueryId) -> None:
        """Tell every provider, the absent ones when they come back."""
        if self._acknowledged is None or up_to > self._acknowledged:
            self._acknowledged = up_to
            for stream in self._streams.values():
                stream.send(f.Ack(up_to))

    def stop(self, reason: str) -> None:
        """Say goodbye to all and give up their questions."""
        if self.stopped is None:
            self._stop(reason, CoordinatorStream.dismiss)

    def suspend(self, reason: str) -> None:
        """Tell all to come again later, and give up their questions."""
        if self.stopped is None:
            self.suspended = True
            self._stop(reason, CoordinatorStream.suspend)

    def admit(self, stream: CoordinatorStream, hello: f.Hello) -> Verifier | None:
        """What a provider's proof has to pass, if there has to be one; Denied."""
        self._everyone.add(stream)
        return self._admission.admit(hello, stream.peer)

    def welcome(self, stream: CoordinatorStream, hello: f.Hello) -> QuestionBook:
        """Let a provider in, in place of its older stream; returns its book."""
        provider = hello.provider
        older = self._streams.get(provider)
        if older:
            older.replace()
        self._streams[provider] = stream
        limits = self._limits
        stream.welcome(
            f.Welcome(
                in_flight=min(limits.in_flight, hello.in_flight),
                max_body=limits.max_body,
                max_chunk=limits.max_chunk,
                blob_window=limits.blob_window,
            )
        )
        if self._acknowledged is not None and hello.acknowledged != self._acknowledged:
            stream.send(f.Ack(self._acknowledged))
        event = Rejoined(provider) if provider in self._seen else Joined(provider)
        self._seen.add(provider)
        self._on_event(event)
        return self._book(provider)

    def recheck(self) -> None:
        """Send those away who were let in and would not be now."""
        for stream in list(self._streams.values()):
            assert stream.hello is not None  # noqa: S101 - it was let in
            try:
                self._admission.admit(stream.hello, stream.peer)
            except Denied as denied:
                stream.expel(denied)

    def postponed(self, provider: ProviderId, pending: f.Pending) -> None:
        """Pass on a delay."""
        self._on_event(Postponed(provider, pending.query, pending.until, pending.reason))

    def ended(self, stream: CoordinatorStream) -> None:
        """Forget a stream, and say what happened."""
        self._everyone.discard(stream)
        self._report(stream)
        self._look_whether_closed()

    def _stop(self, reason: str, end: Callable[[CoordinatorStream, str], None]) -> None:
        self.stopped = reason
        for stream in self._everyone:
            end(stream, reason)
        for book in self._books.values():
            book.stop(reason)
        self._look_whether_closed()

    def _look_whether_closed(self) -> None:
        if self.stopped is not None and not self._everyone:
            self._closed()

    def _book(self, provider: ProviderId) -> QuestionBook:
        book = self._books.get(provider)
        if book is None:
            book = QuestionBook(provider, self._loop, self._limits.queue)
            self._books[provider] = book
        return book

    def _report(self, stream: CoordinatorStream) -> None:
        """Say how a stream ended."""
        if away := stream.turned_away:
            self._on_event(away)
        if stream.hello is None or not stream.admitted:
            return
        ended, provider = stream.ended, stream.hello.provider
        if ended.how is Ending.FAULT and ended.code:
            self._on_event(Faulted(provider, ended.code, ended.sentence))
        if self._streams.get(provider) is stream:
            del self._streams[provider]
            if ended.how is Ending.GOODBYE and ended.code:  # it left, or was expelled
                self._book(provider).give_up(ended.code)
            left = ended.code is Code.OWNER_LEFT
            self._on_event(Left(provider) if left else Lost(provider, ended.sentence))

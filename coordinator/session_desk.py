"""Keeps the providers of one job: their streams, their books, what they were told.

Everything here runs in the session server's event loop.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from coordinator.admission import Admission
from coordinator.blobs import BlobSource
from coordinator.question_book import QuestionBook
from coordinator.session_events import (
    Faulted,
    Joined,
    Lost,
    Postponed,
    Rejoined,
    SessionEvent,
    TurnedAway,
)
from coordinator.session_questions import Question, SessionsStopped
from coordinator.session_stream import Context, CoordinatorStream
from protocols import frames as f
from protocols.errors import Code, FrameError
from protocols.ids import JobId, ProviderId, QueryId
from protocols.limits import Limits
from protocols.link import Ending


class SessionDesk:
    """One job's side of all sessions; `coordinator.session_server` opens it to other threads."""

    def __init__(
        self,
        job: JobId,
        admission: Admission,
        blobs: BlobSource,
        limits: Limits,
        on_event: Callable[[SessionEvent], None],
    ) -> None:
        self.limits = limits
        self.blobs = blobs
        self._job = job
        self._admission = admission
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._books: dict[ProviderId, QuestionBook] = {}
        self._streams: dict[ProviderId, CoordinatorStream] = {}
        self._everyone: set[CoordinatorStream] = set()
        self._seen: set[ProviderId] = set()
        self._acknowledged: QueryId | None = None
        self._stopped: str | None = None

    async def serve(self, _: object, context: Context) -> None:
        """Handle one stream, as gRPC calls it."""
        stream = CoordinatorStream(context, self)
        self._everyone.add(stream)
        try:
            await stream.run()
        except asyncio.CancelledError:  # the provider is gone, and so is the stream: all is done
            return
        finally:
            self._everyone.discard(stream)
            self._ended(stream)

    def ask(self, questions: Iterable[tuple[Question, Future[bytes]]]) -> None:
        """Put questions into their providers' books."""
        for question, future in questions:
            if self._stopped is not None:
                future.set_exception(SessionsStopped(self._stopped))
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
        self._stopped = reason
        for stream in self._everyone:
            stream.dismiss(reason)
        for book in self._books.values():
            book.stop(reason)

    def admit(self, stream: CoordinatorStream, hello: f.Hello) -> QuestionBook:
        """Let a provider in, in place of its older stream; FrameError when it may not come in."""
        if hello.job != self._job:
            raise FrameError(Code.WRONG_JOB)
        code = self._admission.admit(hello, stream.peer)
        if code:
            raise FrameError(code)
        provider = hello.provider
        older = self._streams.get(provider)
        if older:
            older.replace()
        self._streams[provider] = stream
        limits = self.limits
        stream.send(
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

    def postponed(self, provider: ProviderId, pending: f.Pending) -> None:
        """Pass on a delay."""
        self._on_event(Postponed(provider, pending.query, pending.until, pending.reason))

    def _book(self, provider: ProviderId) -> QuestionBook:
        book = self._books.get(provider)
        if book is None:
            book = QuestionBook(provider, self._loop, self.limits.queue)
            self._books[provider] = book
        return book

    def _ended(self, stream: CoordinatorStream) -> None:
        """Forget a stream, and say what happened."""
        ended = stream.ended
        provider = stream.hello.provider if stream.hello else None
        fault = ended.code if ended.how is Ending.FAULT else None
        if provider is None or not stream.admitted:
            if fault:
                self._on_event(TurnedAway(stream.peer.address, provider, fault, ended.sentence))
            return
        if fault:
            self._on_event(Faulted(provider, fault, ended.sentence))
        if self._streams.get(provider) is stream:
            del self._streams[provider]
            self._on_event(Lost(provider, ended.sentence))

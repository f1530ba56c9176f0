"""The coordinator's end of one provider's stream."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

import grpc.aio

from coordinator.admission import Peer
from coordinator.blobs import BlobSource
from coordinator.question_book import QuestionBook
from protocols import frames as f
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.limits import Limits
from protocols.link import Ended, Ending, Link
from protocols.session_rules import CoordinatorRules


class Desk(Protocol):
    """Where streams report; `coordinator.session_desk` has it."""

    @property
    def limits(self) -> Limits:
        """What this coordinator accepts."""
        ...

    @property
    def blobs(self) -> BlobSource:
        """The files published for the job."""
        ...

    def admit(self, stream: "CoordinatorStream", hello: f.Hello) -> QuestionBook:
        """The provider's book; FrameError when it is not let in."""
        ...

    def postponed(self, provider: ProviderId, pending: f.Pending) -> None:
        """A provider announced a delay."""
        ...


class Context(Protocol):
    """The part used here of gRPC's `ServicerContext`, which has no type annotations."""

    async def read(self) -> bytes | object:
        """The next message, or `grpc.aio.EOF`."""
        ...

    async def write(self, message: bytes) -> None:
        """Send a message."""
        ...

    def peer(self) -> str:
        """Address of the other end."""
        ...

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What TLS verified."""
        ...


class ContextWire:
    """A server's stream as a `Wire`; it closes when its handler returns."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def read(self) -> bytes | None:
        """The next message; None at the end."""
        try:
            message = await self._context.read()
        except grpc.aio.BaseError as error:
            raise ConnectionError("The connection was lost.") from error
        return message if isinstance(message, bytes) else None

    async def write(self, message: bytes) -> None:
        """Send a message."""
        try:
            await self._context.write(message)
        except grpc.aio.BaseError as error:
            raise ConnectionError("The connection was lost.") from error

    async def close(self) -> None:
        """Nothing to do."""


class CoordinatorStream:
    """Serves one stream from Hello to the end; nothing that arrives on it touches another."""

    def __init__(self, context: Context, desk: Desk) -> None:
        self._desk = desk
        self._rules = CoordinatorRules(desk.limits)
        self._book: QuestionBook | None = None
        self._link = Link(
            ContextWire(context),
            self._rules,
            desk.limits,
            self._handle,
            clock=asyncio.get_running_loop().time,
            sleep=asyncio.sleep,
            patient=False,
        )
        self.hello: f.Hello | None = None
        self.peer = _peer(context)

    @property
    def admitted(self) -> bool:
        """Whether the provider was let in."""
        return self._book is not None

    @property
    def max_body(self) -> int:
        """Bytes of the largest question that the provider takes."""
        return self._rules.max_body

    def may_ask(self, query: QueryId) -> bool:
        """Whether the provider takes this question now."""
        return not self._link.over and self._rules.may_ask(query)

    def ask(self, question: f.Question) -> None:
        """Send a question."""
        self._rules.asked(question.query)
        self._link.put(question)

    def send(self, frame: f.Welcome | f.Ack) -> None:
        """Send a frame that needs no bookkeeping."""
        self._link.put(frame)

    def dismiss(self, reason: str) -> None:
        """End the stream as it should end."""
        self._link.end(f.Goodbye(reason), Ended(Ending.GOODBYE, reason))

    def replace(self) -> None:
        """End the stream in favour of a newer one."""
        code = Code.REPLACED
        self._link.end(f.Error(code, code.sentence), Ended(Ending.GOODBYE, code.sentence))

    @property
    def ended(self) -> Ended:
        """How the stream ended."""
        return self._link.ended

    async def run(self) -> None:
        """Until the stream is over at either end; gRPC cancels this when the peer is gone."""
        try:
            await self._link.run()
        finally:
            if self._book:
                self._book.detach(self)

    def _handle(self, frame: f.Frame) -> None:
        """Act on a frame that the rules allow."""
        if isinstance(frame, f.Hello):
            self.hello = frame
            self._book = self._desk.admit(self, frame)
            self._book.attach(self)
        elif isinstance(frame, f.BlobRequest):
            self._link.put_bulk(lambda: self._piece(frame))
        elif self._book is None:
            return  # unreachable by the rules: the rest comes after Hello
        elif isinstance(frame, f.Answer):
            self._book.answered(frame)
        elif isinstance(frame, f.Refusal):
            self._book.refused(frame)
        elif isinstance(frame, f.Pending):
            self._book.postponed(frame)
            self._desk.postponed(self._book.provider, frame)

    def _piece(self, request: f.BlobRequest) -> f.BlobChunk | f.BlobError:
        """The reply to a blob request, made when its turn has come."""
        self._rules.served()
        blobs, digest, offset = self._desk.blobs, request.digest, request.offset
        total = blobs.size(digest)
        if total is None:
            return f.BlobError(digest, offset, Code.BLOB_NOT_PUBLISHED)
        if offset > total or request.length > self._desk.limits.max_chunk:
            return f.BlobError(digest, offset, Code.BLOB_BAD_RANGE)
        try:
            return f.BlobChunk(digest, offset, total, blobs.read(digest, offset, request.length))
        except (OSError, KeyError):
            return f.BlobError(digest, offset, Code.BLOB_UNREADABLE)


def _peer(context: Context) -> Peer:
    names: set[str] = set()
    identity = context.auth_context()
    for key in ("x509_common_name", "x509_subject_alternative_name"):
        names.update(name.decode("utf-8", "replace") for name in identity.get(key, ()))
    return Peer(context.peer(), frozenset(names))

"""The coordinator's end of one provider's stream."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import grpc.aio

from coordinator.admission import Denied, Peer
from coordinator.blobs import BlobSource
from coordinator.question_book import QuestionBook
from coordinator.session_events import TurnedAway
from protocols import frames as f
from protocols.errors import Code, FrameError
from protocols.ids import JobId, ProviderId, QueryId
from protocols.limits import Limits
from protocols.link import Ended, Ending, Link
from protocols.proof import Verifier
from protocols.session_rules import CoordinatorRules

_log = logging.getLogger(__name__)


class Desk(Protocol):
    """Where a job's streams report; `coordinator.session_desk` has it."""

    @property
    def blobs(self) -> BlobSource:
        """The files published for the job."""
        ...

    def admit(self, stream: "CoordinatorStream", hello: f.Hello) -> Verifier | None:
        """What the provider's proof has to pass, if there has to be one; Denied."""
        ...

    def welcome(self, stream: "CoordinatorStream", hello: f.Hello) -> QuestionBook:
        """Let the provider in; returns its book."""
        ...

    def postponed(self, provider: ProviderId, pending: f.Pending) -> None:
        """A provider announced a delay."""
        ...

    def ended(self, stream: "CoordinatorStream") -> None:
        """A stream is over."""
        ...


class Reception(Protocol):
    """Where streams arrive; `coordinator.session_port` has it."""

    @property
    def limits(self) -> Limits:
        """What this coordinator accepts."""
        ...

    def desk(self, job: JobId) -> Desk:
        """Where the job's streams report; FrameError when it is not open here."""
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

    def __init__(
        self,
        context: Context,
        reception: Reception,
        fresh: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._reception = reception
        self._rules = CoordinatorRules(reception.limits)
        self._challenge = f.Challenge(fresh(f.NONCE_BYTES))
        self._book: QuestionBook | None = None
        self._why = ""
        self._link = Link(
            ContextWire(context),
            self._rules,
            reception.limits,
            self._handle,
            clock=asyncio.get_running_loop().time,
            sleep=asyncio.sleep,
            patient=False,
            about=self._about,
        )
        self.hello: f.Hello | None = None
        self.desk: Desk | None = None
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

    def welcome(self, welcome: f.Welcome) -> None:
        """Tell the provider that it is in."""
        self._rules.welcomed()
        self._link.put(welcome)

    def send(self, ack: f.Ack) -> None:
        """Send a frame that needs no bookkeeping."""
        self._link.put(ack)

    def dismiss(self, reason: str) -> None:
        """End the stream as it should end."""
        self._link.end(f.Goodbye(reason), Ended(Ending.GOODBYE, reason))

    def replace(self) -> None:
        """End the stream in favour of a newer one."""
        code = Code.REPLACED
        self._link.end(f.Error(code, code.sentence), Ended(Ending.GOODBYE, code.sentence))

    def expel(self, denied: Denied) -> None:
        """End the stream of a provider that would not be let in any more."""
        code = denied.code
        _log.warning("it may not stay: %s", denied, extra=self._about(code))
        self._link.end(f.Error(code, code.sentence), Ended(Ending.GOODBYE, code.sentence, code))

    def suspend(self, reason: str) -> None:
        """End the stream of a node that shall come again."""
        error = FrameError(Code.JOB_NOT_OPEN, reason)
        self._link.end(f.Error(error.code, error.sentence), Ended(Ending.GOODBYE, reason))

    @property
    def ended(self) -> Ended:
        """How the stream ended."""
        return self._link.ended

    @property
    def turned_away(self) -> TurnedAway | None:
        """Whom we would not let in, and why; None where it is not so."""
        ended = self.ended
        if self.admitted or ended.how is not Ending.FAULT or ended.code is None:
            return None
        provider = self.hello.provider if self.hello else None
        sentence = f"{ended.sentence} {self._why}".rstrip()
        return TurnedAway(self.peer.address, provider, ended.code, sentence)

    async def run(self) -> None:
        """Until the stream is over at either end; gRPC cancels this when the peer is gone."""
        try:
            await self._link.run()
        finally:
            if self._book:
                self._book.detach(self)
            if away := self.turned_away:
                _log.warning("it was not let in: %s", away.sentence, extra=self._about(away.code))

    def _about(self, code: Code | None = None) -> dict[str, str]:
        """In log lines: who is there, as far as it said so, and why it has to go."""
        about = {"peer": self.peer.address}
        if self.hello:
            about |= {"job": self.hello.job, "provider": self.hello.provider}
        return about | ({"code": code.name} if code else {})

    def _handle(self, frame: f.Frame) -> None:
        """Act on a frame that the rules allow."""
        try:
            self._act(frame)
        except Denied as denied:
            self._why = denied.why
            raise FrameError(denied.code) from denied

    def _act(self, frame: f.Frame) -> None:
        if isinstance(frame, f.Hello):
            self.hello = frame
            self.desk = self._reception.desk(frame.job)
            if self.desk.admit(self, frame):
                self._link.put(self._challenge)
            else:
                self._enter(self.desk, frame)
        elif self.desk is None or self.hello is None:
            return  # unreachable by the rules: the rest comes after Hello
        elif isinstance(frame, f.Proof):
            verifier = self.desk.admit(self, self.hello)  # asked again: the roster moves on
            if verifier is None or not verifier.holds(self.hello, self._challenge, frame):
                raise Denied(
                    Code.NOT_PROVEN,
                    why="The signature is not by its key of the roster, or not for this stream.",
                )
            self._enter(self.desk, self.hello)
        elif self._book is None:
            return  # unreachable by the rules: the rest comes after the Welcome
        elif isinstance(frame, f.BlobRequest):
            blobs = self.desk.blobs
            self._link.put_bulk(lambda: self._piece(blobs, frame))
        elif isinstance(frame, f.Answer):
            self._book.answered(frame)
        elif isinstance(frame, f.Refusal):
            self._book.refused(frame)
        elif isinstance(frame, f.Pending):
            self._book.postponed(frame)
            self.desk.postponed(self._book.provider, frame)

    def _enter(self, desk: Desk, hello: f.Hello) -> None:
        self._book = desk.welcome(self, hello)
        self._book.attach(self)

    def _piece(self, blobs: BlobSource, request: f.BlobRequest) -> f.BlobChunk | f.BlobError:
        """The reply to a blob request, made when its turn has come."""
        self._rules.served()
        digest, offset = request.digest, request.offset
        total = blobs.size(digest)
        if total is None:
            return f.BlobError(digest, offset, Code.BLOB_NOT_PUBLISHED)
        if offset > total or request.length > self._reception.limits.max_chunk:
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

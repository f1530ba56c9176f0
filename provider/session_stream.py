"""The provider's end of one stream."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import grpc
import grpc.aio

from protocols import frames as f
from protocols.errors import Code
from protocols.limits import Limits
from protocols.link import Ended, Ending, Link
from protocols.proof import Prover
from protocols.session_rules import ProviderRules, Stage
from provider.blobs import Arriving
from provider.pulls import Pull, Pulls


class StreamLost(Exception):  # noqa: N818 - says what happened
    """The stream ended under somebody who waited for something on it."""


class Call(Protocol):
    """The part used here of gRPC's stream call, which has no type annotations."""

    async def read(self) -> bytes | object:
        """The next message, or `grpc.aio.EOF`."""
        ...

    async def write(self, message: bytes) -> None:
        """Send a message."""
        ...

    async def done_writing(self) -> None:
        """Close our direction."""
        ...

    async def code(self) -> object:
        """Wait for the end, and return its status."""
        ...

    def cancel(self) -> bool:
        """End the call now."""
        ...


class CallWire:
    """A client's stream as a `Wire`."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def read(self) -> bytes | None:
        """The next message; None at the end."""
        try:
            message = await self._call.read()
        except grpc.RpcError as error:
            raise _lost(error) from error
        return message if isinstance(message, bytes) else None

    async def write(self, message: bytes) -> None:
        """Send a message."""
        try:
            await self._call.write(message)
        except grpc.RpcError as error:
            raise _lost(error) from error
        except asyncio.InvalidStateError as error:  # written after the end
            raise ConnectionError("The connection was lost.") from error

    async def close(self) -> None:
        """Close our direction, and wait until the coordinator has closed the stream."""
        try:
            await self._call.done_writing()
            await self._call.code()
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise ConnectionError("The connection was lost.") from error


def _lost(error: grpc.RpcError) -> ConnectionError:
    details = error.details() if isinstance(error, grpc.aio.AioRpcError) else None
    return ConnectionError(f"The connection was lost: {str(details or error).rstrip('.')}.")


class ProviderStream:
    """Runs one stream from Hello to the end.

    Args:
        call: The stream, just opened.
        hello: The first frame to send.
        limits: Sizes and times.
        prover: Replies to the coordinator's challenge; None where it must not pose one.
        welcomed: Called when the coordinator has let us in.
        question: Called with each question.
        acknowledge: Called with each Ack.
        clock: Seconds, from any start.
        sleep: As `asyncio.sleep`.
    """

    def __init__(
        self,
        call: Call,
        hello: f.Hello,
        limits: Limits,
        *,
        prover: Prover | None,
        welcomed: Callable[[], None],
        question: Callable[[f.Question], None],
        acknowledge: Callable[[f.Ack], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._limits = limits
        self._call = call
        self._hello = hello
        self._prover = prover
        self._rules = ProviderRules(limits, proves=prover is not None)
        self._pulls = Pulls(limits.blob_window, limits.max_chunk)
        self._welcomed = welcomed
        self._question = question
        self._acknowledge = acknowledge
        self._link = Link(
            CallWire(call),
            self._rules,
            limits,
            self._handle,
            clock=clock,
            sleep=sleep,
            patient=True,
        )
        self._link.put(hello)

    @property
    def open(self) -> bool:
        """Whether we were let in and the stream still stands."""
        return self._rules.stage is Stage.OPEN and not self._link.over

    async def run(self) -> Ended:
        """Until the stream is over at either end."""
        try:
            return await self._link.run()
        finally:
            self._call.cancel()
            self._pulls.stop(StreamLost())

    def reply(self, frame: f.Answer | f.Refusal | f.Pending) -> None:
        """Send what there is to say about a question, unless it is not open on this stream."""
        if not self.open or frame.query not in self._rules.open:
            return
        if isinstance(frame, f.Answer) and len(frame.body) > self._rules.max_body:
            frame = f.Refusal(frame.query, Code.ANSWER_TOO_LARGE)
        if not isinstance(frame, f.Pending):
            self._rules.answered(frame.query)
        self._link.put(frame)

    def leave(self, code: Code) -> bool:
        """Say goodbye, if the coordinator has let us in; once is enough."""
        if self._rules.stage is not Stage.OPEN:
            return False
        ended = Ended(Ending.GOODBYE, code.sentence, code)
        self._link.end(f.Goodbye(code.sentence, code), ended)
        return True

    async def pull(self, file: Arriving, max_bytes: int) -> None:
        """Complete a file; Refused when that cannot be, StreamLost when the stream ends before."""
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: Exception | None) -> None:
            if arrived.done():
                return
            if error:
                arrived.set_exception(error)
            else:
                arrived.set_result(None)

        pull = Pull(file, max_bytes, done)
        self._pulls.start(pull)
        self._request()
        try:
            await arrived
        finally:
            pull.finish(None)

    def _request(self) -> None:
        for request in self._pulls.due():
            self._rules.requested(request)
            self._link.put(request)

    def _handle(self, frame: f.Frame) -> None:
        """Act on a frame that the rules allow."""
        if isinstance(frame, f.Question):
            self._question(frame)
        elif isinstance(frame, f.BlobChunk | f.BlobError):
            self._pulls.arrived(frame)
            self._request()
        elif isinstance(frame, f.Ack):
            self._acknowledge(frame)
        elif isinstance(frame, f.Challenge):
            assert self._prover is not None  # noqa: S101 - the rules let no challenge in
            self._link.put(self._prover.prove(self._hello, frame))
        elif isinstance(frame, f.Welcome):
            self._pulls = Pulls(self._rules.blob_window, self._rules.max_chunk)
            self._welcomed()

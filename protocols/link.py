"""One end of one stream, whichever end: frames in, frames out, and minding the time.

The network, the clock and the sleep are arguments, so that both ends, and tests without a network,
run this very code.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from protocols import frames as f
from protocols.errors import Code, FrameError
from protocols.framing import decode
from protocols.limits import Limits
from protocols.outbox import Outbox
from protocols.session_rules import CoordinatorRules, ProviderRules, Stage

_log = logging.getLogger(__name__)


class Wire(Protocol):
    """Carries whole messages; every method raises ConnectionError when the stream is gone."""

    async def read(self) -> bytes | None:
        """The next message; None when the peer has closed."""
        ...

    async def write(self, message: bytes) -> None:
        """Send a message; waits while the peer takes no more."""
        ...

    async def close(self) -> None:
        """Nothing more will be written; returns when the last message is on its way."""
        ...


class Ending(Enum):
    """How a stream ended."""

    GOODBYE = auto()
    """One end said Goodbye."""
    FAULT = auto()
    """The peer broke a rule, and was told."""
    ERROR = auto()
    """The peer says that we broke a rule, or does not want us."""
    LOST = auto()
    """Without a last frame."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a stream ended and why, in a sentence; `code` for FAULT, ERROR, and some a GOODBYE."""

    how: Ending
    sentence: str
    code: Code | None = None


class Link:
    """Runs one stream until it is over at either end.

    Three tasks share it: one reads, one writes whatever waits in the outbox, one minds the time.

    Args:
        wire: The stream.
        rules: What the peer may send.
        limits: Sizes and times.
        handle: Acts on a frame that the rules allow. A FrameError from it ends the stream like one
            from the rules.
        clock: Seconds, from any start.
        sleep: As `asyncio.sleep`.
        about: Fields of a log line about this stream.
        patient: Read nothing while more than `limits.queue` bytes wait to be written. One end
            only: if both did, both could wait for ever.
    """

    def __init__(
        self,
        wire: Wire,
        rules: CoordinatorRules | ProviderRules,
        limits: Limits,
        handle: Callable[[f.Frame], None],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        patient: bool,
        about: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._wire = wire
        self._rules = rules
        self._limits = limits
        self._handle = handle
        self._clock = clock
        self._sleep = sleep
        self._patient = patient
        self._about = about
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._heard = self._said = clock()
        self._ended: Ended | None = None
        self._problem = "The connection was lost."
        self._leaving = False
        self._writing = False
        self._heard_all = False
        self._writer: asyncio.Task[None] | None = None
        self._farewell: asyncio.Task[None] | None = None
        self._outbox = Outbox(self._wake.set)

    @property
    def over(self) -> bool:
        """Whether a last frame was put or read: what is put from now on is not sent."""
        return self._ended is not None

    @property
    def ended(self) -> Ended:
        """How the stream ended, once it has."""
        return self._ended or Ended(Ending.LOST, self._problem)

    def put(self, frame: f.Frame) -> None:
        """Send a frame behind those put before it."""
        if self._ended is None:
            self._outbox.put(frame)

    def put_bulk(self, read: Callable[[], f.Frame]) -> None:
        """Send a frame that `read` makes when its turn comes; see `Outbox`."""
        if self._ended is None:
            self._outbox.put_bulk(read)

    def end(self, last: f.Goodbye | f.Error, ended: Ended) -> None:
        """Send the last frame, and close when it has left or `limits.farewell` has passed."""
        if self._ended is None:
            self._ended = ended
            self._leaving = True
            self._outbox.drop_bulk()
            self._outbox.put(last)
            self._farewell = asyncio.create_task(self._hurry())

    async def run(self) -> Ended:
        """Until the stream is over."""
        self._writer = writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        tasks = [writer, reader, asyncio.create_task(self._watch())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if done == {writer} and not self._leaving:
                # The network failed; the reader may still hold the peer's last words.
                tasks.append(asyncio.create_task(self._pause()))
                done, _ = await asyncio.wait(
                    (reader, tasks[-1]), return_when=asyncio.FIRST_COMPLETED
                )
            self._problem = self._judge({*done, writer} if writer.done() else done)
            if self._leaving:
                await asyncio.wait((writer,))
            elif self._writing:
                # A message on its way must not be cancelled: gRPC then cannot end the stream.
                self._heard_all = True
                tasks.append(asyncio.create_task(self._pause()))
                await asyncio.wait((writer, tasks[-1]), return_when=asyncio.FIRST_COMPLETED)
            return self.ended
        finally:
            if self._farewell:
                tasks.append(self._farewell)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _judge(self, done: set[asyncio.Task[None]]) -> str:
        """Tell the peer what it did wrong, if it did; return what the network said."""
        said = self._problem
        for task in done:
            error = None if task.cancelled() else task.exception()
            if isinstance(error, FrameError):
                ended = Ended(Ending.FAULT, error.sentence, error.code)
                self.end(f.Error(error.code, error.sentence), ended)
            elif isinstance(error, ConnectionError):
                said = str(error)
            elif error:  # our own mistake: it costs this session, and no other
                _log.error("a session failed", exc_info=error, extra=self._about())
                code = Code.SESSION_FAULT
                self.end(f.Error(code, code.sentence), Ended(Ending.LOST, code.sentence))
        return said

    async def _read(self) -> None:
        limits, rules = self._limits, self._rules
        while (message := await self._wire.read()) is not None:
            self._heard = self._clock()
            if self._leaving:
                continue  # what the peer sent before it read our last frame
            for frame in decode(message, limits):
                rules.receive(frame)
                if isinstance(frame, f.Goodbye):
                    self._ended = Ended(Ending.GOODBYE, frame.reason, frame.code)
                elif isinstance(frame, f.Error):
                    self._ended = Ended(Ending.ERROR, frame.sentence, frame.code)
                else:
                    self._handle(frame)
            if rules.stage is Stage.OVER:
                return
            while self._patient and self._outbox.waiting > limits.queue:
                self._room.clear()
                await self._room.wait()

    async def _write(self) -> None:
        outbox, wire = self._outbox, self._wire
        while True:
            if message := outbox.take():
                self._said = self._clock()
                self._room.set()
                self._writing = True
                await wire.write(message)
                self._writing = False
                if self._heard_all:
                    return None
            elif self._leaving:
                return await wire.close()
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _watch(self) -> None:
        limits = self._limits
        await self._sleep(limits.handshake)
        if self._rules.shaking_hands:
            raise FrameError(Code.SILENT, f"No handshake was made within {limits.handshake:g} s.")
        while True:
            await self._sleep(limits.heartbeat)
            now = self._clock()
            if now - self._heard > limits.silence:
                raise FrameError(Code.SILENT)
            if now - self._said >= limits.heartbeat:
                self._outbox.put(f.Heartbeat())

    async def _pause(self) -> None:
        await self._sleep(self._limits.farewell)

    async def _hurry(self) -> None:
        await self._sleep(self._limits.farewell)
        if self._writer:
            self._writer.cancel()

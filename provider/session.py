"""A node's session with its coordinator: dials out, answers, goes on after a lost connection."""

import asyncio
import contextlib
import logging
import random as random_module
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from protocols import frames as f
from protocols.errors import FATAL, Code
from protocols.framing import MAX_TOKEN
from protocols.ids import Digest, JobId, ProviderId, QueryId
from protocols.limits import Limits
from protocols.link import Ended, Ending
from protocols.proof import Prover
from provider.answering import Answering
from provider.backoff import Backoff
from provider.blobs import Arriving, BlobCache
from provider.connections import ClientTls, Connections, Line, TlsSource
from provider.dialling import meaning
from provider.events import SessionLost, SessionOpened, SessionOver, Watcher, ignore
from provider.session_api import BlobFetcher, Farewell, PendingUntil, Responder
from provider.session_stream import Call, ProviderStream, StreamLost
from synlearn.logs import logged

__all__ = [
    "BlobFetcher",
    "ClientTls",
    "Connections",
    "Farewell",
    "NodeSession",
    "PendingUntil",
    "Responder",
    "TlsSource",
]

_log = logging.getLogger(__name__)


class NodeSession:
    """One provider's part in one job, over as many streams as it takes.

    Args:
        provider: Who we are.
        job: Which job we were invited to.
        token: The invitation's token.
        address: The coordinator's host and port.
        responder: Answers the questions.
        cache: Files pulled; share one among the sessions of a process.
        prover: Proves who we are on every stream, and insists that the coordinator asks for it;
            None where there is no roster, and then it must not ask.
        connections: Connections; share one among the sessions of a process.
        tls: Asked before every dial; None for plain connections, which suit loopback only.
        limits: Sizes and times.
        backoff: Waits between attempts to connect.
        acknowledged: The last Ack that the responder knows of, from an earlier process.
        clock: Seconds, from any start; the event loop's when None.
        sleep: As `asyncio.sleep`.
        random: Draws from [0, 1), for the backoff.
        now: The time with its zone, by which certificates are judged.
        watcher: Told when the session opens, is lost, and is over.
    """

    def __init__(  # noqa: PLR0917 - who, where and for whom: in this order everywhere
        self,
        provider: ProviderId,
        job: JobId,
        token: bytes,
        address: str,
        responder: Responder,
        cache: BlobCache,
        *,
        prover: Prover | None,
        connections: Connections | None = None,
        tls: TlsSource | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        acknowledged: QueryId | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_module.random,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        watcher: Watcher = ignore,
    ) -> None:
        if len(token) > MAX_TOKEN:
            raise ValueError(f"a token has at most {MAX_TOKEN} bytes, not {len(token)}")
        self._provider = provider
        self._job = job
        self._token = token
        self._address = address
        self._responder = responder
        self._cache = cache
        self._prover = prover
        self._line = Line(connections or Connections(limits), address, tls)
        self._limits = limits
        self._backoff = backoff
        self._acknowledged = acknowledged
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._now = now
        self._watcher = watcher
        self._stream: ProviderStream | None = None
        self._opened = asyncio.Event()
        self._was_let_in = False
        self._failures = 0

    async def run(self) -> Farewell:
        """Connect and answer until the coordinator says Goodbye, or will not have us.

        Cancel it to go without a word, as one that will come again; `leave` takes leave for good.
        Whatever else happens, it connects again.
        """
        with logged(job=self._job, provider=self._provider):
            try:
                return await self._until_farewell()
            finally:
                self._watcher(SessionOver(self._job))

    async def _until_farewell(self) -> Farewell:
        answering = Answering(self._responder, self, self._reply)
        try:
            while True:
                channel = await self._line.channel()
                call = channel.stream_stream("/synlearn.Session/Open")()  # bytes in, bytes out
                ended = await self._one_stream(call, answering)
                if ended.how is Ending.GOODBYE:
                    return Farewell(ended.sentence, ended.code)
                if ended.code in FATAL:
                    _log.error(
                        "the session is over: %s Not connecting again.",
                        ended.sentence,
                        extra=_about(ended),
                    )
                    return Farewell(ended.sentence, ended.code)
                self._failures += 1
                self._watcher(SessionLost(self._job))
                pause = self._backoff.wait(self._failures, self._random)
                _log.warning(
                    "the session is lost: %s Connecting to %s again in %.1f s.",
                    self._explained(ended),
                    self._address,
                    pause,
                    extra=_about(ended),
                )
                await self._sleep(pause)
        finally:
            await answering.stop()
            await self._line.release()

    def leave(self, code: Code) -> bool:
        """Tell the coordinator that we will not come back, and why; `run` then returns.

        Args:
            code: OWNER_LEFT.

        Returns:
            False while there is no stream to say it on.
        """
        return self._stream is not None and self._stream.leave(code)

    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        """The file of this digest, verified; see `BlobFetcher`."""

        async def pull(file: Arriving) -> None:
            while True:
                await self._opened.wait()
                if self._stream:
                    with contextlib.suppress(StreamLost):
                        return await self._stream.pull(file, max_bytes)

        return await self._cache.fetch(digest, max_bytes, pull)

    async def _one_stream(self, call: Call, answering: Answering) -> Ended:
        """Run one stream to its end."""
        clock = self._clock or asyncio.get_running_loop().time
        began = clock()
        hello = f.Hello(
            self._provider,
            self._job,
            self._token,
            self._acknowledged,
            self._limits.in_flight,
            self._limits.max_body,
        )
        self._stream = ProviderStream(
            call,
            hello,
            self._limits,
            prover=self._prover,
            welcomed=self._welcomed,
            question=answering.start,
            acknowledge=self._acknowledge,
            clock=clock,
            sleep=self._sleep,
        )
        try:
            return await self._stream.run()
        finally:
            # Whoever waits for a file on this stream is told next, and then waits for another.
            self._stream = None
            self._was_let_in = self._opened.is_set()
            self._opened.clear()
            if clock() - began > self._backoff.most:
                self._failures = 0

    def _explained(self, ended: Ended) -> str:
        """How a stream ended, and what that means where it never really began."""
        if ended.how is not Ending.LOST or self._was_let_in:
            return ended.sentence
        said = meaning(ended.sentence, self._line.tls, self._now())
        return f"{ended.sentence} {said}".rstrip()

    def _welcomed(self) -> None:
        self._opened.set()
        self._watcher(SessionOpened(self._job))
        _log.info("the session with %s is open", self._address)

    def _acknowledge(self, ack: f.Ack) -> None:
        self._responder.acknowledge(ack.up_to)
        self._acknowledged = ack.up_to

    def _reply(self, frame: f.Answer | f.Refusal | f.Pending) -> None:
        if self._stream:
            self._stream.reply(frame)


def _about(ended: Ended) -> dict[str, str]:
    """In a log line: the code of who ended a stream."""
    return {"code": ended.code.name} if ended.code else {}

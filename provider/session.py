"""A node's session with its coordinator: dials out, answers, goes on after a lost connection."""

import asyncio
import contextlib
import logging
import random as random_module
from collections.abc import Awaitable, Callable

from protocols import frames as f
from protocols.errors import FATAL
from protocols.framing import MAX_TOKEN
from protocols.ids import Digest, JobId, ProviderId, QueryId
from protocols.limits import Limits
from protocols.link import Ended, Ending
from provider.answering import Answering
from provider.backoff import Backoff
from provider.blobs import Arriving, BlobCache
from provider.connections import ClientTls, Connections
from provider.session_api import BlobFetcher, Farewell, PendingUntil, Responder
from provider.session_stream import Call, ProviderStream, StreamLost

__all__ = [
    "BlobFetcher",
    "ClientTls",
    "Connections",
    "Farewell",
    "NodeSession",
    "PendingUntil",
    "Responder",
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
        connections: Connections; share one among the sessions of a process.
        tls: None for plain connections, which suit loopback only.
        limits: Sizes and times.
        backoff: Waits between attempts to connect.
        acknowledged: The last Ack that the responder knows of, from an earlier process.
        clock: Seconds, from any start; the event loop's when None.
        sleep: As `asyncio.sleep`.
        random: Draws from [0, 1), for the backoff.
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
        connections: Connections | None = None,
        tls: ClientTls | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        acknowledged: QueryId | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        if len(token) > MAX_TOKEN:
            raise ValueError(f"a token has at most {MAX_TOKEN} bytes, not {len(token)}")
        self._provider = provider
        self._job = job
        self._token = token
        self._address = address
        self._responder = responder
        self._cache = cache
        self._connections = connections or Connections(limits)
        self._tls = tls
        self._limits = limits
        self._backoff = backoff
        self._acknowledged = acknowledged
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._stream: ProviderStream | None = None
        self._opened = asyncio.Event()
        self._failures = 0

    async def run(self) -> Farewell:
        """Connect and answer until the coordinator says Goodbye, or will not have us.

        Cancel it to leave; whatever else happens, it connects again.
        """
        answering = Answering(self._responder, self, self._reply)
        channel = self._connections.acquire(self._address, self._tls)
        try:
            open_stream = channel.stream_stream("/synlearn.Session/Open")  # bytes in, bytes out
            while True:
                ended = await self._one_stream(open_stream(), answering)
                if ended.how is Ending.GOODBYE:
                    return Farewell(ended.sentence)
                if ended.code in FATAL:
                    return Farewell(ended.sentence, ended.code)
                self._failures += 1
                pause = self._backoff.wait(self._failures, self._random)
                _log.warning(
                    "%s: %s Connecting to %s again in %.1f s.",
                    self._provider,
                    ended.sentence,
                    self._address,
                    pause,
                )
                await self._sleep(pause)
        finally:
            await answering.stop()
            await self._connections.release(self._address, self._tls)

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
            welcomed=self._opened.set,
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
            self._opened.clear()
            if clock() - began > self._backoff.most:
                self._failures = 0

    def _acknowledge(self, ack: f.Ack) -> None:
        self._responder.acknowledge(ack.up_to)
        self._acknowledged = ack.up_to

    def _reply(self, frame: f.Answer | f.Refusal | f.Pending) -> None:
        if self._stream:
            self._stream.reply(frame)

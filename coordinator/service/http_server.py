"""The HTTP port: uvicorn, with patience for slow senders bounded and certificates read again."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from coordinator.service.front import Front
from coordinator.service.http_app import http_app
from coordinator.service.http_gate import HttpGate
from coordinator.service.settings import HttpSettings, TlsSettings
from coordinator.service.tls_files import TlsFiles
from synlearn.errors import InputError

_log = logging.getLogger(__name__)

_HEADER_BYTES: Final = 2**14
_HEADER_SECONDS: Final = 10.0
"""For the headers of a connection's first request; before the next ones, `_IDLE_SECONDS`."""
_IDLE_SECONDS: Final = 30
_FAREWELL_SECONDS: Final = 10
_BACKLOG: Final = 256
_LOOK_SECONDS: Final = 60.0


class _PatientProtocol(H11Protocol):
    """Closes a connection whose request's headers do not come."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begun = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiting = self.cycle is None or self.cycle.response_complete
        if not waiting:
            self._begun.cancel()
        elif self._begun.cancelled():  # headers of a further request have begun to come
            self._begun = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._begun.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()


class _Server(uvicorn.Server):
    """Leaves signals to the program that it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@asynccontextmanager
async def http_served(
    front: Front, settings: HttpSettings, tls: TlsSettings, version: str
) -> AsyncIterator[int]:
    """Serve HTTP; yields the port.

    Raises:
        InputError: The address cannot be listened on, or the certificate cannot be used.
    """
    files = TlsFiles.of(tls)
    config = uvicorn.Config(
        HttpGate(http_app(front, version), front),
        http=_PatientProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_FAREWELL_SECONDS,
        limit_concurrency=front.limits.connections,
        backlog=_BACKLOG,
    )
    config.load()
    renewing: asyncio.Task[None] | None = None
    if files is not None:
        config.ssl = files.context()
        renewing = asyncio.create_task(_renew(config.ssl, files))
    listening = _bound(settings)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        port: int = listening.getsockname()[1]
        _log.info("HTTP%s on %s, port %d", "S" if files else "", settings.address[0], port)
        yield port
    finally:
        server.should_exit = True
        if renewing is not None:
            renewing.cancel()
        await serving


def _bound(settings: HttpSettings) -> socket.socket:
    host, port = settings.address
    try:
        (family, kind, proto, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        found = socket.socket(family, kind, proto)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
        except OSError:
            found.close()
            raise
    except OSError as error:
        raise InputError(
            f"HTTP cannot be served on {settings.listen} ({error.strerror or error}); choose "
            "another address."
        ) from error
    found.setblocking(False)
    return found


async def _renew(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Give new connections the certificate that lies in the files, when it changes."""
    known: Any = files.stamp()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if (now := files.stamp()) == known:
            continue
        known = now
        try:
            files.load(context)
        except InputError as error:
            _log.warning("the former certificate stays: %s", error)
        else:
            _log.info("new connections get the renewed certificate")

"""Connections to coordinators, shared by all sessions of a process."""

from dataclasses import dataclass, field
from typing import Protocol, Self

import grpc
import grpc.aio

from protocols.limits import MIB, Limits

CONNECT_MS = 5_000
"""For one attempt at TCP, TLS and HTTP/2: three ways there and back, and a coordinator that is busy
with thousands of others who dial again, as after its restart. gRPC calls it the least backoff."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """PEM texts, read by the caller.

    Args:
        authority: Who has to have signed the coordinator's certificate.
        certificate: The provider's own chain, where the coordinator asks for one (mutual TLS).
        key: Its private key.
        server_name: Name in the coordinator's certificate, where it is not in the address.
    """

    authority: bytes
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    server_name: str | None = None

    def current(self) -> Self:
        """These very texts: they never change."""
        return self


class TlsSource(Protocol):
    """Where a session has its certificate from, each time that it dials."""

    def current(self) -> ClientTls:
        """What to dial with now."""
        ...


class Connections:
    """Opens one connection for each address and identity; one event loop only.

    A connection is closed when the last session that uses it has released it.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self._channels: dict[tuple[str, ClientTls | None], grpc.aio.Channel] = {}
        self._users: dict[tuple[str, ClientTls | None], int] = {}

    def acquire(self, address: str, tls: ClientTls | None) -> grpc.aio.Channel:
        """The channel to `address`; pair it with `release`."""
        key = (address, tls)
        if key not in self._channels:
            self._channels[key] = _channel(address, tls, self._limits)
            self._users[key] = 0
        self._users[key] += 1
        return self._channels[key]

    async def release(self, address: str, tls: ClientTls | None) -> None:
        """One session is done with the channel."""
        key = (address, tls)
        self._users[key] -= 1
        if not self._users[key]:
            del self._users[key]
            await self._channels.pop(key).close()


class Line:
    """One session's hold on a connection; another one once its certificate is another.

    Args:
        connections: Of the process.
        address: Of the coordinator.
        source: None for plaintext.

    Attributes:
        tls: What the present connection was made with.
    """

    def __init__(self, connections: Connections, address: str, source: TlsSource | None) -> None:
        self.tls: ClientTls | None = None
        self._connections = connections
        self._address = address
        self._source = source
        self._channel: grpc.aio.Channel | None = None

    async def channel(self) -> grpc.aio.Channel:
        """The connection to open the next stream on."""
        tls = self._source.current() if self._source else None
        if self._channel is None or tls != self.tls:
            await self.release()
            self._channel, self.tls = self._connections.acquire(self._address, tls), tls
        return self._channel

    async def release(self) -> None:
        """The session needs no connection any more."""
        if self._channel is not None:
            self._channel = None
            await self._connections.release(self._address, self.tls)


def _channel(address: str, tls: ClientTls | None, limits: Limits) -> grpc.aio.Channel:
    keepalive = int(limits.keepalive * 1000)
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", limits.max_message + MIB),  # ours speaks first
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", keepalive),
        ("grpc.keepalive_timeout_ms", keepalive),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # Sessions have a backoff of their own: gRPC's has to be ready when they are.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", CONNECT_MS),
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.enable_retries", 0),
        # Sessions of several loops must not meet on one connection behind our back.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    return grpc.aio.secure_channel(address, credentials, options=options)

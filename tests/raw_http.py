"""HTTP as an attacker sends it: bytes over TLS, with nothing put right on the way."""

import contextlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 10.0


@dataclass(frozen=True)
class Peer:
    """A server.

    Attributes:
        address: host:port.
        ca: The authority of its certificate.
    """

    address: str
    ca: Path

    @property
    def host(self) -> tuple[str, int]:
        name, _, port = self.address.rpartition(":")
        return name, int(port)

    def connect(
        self,
        *,
        protocols: Sequence[str] = (),
        most: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    ) -> ssl.SSLSocket:
        """A connection of which the server's certificate was verified.

        Args:
            protocols: Offered by ALPN.
            most: The newest TLS version offered.
        """
        context = ssl.create_default_context(cafile=self.ca)
        if most < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = most
        context.maximum_version = most
        if protocols:
            context.set_alpn_protocols(list(protocols))
        plain = socket.create_connection(self.host, timeout=_PATIENCE)
        try:
            return context.wrap_socket(plain, server_hostname=self.host[0])
        except BaseException:
            plain.close()
            raise

    def send(self, data: bytes) -> bytes:
        """Send bytes, and return all that comes back until the server closes or falls silent."""
        with self.connect() as connection:
            with contextlib.suppress(OSError):  # closed on us; what it said is still there
                connection.sendall(data)
            return _read(connection)

    def status(self, data: bytes) -> int:
        """Send bytes; the status of the first answer, 0 where the server closed without one."""
        answer = self.send(data)
        assert not answer or answer.startswith(b"HTTP/1."), answer[:100]
        return int(answer[9:12] or 0)


def post(target: str, *headers: str, body: bytes = b"", length: bool = True) -> bytes:
    """A POST that closes its connection; `headers` are whole lines, put first."""
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", *headers]
    lines += [f"Content-Length: {len(body)}"] if length else []
    lines += ["Content-Type: application/protobuf", "Connection: close"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _read(connection: ssl.SSLSocket) -> bytes:
    connection.settimeout(_PATIENCE)
    said = bytearray()
    with contextlib.suppress(OSError):
        while piece := connection.recv(65536):
            said += piece
    return bytes(said)

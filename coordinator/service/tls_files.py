"""The service's certificate and key."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc

from coordinator.service.settings import TlsSettings
from protocols.certificates import check_pair, term
from synlearn.errors import InputError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files.

    Attributes:
        certificate: The chain, the service's own certificate first.
        key: Its private key.
    """

    certificate: Path
    key: Path

    @classmethod
    def of(cls, settings: TlsSettings) -> Self | None:
        """Those that settings name; None where they name none."""
        if settings.certificate is None or settings.key is None:
            return None
        return cls(settings.certificate, settings.key)

    def stamp(self) -> tuple[int, ...]:
        """Changes when one of the files does."""
        found: list[int] = []
        for path in (self.certificate, self.key):
            try:
                own = path.stat()
            except OSError:
                found += (0, 0)
            else:
                found += (own.st_mtime_ns, own.st_ino)
        return tuple(found)

    def read(self) -> tuple[bytes, bytes]:
        """Certificate and key.

        Raises:
            InputError: One cannot be read, or they do not belong together.
        """
        try:
            certificate, key = self.certificate.read_bytes(), self.key.read_bytes()
            check_pair(certificate, key)
            term(certificate)
        except OSError as error:
            raise InputError(f"{error.filename} cannot be read ({error.strerror}).") from error
        except ValueError as error:
            raise InputError(
                f"{self.certificate} and {self.key} cannot be used: {error}."
            ) from error
        return certificate, key

    def context(self) -> ssl.SSLContext:
        """For HTTP; raises InputError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self.load(context)
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Give a context what the files hold now; raises InputError."""
        self.read()
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise InputError(
                f"{self.certificate} and {self.key} cannot be used: {error}."
            ) from error

    def credentials(self) -> grpc.ServerCredentials:
        """For gRPC; raises InputError."""
        kept = _Renewed(self)
        return grpc.dynamic_ssl_server_credentials(
            _configuration(*kept.texts), kept, require_client_authentication=False
        )


class _Renewed:
    """Asked by gRPC, in a thread of its own, before every handshake."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamp = files.stamp()
        self.texts = files.read()

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        """The new certificate; None to go on with the one that is."""
        stamp = self._files.stamp()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            texts = self._files.read()
        except InputError:  # the HTTP port says so in the log
            return None
        if texts == self.texts:
            return None
        self.texts = texts
        return _configuration(*texts)


def _configuration(certificate: bytes, key: bytes) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(key, certificate)])

"""What the session port needs for TLS."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import grpc

from protocols.certificates import check_pair, term
from synlearn.errors import InputError

_log = logging.getLogger(__name__)


class TlsAtPort(Protocol):
    """With what the port answers those who dial it."""

    def credentials(self) -> grpc.ServerCredentials:
        """As gRPC wants it; raises InputError."""
        ...


@dataclass(frozen=True, slots=True)
class ServerTls:
    """PEM texts, which stay as they are.

    Args:
        certificate: The coordinator's chain, its own certificate first.
        key: Its private key.
        client_authority: Authority of the providers' certificates; given, every provider must show
            one (mutual TLS).
    """

    certificate: bytes
    key: bytes = field(repr=False)
    client_authority: bytes | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """As gRPC wants it."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.client_authority,
            require_client_auth=self.client_authority is not None,
        )


@dataclass(frozen=True, slots=True)
class ServerTlsFiles:
    """PEM files, read anew for every connection: a renewed certificate needs no restart.

    Connections that stand are not touched. While the files cannot be used, such as between the two
    halves of a renewal, the port goes on with what it had: never a certificate with another's key.

    Args:
        certificate: The coordinator's chain, its own certificate first.
        key: Its private key.
        client_authority: Authority of the providers' certificates; every provider must show one.
    """

    certificate: Path
    key: Path
    client_authority: Path

    def credentials(self) -> grpc.ServerCredentials:
        """As gRPC wants it.

        Raises:
            InputError: A file is missing or damaged, or the key is not that of the certificate.
        """
        first = self.read()
        return grpc.dynamic_ssl_server_credentials(
            _configuration(first), _Renewal(self, first), require_client_authentication=True
        )

    def read(self) -> ServerTls:
        """What they hold now; raises InputError."""
        try:
            texts = ServerTls(
                self.certificate.read_bytes(),
                self.key.read_bytes(),
                self.client_authority.read_bytes(),
            )
            check_pair(texts.certificate, texts.key)
            term(texts.client_authority or b"")
        except OSError as error:
            raise InputError(f"{error.filename} cannot be read ({error.strerror}).") from error
        except ValueError as error:
            raise InputError(
                f"{self.certificate}, {self.key} and {self.client_authority} cannot be used: "
                f"{error}."
            ) from error
        return texts


class _Renewal:
    """Asked by gRPC, in a thread of its own, before every handshake."""

    def __init__(self, files: ServerTlsFiles, texts: ServerTls) -> None:
        self._files = files
        self._texts = texts
        self._problem = ""

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        """The new certificate; None to go on with the one that is."""
        try:
            texts = self._files.read()
        except InputError as error:
            if str(error) != self._problem:
                _log.warning("the former certificate stays: %s", error)
            self._problem = str(error)
            return None
        self._problem = ""
        if texts == self._texts:
            return None
        self._texts = texts
        ends = term(texts.certificate).ends
        _log.info("new connections get the renewed certificate, which ends on %s", f"{ends:%F}")
        return _configuration(texts)


def _configuration(texts: ServerTls) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(texts.key, texts.certificate)], root_certificates=texts.client_authority
    )

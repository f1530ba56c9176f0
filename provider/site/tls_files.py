"""A site's certificate as its files have it at the moment of dialling."""

import logging
from dataclasses import dataclass
from pathlib import Path

from protocols.certificates import check_pair, term
from provider.connections import ClientTls
from synlearn.errors import InputError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """PEM files.

    Attributes:
        ca: Authority of the coordinators' certificates.
        certificate: The node's own, for mutual TLS.
        key: Its private key.
    """

    ca: Path
    certificate: Path | None
    key: Path | None

    def read(self) -> ClientTls:
        """What they hold.

        Raises:
            InputError: One is missing or damaged, or the key is not that of the certificate.
        """
        tls = ClientTls(
            _read(self.ca),
            _read(self.certificate) if self.certificate else None,
            _read(self.key) if self.key else None,
        )
        try:
            term(tls.authority)
            if tls.certificate is not None and tls.key is not None:
                check_pair(tls.certificate, tls.key)
        except ValueError as error:
            own = f", {self.certificate} and {self.key}" if self.certificate else ""
            raise InputError(f"The files for TLS, {self.ca}{own}, cannot be used: {error}.") from (
                error
            )
        return tls


class TlsFiles:
    """A `TlsSource` that reads its files anew, so that a renewed certificate needs no restart.

    While they cannot be used, such as between the two halves of a renewal, it goes on with what it
    had.

    Args:
        paths: Read at once; raises InputError as `TlsPaths.read`.
    """

    def __init__(self, paths: TlsPaths) -> None:
        self._paths = paths
        self._current = paths.read()

    def current(self) -> ClientTls:
        """What to dial with now."""
        try:
            read = self._paths.read()
        except InputError as error:
            _log.warning("%s The node goes on with the certificate that it had.", error)
            return self._current
        if read != self._current:
            _log.info("The files for TLS have changed: new connections use them.")
            self._current = read
        return read


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error

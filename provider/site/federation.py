"""Whom a site believes, and how it dials."""

import time

from provider.connections import TlsSource
from provider.site.config import FederationSettings
from provider.site.memory import Memory
from provider.site.tls_files import TlsFiles, TlsPaths
from provider.sqlite_trust import SqliteTrust
from provider.trust import Federation
from synlearn.errors import InputError


def federation_under(memory: Memory, authority: bytes) -> Federation:
    """The federation of an authority, by its public key, with what the site has learned so far."""
    return Federation(authority, SqliteTrust(memory.journal, authority), now=time.time)


def site_federation(memory: Memory) -> Federation:
    """The federation that the site is configured for.

    Raises:
        InputError: No authority is configured.
    """
    authority = memory.config.node.federation.authority
    if not authority:
        raise InputError(
            f"{memory.home.config} names no authority; write its public key into [federation]."
        )
    return federation_under(memory, bytes.fromhex(authority))


def client_tls(federation: FederationSettings) -> TlsSource | None:
    """The files of `[federation]`, read now and before every dial; None for plaintext.

    Raises:
        InputError: A file is missing or damaged, or TLS is not set up.
    """
    if federation.plaintext:
        return None
    if federation.ca is None:
        raise InputError(
            "node.toml names no ca in [federation]; give the operator's ca.pem, or set plaintext = "
            "true for a test on one machine."
        )
    return TlsFiles(TlsPaths(federation.ca, federation.certificate, federation.key))

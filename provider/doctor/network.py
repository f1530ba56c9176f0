"""Checks of the way to the coordinators: certificates, and whether anybody is there."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from protocols.certificates import check_pair, term
from provider.doctor.finding import Finding, error, fine, warning
from provider.site.config import FederationSettings
from provider.site.home import open_to_others

_PATIENCE = 5.0


def check_certificates(federation: FederationSettings, now: datetime) -> Iterator[Finding]:
    """Check the files for TLS: there, readable, in force, fitting each other.

    Args:
        federation: Of `node.toml`.
        now: With its time zone.
    """
    if federation.plaintext:
        yield warning(
            "TLS",
            "plaintext = true: whoever sits on the way reads and changes everything",
            "take the line out of node.toml unless this is a test on one machine",
        )
        return
    if federation.ca is None:
        yield error(
            "TLS",
            "node.toml names no authority for the coordinators' certificates",
            "ask the operator for the federation's ca.pem, and give it as ca in [federation]",
        )
    else:
        yield from _check_file("ca", federation.ca, now)
    if federation.certificate is None or federation.key is None:
        yield warning(
            "TLS",
            "the node has no certificate of its own",
            "ask the operator for one if the coordinator wants mutual TLS",
        )
        return
    yield from _check_file("certificate", federation.certificate, now)
    yield from _check_pair(federation.certificate, federation.key)


def check_reachable(federation: FederationSettings) -> Iterator[Finding]:
    """Check that something answers at each coordinator's address, and with TLS that it fits."""
    if not federation.coordinators:
        yield error(
            "coordinator",
            "node.toml names no coordinator",
            'add its address to [federation], as in coordinators = ["example.org:9092"]',
        )
    for address in federation.coordinators:
        yield _reach(address, federation)


def _reach(address: str, federation: FederationSettings) -> Finding:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection((host, int(port)), _PATIENCE) as connection:
            if not federation.plaintext and not _welcomes(connection, host, federation):
                return error(
                    "coordinator",
                    f"{address} answers, and hangs up on this node's certificate",
                    "see whether it is in force and of this federation; the coordinator's log has "
                    "the reason",
                )
    except ssl.SSLCertVerificationError as problem:
        return error(
            "coordinator",
            f"{address} answers, but not with a certificate that fits ({problem.verify_message})",
            "compare ca in node.toml with what the operator has published, and tell the operator",
        )
    except ssl.SSLError as problem:
        return error(
            "coordinator",
            f"{address} answers, but not as TLS does ({problem.reason})",
            "see that it is the coordinator's session port",
        )
    except OSError as problem:
        return error(
            "coordinator",
            f"{address} does not answer ({problem.strerror or problem})",
            "check the address, and that the firewall lets connections out to it",
        )
    return fine("coordinator", f"{address} answers")


def _welcomes(connection: socket.socket, host: str, federation: FederationSettings) -> bool:
    """Whether TLS is set up from end to end: only then an HTTP/2 server speaks, and does so first.

    With TLS 1.3 a client has its end before the server has looked at the client's certificate.
    """
    with _context(federation).wrap_socket(connection, server_hostname=host) as secured:
        return bool(secured.recv(1))


def _context(federation: FederationSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=None if federation.ca is None else str(federation.ca)
    )
    context.set_alpn_protocols(["h2"])
    if federation.certificate is not None and federation.key is not None:
        context.load_cert_chain(federation.certificate, federation.key)
    return context


def _check_file(name: str, path: Path, now: datetime) -> Iterator[Finding]:
    try:
        found = term(path.read_bytes())
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else problem
        yield error("TLS", f"{name} {path} cannot be used ({why})", "ask the operator for it again")
        return
    if why := found.problem(now):
        yield error("TLS", f"{name} {path} {why}", f"{_ask(name)}, or mend the clock")
    elif soon := found.warning(now):
        yield warning("TLS", f"{name} {path} {soon}", _ask(name))
    else:
        yield fine("TLS", f"{name} is in force until {found.ends:%F}")


def _ask(name: str) -> str:
    """How to come to a new one."""
    if name == "ca":
        return "ask the operator for a new one"
    return "send the authority a new request (synlearn-provider request), and enrol what comes back"


def _check_pair(certificate: Path, key: Path) -> Iterator[Finding]:
    try:
        check_pair(certificate.read_bytes(), key.read_bytes())
    except OSError as problem:
        yield error(
            "TLS", f"{problem.filename} cannot be read ({problem.strerror})", "restore the file"
        )
    except ValueError as problem:
        yield error(
            "TLS", f"{problem}: {key} and {certificate}", "give the two that belong together"
        )
    else:
        if open_to_others(key):
            yield warning("TLS", f"key {key} is open to other users", f"close it: chmod 600 {key}")


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)

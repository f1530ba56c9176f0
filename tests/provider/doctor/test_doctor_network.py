from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coordinator.tls import ServerTls
from provider.doctor.finding import Severity, worst
from provider.doctor.network import check_certificates, check_reachable
from provider.site.config import FederationSettings
from tests.certificates import Authority
from tests.session_harness import site

NOW = datetime.now(UTC)
YEAR = 365 * 24.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def settings(
    tmp_path: Path, authority: Authority, hours: tuple[float, float] = (-1, YEAR)
) -> FederationSettings:
    own = authority.issue("alice", hours=hours)
    for name, data in (
        ("ca.pem", authority.certificate),
        ("own.pem", own.certificate),
        ("own.key", own.key),
    ):
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    return FederationSettings(
        ca=tmp_path / "ca.pem", certificate=tmp_path / "own.pem", key=tmp_path / "own.key"
    )


@contextmanager
def listening(authority: Authority) -> Iterator[str]:
    own = authority.issue("localhost")
    with site(tls=ServerTls(own.certificate, own.key, authority.certificate)) as made:
        yield f"localhost:{made.port}"


@pytest.mark.parametrize(
    ("hours", "severity", "words"),
    [
        ((-1, YEAR), Severity.FINE, "in force until"),
        ((-1, 24 * 20.5), Severity.WARNING, "runs out in 20 days"),
        ((-2, -1), Severity.ERROR, "ran out"),
        ((1, YEAR), Severity.ERROR, "not in force before"),
    ],
)
def test_the_expiry_of_a_certificate_is_seen(
    tmp_path: Path,
    authority: Authority,
    hours: tuple[float, float],
    severity: Severity,
    words: str,
) -> None:
    found = [
        finding
        for finding in check_certificates(settings(tmp_path, authority, hours), NOW)
        if finding.what.startswith("certificate")
    ]
    assert worst(found) is severity
    assert words in found[0].what
    assert bool(found[0].next) == (severity is not Severity.FINE)


def test_a_key_of_another_certificate_is_an_error(tmp_path: Path, authority: Authority) -> None:
    federation = settings(tmp_path, authority)
    (tmp_path / "own.key").write_bytes(authority.issue("bob").key)
    found = list(check_certificates(federation, NOW))
    assert any("not that of the certificate" in finding.what for finding in found)
    assert worst(found) is Severity.ERROR


def test_a_key_open_to_others_is_a_warning(tmp_path: Path, authority: Authority) -> None:
    federation = settings(tmp_path, authority)
    (tmp_path / "own.key").chmod(0o644)
    assert any("open to other" in f.what for f in check_certificates(federation, NOW))


@pytest.mark.parametrize("name", ["ca.pem", "own.pem", "own.key"])
def test_a_damaged_file_is_named(tmp_path: Path, authority: Authority, name: str) -> None:
    federation = settings(tmp_path, authority)
    (tmp_path / name).write_bytes(b"nothing")
    found = [f for f in check_certificates(federation, NOW) if f.severity is Severity.ERROR]
    assert any(name in finding.what for finding in found)


def test_plaintext_is_warned_of(tmp_path: Path) -> None:
    (found,) = check_certificates(FederationSettings(plaintext=True), NOW)
    assert found.severity is Severity.WARNING


def test_a_coordinator_that_answers_is_fine(tmp_path: Path, authority: Authority) -> None:
    with listening(authority) as address:
        federation = replace(settings(tmp_path, authority), coordinators=(address,))
        (found,) = check_reachable(federation)
    assert found.severity is Severity.FINE, found


@pytest.mark.parametrize("why", ["ran out", "of another authority"])
def test_one_that_does_not_take_this_nodes_certificate_is_not(
    tmp_path: Path, authority: Authority, why: str
) -> None:
    """TLS 1.3 is set up at the node's end by then: only what follows shows it."""
    with listening(authority) as address:
        own = settings(tmp_path, authority, (-2, -1) if why == "ran out" else (-1, YEAR))
        if why != "ran out":
            foreign = Authority().issue("alice")
            (tmp_path / "own.pem").write_bytes(foreign.certificate)
            (tmp_path / "own.key").write_bytes(foreign.key)
        (found,) = check_reachable(replace(own, coordinators=(address,)))
    assert found.severity is Severity.ERROR
    assert "hangs up on this node's certificate" in found.what


def test_one_whose_certificate_ran_out_is_not(tmp_path: Path, authority: Authority) -> None:
    own = authority.issue("localhost", hours=(-2, -1))
    tls = ServerTls(own.certificate, own.key, authority.certificate)
    with site(tls=tls) as made:
        address = f"localhost:{made.port}"
        federation = replace(settings(tmp_path, authority), coordinators=(address,))
        (found,) = check_reachable(federation)
    assert found.severity is Severity.ERROR
    assert "certificate has expired" in found.what


def test_one_without_tls_is_not(tmp_path: Path, authority: Authority) -> None:
    with site() as made:
        address = f"localhost:{made.port}"
        federation = replace(settings(tmp_path, authority), coordinators=(address,))
        (found,) = check_reachable(federation)
    assert found.severity is Severity.ERROR
    assert "not as TLS does" in found.what


def test_one_under_another_authority_is_not(tmp_path: Path, authority: Authority) -> None:
    with listening(Authority()) as address:
        federation = replace(settings(tmp_path, authority), coordinators=(address,))
        (found,) = check_reachable(federation)
    assert found.severity is Severity.ERROR
    assert "not with a certificate that fits" in found.what


def test_nobody_there_is_one_sentence(tmp_path: Path, authority: Authority) -> None:
    with site() as made:
        port = made.port
    federation = replace(settings(tmp_path, authority), coordinators=(f"127.0.0.1:{port}",))
    (found,) = check_reachable(federation)
    assert found.severity is Severity.ERROR
    assert "does not answer" in found.what


def test_no_coordinator_at_all_is_an_error() -> None:
    (found,) = check_reachable(FederationSettings())
    assert found.severity is Severity.ERROR

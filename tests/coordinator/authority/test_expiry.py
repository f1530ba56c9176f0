"""What is said of certificates before they run out."""

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.authority.cli import federation
from coordinator.authority.expiry import expiries, warn_of_expiry
from coordinator.authority.folder import FederationFolder
from coordinator.authority.membership import found, renew, utc_now
from protocols.certificates import WARN_BEFORE, term
from protocols.ids import ProviderId
from tests.certificates import Authority

DAY = 24.0


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What this part of the log says, whoever else is talking."""
    return [each.getMessage() for each in caplog.records if each.name.endswith(".expiry")]


@pytest.fixture
def folder(tmp_path: Path) -> FederationFolder:
    made = found(tmp_path / "federation", "test", ("localhost",), 9092)
    issued = {"alice": (-1.0, 365 * DAY), "bob": (-1.0, 20.5 * DAY), "carol": (-2.0, -1.0)}
    for name, hours in issued.items():
        own = Authority().issue(name, hours=hours)
        made.keep_certificate(ProviderId(name), own.certificate)
    return made


def test_everybodys_certificate_is_known(folder: FederationFolder) -> None:
    named = [each.of for each in expiries(folder)]
    assert named == ["the authority", "the coordinator", "alice", "bob", "carol"]
    folder.keep_certificate(ProviderId("bob"), b"")
    assert "bob" not in [each.of for each in expiries(folder)]


def test_who_runs_out_is_said_thirty_days_ahead(
    folder: FederationFolder, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_expiry(folder, utc_now())
    bob, carol = told(caplog)
    assert bob.startswith("the certificate of bob runs out in 20 days, on ")
    assert "admit it again" in bob
    assert carol.startswith("the certificate of carol ran out on ")
    assert "connections with it are refused" in carol


def test_the_coordinators_own_is_said_until_it_is_renewed(
    folder: FederationFolder, caplog: pytest.LogCaptureFixture
) -> None:
    ends = term(folder.server.certificate).ends
    for now, said in (
        (ends - WARN_BEFORE - timedelta(hours=1), False),
        (ends - WARN_BEFORE + timedelta(hours=1), True),
        (ends + timedelta(hours=1), True),
    ):
        caplog.clear()
        warn_of_expiry(folder, now)
        own = [text for text in told(caplog) if "the coordinator" in text]
        assert len(own) == said
        assert all("federation renew" in text for text in own)
    before = folder.server.certificate
    renew(folder)
    assert folder.server.certificate != before
    assert term(folder.server.certificate).ends >= ends


def test_a_file_that_cannot_be_read_costs_nothing_but_a_line(
    folder: FederationFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.root / "certificates" / "bob.pem").write_bytes(b"half of")
    warn_of_expiry(folder, utc_now())
    (said,) = told(caplog)
    assert "bob.pem cannot be used: the certificate file holds no certificate" in said


def test_nodes_shows_it(folder: FederationFolder) -> None:
    shown = CliRunner().invoke(federation, ["nodes", str(folder.root)]).output
    assert "certificate of the coordinator ends on" in shown
    assert "certificate of bob runs out in 20 days" in shown
    assert "certificate of carol ran out on" in shown
    assert "certificate of alice" not in shown

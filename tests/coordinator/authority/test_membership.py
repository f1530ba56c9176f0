"""From nothing to a member: both ends' commands, and what each refuses."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from cryptography import x509
from typer.testing import CliRunner

from coordinator.authority.folder import FederationFolder
from coordinator.authority.membership import read_request, utc_now
from coordinator.cli import app as coordinator
from protocols.certificates import check_pair
from protocols.enrolment import Admission
from protocols.ids import ProviderId
from protocols.secagg.roster import accept_chain
from provider.cli import app as provider
from provider.doctor.network import check_certificates
from provider.site.config import read_config
from provider.site.home import Home
from provider.site.identity import fingerprint, load_key
from tests.integration.sites import write_pictures


def run(app: object, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})  # type: ignore[arg-type]
    assert result.exit_code == code, (words, result.output, result.exception)
    return result


class Site:
    """A node of one name, and its request."""

    def __init__(self, folder: Path, name: str, home: str = "") -> None:
        self.name = name
        self.home = Home(folder / (home or name))
        self.request = folder / f"{home or name}.request"
        data = folder / "data"
        if not data.exists():
            write_pictures(data, {"ant": 3, "bee": 2}, 0)
        self.run("init", "--provider", name, "--data", str(data), "--same-labels")
        self.run("request", str(self.request))

    def run(self, *words: str, code: int = 0) -> Result:
        return run(provider, *words, "--home", str(self.home.folder), code=code)

    @property
    def fingerprint(self) -> str:
        return fingerprint(load_key(self.home.key).identity.public)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "federation"
    run(coordinator, "federation", "init", str(made), "--name", "test", "--host", "localhost")
    return made


def admit(folder: Path, *sites: Site, code: int = 0) -> Result:
    words = ["federation", "admit", str(folder), *(str(site.request) for site in sites)]
    for site in sites:
        words += ["--fingerprint", site.fingerprint]
    return run(coordinator, *words, "--out", str(folder.parent), code=code)


def enrol(folder: Path, site: Site, *, code: int = 0) -> Result:
    authority = FederationFolder(folder).public.hex()
    file = folder.parent / f"{site.name}.admission"
    return site.run("enrol", str(file), "--authority", authority, code=code)


def test_a_site_becomes_a_member_with_papers_in_force(folder: Path, tmp_path: Path) -> None:
    site = Site(tmp_path, "alice")
    admit(folder, site)
    enrol(folder, site)
    federation = read_config(site.home.config).node.federation
    assert federation.coordinators == ("localhost:9092",)
    assert federation.authority == FederationFolder(folder).public.hex()
    found = list(check_certificates(federation, utc_now()))
    assert all(not finding.next for finding in found), found
    roster = FederationFolder(folder).roster()
    assert roster is not None
    assert roster.by_name[ProviderId("alice")].classes == {"ant", "bee"}
    own = x509.load_pem_x509_certificate(site.home.certificate.read_bytes())
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["alice"]
    assert own.not_valid_after_utc - utc_now() > timedelta(days=300)


def test_secrets_are_their_owners_alone(folder: Path, tmp_path: Path) -> None:
    site = Site(tmp_path, "alice")
    secrets = [*folder.glob("*/*.key"), *folder.glob("*/identity.pem"), site.home.tls_key]
    assert len(secrets) == 5
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    key = site.home.tls_key.read_bytes()
    assert key not in site.request.read_bytes()


def test_a_certificate_is_renewed_without_a_new_key(folder: Path, tmp_path: Path) -> None:
    site = Site(tmp_path, "alice")
    admit(folder, site)
    enrol(folder, site)
    before, key = site.home.certificate.read_bytes(), site.home.tls_key.read_bytes()
    site.run("request", str(site.request))
    admit(folder, site)
    enrol(folder, site)
    assert site.home.certificate.read_bytes() != before
    assert site.home.tls_key.read_bytes() == key


def test_a_certificate_alone_makes_no_new_roster(folder: Path, tmp_path: Path) -> None:
    """Jobs run under a roster: a renewal must not end them."""
    alice, bob = Site(tmp_path, "alice"), Site(tmp_path, "bob")
    admit(folder, alice, bob)
    links = FederationFolder(folder).links()
    issued = [folder / "certificates" / f"{name}.pem" for name in ("alice", "bob")]
    before = [path.read_bytes() for path in issued]
    admit(folder, alice)
    assert FederationFolder(folder).links() == links
    after = [path.read_bytes() for path in issued]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
    assert FederationFolder(folder).certificates().keys() == {"alice", "bob"}


def test_renewing_the_coordinator_leaves_its_identity(folder: Path, tmp_path: Path) -> None:
    admit(folder, Site(tmp_path, "alice"))
    place = FederationFolder(folder)
    links, identity, server = place.links(), place.coordinator.public, place.server
    assert "Renewed until" in run(coordinator, "federation", "renew", str(folder)).output
    assert (place.links(), place.coordinator.public) == (links, identity)
    assert place.server.certificate != server.certificate
    check_pair(place.server.certificate, place.server.key)
    assert (folder / "coordinator" / "tls.key").stat().st_mode & 0o777 == 0o600
    run(coordinator, "federation", "rotate", str(folder))
    assert place.coordinator.public != identity
    assert len(place.links()) == len(links) + 1


def test_nothing_is_renewed_without_the_authority(folder: Path) -> None:
    place = FederationFolder(folder)
    before = place.server, place.coordinator.public
    for name in ("tls.key", "identity.pem"):
        away = folder / "authority" / name
        key = away.read_bytes()
        away.unlink()
        refusal = run(coordinator, "federation", "rotate", str(folder), code=2)
        assert "cannot be read" in refusal.output
        assert (place.server, place.coordinator.public) == before
        away.write_bytes(key)


def test_every_step_is_a_link_of_one_chain(folder: Path, tmp_path: Path) -> None:
    alice, bob = Site(tmp_path, "alice"), Site(tmp_path, "bob")
    admit(folder, alice, bob)
    run(coordinator, "federation", "revoke", str(folder), "bob")
    run(coordinator, "federation", "rotate", str(folder))
    place = FederationFolder(folder)
    rosters = accept_chain(place.links(), authority=place.public, current=None)
    assert [sorted(roster.by_name) for roster in rosters] == [
        ["alice", "bob"],
        ["alice"],
        ["alice"],
    ]
    assert rosters[0].coordinators != rosters[2].coordinators


def test_whoever_was_revoked_is_not_taken_in(folder: Path, tmp_path: Path) -> None:
    alice, bob = Site(tmp_path, "alice"), Site(tmp_path, "bob")
    admit(folder, alice, bob)
    run(coordinator, "federation", "revoke", str(folder), "bob")
    file = tmp_path / "bob.admission"
    old = Admission.decode(file.read_bytes())
    links = FederationFolder(folder).links()
    file.write_bytes(
        Admission(
            old.provider, old.authority, links, old.ca, old.certificate, old.coordinators
        ).encode()
    )
    assert "has no entry for bob" in enrol(folder, bob, code=2).output


def test_another_fingerprint_is_not_admitted(folder: Path, tmp_path: Path) -> None:
    alice, mallory = Site(tmp_path, "alice"), Site(tmp_path, "mallory")
    words = ("federation", "admit", str(folder), str(mallory.request))
    result = run(coordinator, *words, "--fingerprint", alice.fingerprint, code=2)
    assert "No --fingerprint is that of mallory" in result.output
    assert FederationFolder(folder).roster() is None


def test_a_member_is_not_replaced_under_its_name(folder: Path, tmp_path: Path) -> None:
    alice, other = Site(tmp_path, "alice"), Site(tmp_path, "alice", "elsewhere")
    admit(folder, alice)
    assert "under another identity" in admit(folder, other, code=2).output


def test_an_admission_of_another_authority_or_site_is_refused(folder: Path, tmp_path: Path) -> None:
    alice, bob = Site(tmp_path, "alice"), Site(tmp_path, "bob")
    admit(folder, alice, bob)
    file = str(tmp_path / "alice.admission")
    wrong = alice.run("enrol", file, "--authority", "ab" * 32, code=2)
    assert "not of the one you name" in wrong.output
    authority = FederationFolder(folder).public.hex()
    assert "this is bob" in bob.run("enrol", file, "--authority", authority, code=2).output
    assert not bob.home.federation.exists()


@pytest.mark.parametrize("place", [40, 200, -10])
def test_a_request_that_was_changed_is_refused(folder: Path, tmp_path: Path, place: int) -> None:
    site = Site(tmp_path, "alice")
    data = bytearray(site.request.read_bytes())
    data[place] ^= 1
    site.request.write_bytes(data)
    with pytest.raises(ValueError, match="no request of a site"):
        read_request(site.request)


def test_a_federation_is_never_founded_twice(folder: Path) -> None:
    words = ("federation", "init", str(folder), "--name", "again", "--host", "localhost")
    assert "not empty" in run(coordinator, *words, code=2).output


def test_nodes_are_listed_with_what_runs_out(folder: Path, tmp_path: Path) -> None:
    admit(folder, Site(tmp_path, "alice"))
    shown = run(coordinator, "federation", "nodes", str(folder)).output
    (line,) = [line for line in shown.splitlines() if "alice" in line]
    assert f"{FederationFolder(folder).certificates()[ProviderId('alice')].ends:%F}" in line
    assert "certificate of the coordinator ends" in shown

"""Who is let in at the port of `synlearn-coordinator up`, and who is not: each is refused, and the
log of the side that refuses says why.

Papers are those that the authority's commands have made. What is stolen or wrong with them is done
here; the handshake alone, with everything that can be forged in it, is in
`tests/attacks/test_handshake_attacks.py`, and who is revoked in the middle of a job in
`test_attendance.py`.
"""

import json
import socket
import ssl
import warnings
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from coordinator.admission import TokenAdmission
from coordinator.authority.certificates import KeyPair, issue_server, issue_site, make_authority
from coordinator.authority.membership import read_request, utc_now
from coordinator.blobs import MemoryBlobs
from coordinator.job import read_job
from coordinator.session_server import SessionServer
from protocols.errors import Code
from protocols.ids import JobId, ProviderId
from protocols.proof import Prover
from provider.session import ClientTls
from provider.site.identity import load_key
from tests.identities import identity_of
from tests.integration.region import Region, make_region, running
from tests.integration.sites import PATIENCE, Owner, until
from tests.session_harness import SOON, Echo, Node, start_node

pytestmark = pytest.mark.integration

NORTH, EAST, EVE = (ProviderId(name) for name in ("north", "east", "eve"))
LONG_AGO = timedelta(days=400)
FOREIGN = ("CERTIFICATE_VERIFY_FAILED", "certificate signature failure")
"""As the names of the two authorities are the same or not."""


@dataclass
class Town:
    """A region with one job that waits for its sites, and whoever dials its port."""

    region: Region
    job: JobId

    @property
    def port(self) -> int:
        return self.region.federation.config.port

    def owner(self, name: ProviderId) -> Owner:
        return next(owner for owner in self.region.owners if owner.name == name)

    def token(self, name: ProviderId) -> bytes:
        """Of a site's invitation."""
        tokens = json.loads((self.region.runs / "waits" / "tokens.json").read_text())
        return b64decode(tokens[name])

    def tls(self, name: ProviderId) -> ClientTls:
        """A site's own papers."""
        home = self.owner(name).home
        return ClientTls(
            home.ca.read_bytes(), home.certificate.read_bytes(), home.tls_key.read_bytes()
        )

    def issued(self, name: ProviderId, to: ProviderId, authority: KeyPair | None = None) -> bytes:
        """A certificate with a name in it, to the key of another site, by an authority."""
        asked = read_request(self.region.folder / f"{to}.request").certificate_request
        signer = authority or self.region.federation.tls_authority
        return issue_site(signer, asked, name, utc_now())

    def prover(self, key_of: ProviderId | None) -> Prover:
        """Proves with the key of a site, or with one that nobody knows."""
        identity = load_key(self.owner(key_of).home.key).identity if key_of else identity_of("eve")
        return Prover(identity, self.region.federation.coordinator.public)

    @contextmanager
    def dial(
        self,
        name: ProviderId,
        *,
        token: bytes,
        tls: ClientTls | None,
        key_of: ProviderId | None = None,
    ) -> Iterator[Node]:
        """A session's own client, under some name and with some papers."""
        node = start_node(
            name,
            Echo(),
            self.port,
            job=self.job,
            token=token,
            tls=tls,
            prover=self.prover(key_of),
        )
        try:
            yield node
        finally:
            node.cancel()

    @contextmanager
    def said(
        self, *words: str, by: Callable[[], str] | None = None
    ) -> Iterator[Callable[[], None]]:
        """From here on the log of the coordinator, or another, comes to say one of these.

        Gives what waits for it; whoever does not call it waits at the end of the block.
        """
        log = by or self.region.log
        before = len(log())

        def heard() -> None:
            until(lambda: any(word in log()[before:] for word in words), lambda: log()[before:])

        yield heard
        heard()

    def here(self) -> set[str]:
        """Sites that the coordinator has let in."""
        sites = self.region.status("waits")["sites"]
        return {name for name, site in sites.items() if site["connected"]}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("members")
    with running(make_region(folder, (NORTH, EAST))) as region:
        process = region.submit("waits", None, "--detach")
        process.communicate(timeout=PATIENCE)
        made = Town(region, read_job(region.job).id)
        for name in (NORTH, EAST):
            file = region.runs / "waits" / "invitations" / f"{name}.invitation"
            until(file.is_file, region.log)
        yield made


def join(town: Town, name: ProviderId) -> None:
    """A site's owner agrees, and its node dials."""
    owner = town.owner(name)
    owner.run("invite", str(town.region.runs / "waits" / "invitations" / f"{name}.invitation"))
    owner.run("join", town.job, "--yes")


@contextmanager
def changed(path: Path, data: bytes) -> Iterator[None]:
    """Another file in the place of one, for a while."""
    before, mode = path.read_bytes(), path.stat().st_mode
    path.write_bytes(data)
    path.chmod(mode)
    try:
        yield
    finally:
        path.write_bytes(before)


def test_somebody_who_was_never_admitted(town: Town) -> None:
    """The authority knows the key, but the roster has no such member."""
    papers = town.tls(EAST)
    tls = ClientTls(papers.authority, town.issued(EVE, EAST), papers.key)
    with (
        town.said("Its token is not that of its invitation."),
        town.dial(EVE, token=b"a guess", tls=tls) as eve,
    ):
        assert eve.result(SOON).code is Code.NOT_ADMITTED


def test_a_site_without_a_certificate(town: Town) -> None:
    tls = ClientTls(town.tls(NORTH).authority)
    with (
        town.said("PEER_DID_NOT_RETURN_A_CERTIFICATE") as heard,
        town.dial(NORTH, token=town.token(NORTH), tls=tls, key_of=NORTH),
    ):
        heard()
    assert town.here() == set()


def test_a_token_stolen_by_another_member(town: Town) -> None:
    with (
        town.said("Its certificate is for east."),
        town.dial(NORTH, token=town.token(NORTH), tls=town.tls(EAST), key_of=EAST) as thief,
    ):
        assert thief.result(SOON).code is Code.NOT_ADMITTED


def test_a_token_and_a_certificate_stolen_together(town: Town) -> None:
    with (
        town.said("The signature is not by its key of the roster"),
        town.dial(NORTH, token=town.token(NORTH), tls=town.tls(NORTH)) as thief,
    ):
        assert thief.result(SOON).code is Code.NOT_PROVEN
    assert town.here() == set()


def test_a_downgrade_to_plaintext_by_who_dials(town: Town) -> None:
    with (
        town.said("WRONG_VERSION_NUMBER") as heard,
        town.dial(NORTH, token=town.token(NORTH), tls=None, key_of=NORTH),
    ):
        heard()


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_a_downgrade_to_an_old_tls(version: str, town: Town) -> None:
    offer = ssl.create_default_context(cafile=town.owner(NORTH).home.ca)
    offer.set_alpn_protocols(["h2"])
    offer.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL itself would not offer it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        offer.minimum_version = offer.maximum_version = ssl.TLSVersion[version]
    with (
        town.said("UNSUPPORTED_PROTOCOL"),
        socket.create_connection(("localhost", town.port), SOON) as connection,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        offer.wrap_socket(connection, server_hostname="localhost")


def test_an_expired_certificate_of_a_site_and_then_a_new_one(town: Town) -> None:
    """Its real node says whose fault it is; it comes in by itself once it has another."""
    owner = town.owner(NORTH)
    asked = read_request(town.region.folder / "north.request").certificate_request
    old = issue_site(town.region.federation.tls_authority, asked, NORTH, utc_now() - LONG_AGO)
    with (
        changed(owner.home.certificate, old),
        town.said("certificate has expired"),
        town.said("This node's own certificate ran out on", by=owner.log) as heard,
    ):
        join(town, NORTH)
        heard()
        assert town.here() == set()
    until(lambda: town.here() == {NORTH}, owner.log)


def test_a_certificate_of_a_site_by_another_authority(town: Town) -> None:
    """Of the same name, and with the site's own key in it."""
    owner = town.owner(EAST)
    false = town.issued(EAST, EAST, make_authority("region authority", utc_now()))
    with (
        changed(owner.home.certificate, false),
        town.said(*FOREIGN),
        town.said("it may not take this node's certificate", by=owner.log) as heard,
    ):
        join(town, EAST)
        heard()
        assert EAST not in town.here()


@pytest.mark.parametrize(
    ("expired", "reason"),
    [
        (True, "The coordinator's certificate ran out"),
        (False, "not of the authority in `ca`: nothing was sent"),
    ],
    ids=["expired", "another authority"],
)
def test_a_coordinator_with_a_certificate_that_is_not_good(
    expired: bool, reason: str, town: Town
) -> None:
    """Nodes that are in stay in; whoever dials anew is told nothing, and tells nothing."""
    folder = town.region.federation
    false = make_authority("another authority", utc_now())
    authority = folder.tls_authority if expired else false
    pair = issue_server(
        authority, ("localhost",), utc_now() - (LONG_AGO if expired else LONG_AGO * 0)
    )
    own = folder.root / "coordinator"
    owner = town.owner(EAST)
    owner.stop()
    with changed(own / "tls.key", pair.key), changed(own / "tls.pem", pair.certificate):
        with town.said(reason, by=owner.log):
            owner.start()
        assert town.here() == {NORTH}
        owner.stop()


def test_a_downgrade_to_plaintext_by_who_listens(town: Town) -> None:
    """In the coordinator's place, at its very address; the last test, since it ends that one."""
    assert town.region.stop() == 0
    admission = TokenAdmission({NORTH: town.token(NORTH)})
    events: list[object] = []
    false = SessionServer(
        town.job,
        admission,
        MemoryBlobs(),
        address=f"localhost:{town.port}",
        on_event=events.append,
    )
    owner = town.owner(NORTH)
    with town.said("What answers there speaks no TLS: nothing was sent to it.", by=owner.log):
        false.start()
    false.stop("the test is over")
    assert events == []

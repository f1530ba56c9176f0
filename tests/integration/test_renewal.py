"""A job at one site, whose federation is tended while it runs: certificates are renewed under it,
and the site is revoked."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from coordinator import session_stream
from coordinator.admission import Peer, RosterAdmission
from coordinator.authority.current_roster import CurrentRoster
from coordinator.authority.folder import FederationFolder
from coordinator.authority.membership import admit, found, read_request, renew, revoke
from coordinator.blobs import MemoryBlobs
from coordinator.deployed import server_tls
from coordinator.session_events import Joined, Lost, Rejoined, SessionEvent
from coordinator.session_server import SessionServer
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.proof import Prover
from provider.site.config import read_config
from provider.site.federation import client_tls
from provider.site.home import Home
from provider.site.identity import load_key
from provider.site.membership import read_admission, request, take_in
from provider.site.memory import open_memory
from tests.integration.sites import Owner, write_pictures
from tests.integration.test_session import Cable, cable
from tests.session_harness import JOB, QUICK, SOON, TOKEN, Echo, Node, start_node, until

NORTH = ProviderId("north")


@dataclass
class Papers:
    """A federation of one site, made by the commands' own functions; files as in production."""

    folder: FederationFolder
    home: Home
    file: Path

    def ask(self) -> None:
        """The site asks the authority for a certificate."""
        with open_memory(self.home) as memory:
            self.file.write_bytes(request(memory))

    def admit(self) -> None:
        """The authority answers, and the site takes it in."""
        answer = self.file.with_suffix(".admission")
        answer.write_bytes(admit(self.folder, [read_request(self.file)])[NORTH].encode())
        with open_memory(self.home) as memory:
            take_in(memory, read_admission(answer))

    def admission(self) -> RosterAdmission:
        """As the coordinator's process has it."""
        roster = self.folder.roster()
        assert roster is not None
        return RosterAdmission(
            {NORTH: TOKEN},
            self.folder.coordinator.public,
            CurrentRoster(self.folder, roster),
            names_in_certificates=True,
        )


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    write_pictures(tmp_path / "data", {"ant": 3, "bee": 2}, 0)
    owner = Owner(Home(tmp_path / "node"), NORTH, tmp_path / "data")
    owner.run("init", "--provider", NORTH, "--data", str(owner.data), "--same-labels")
    folder = found(tmp_path / "federation", "test", ("localhost",), 9092)
    made = Papers(folder, owner.home, tmp_path / "north.request")
    made.ask()
    made.admit()
    return made


@dataclass
class Meeting:
    """The site's node at a coordinator, over a cable that can be cut."""

    server: SessionServer
    port: int
    wire: Cable
    responder: Echo
    node: Node
    events: list[SessionEvent]


@contextmanager
def meeting(papers: Papers) -> Iterator[Meeting]:
    """Both ends as they run in production, but for what is answered."""
    events: list[SessionEvent] = []
    server = SessionServer(
        JOB,
        papers.admission(),
        MemoryBlobs(),
        tls=server_tls(papers.folder),
        limits=QUICK,
        on_event=events.append,
    )
    port, responder = server.start(), Echo()
    tls = client_tls(read_config(papers.home.config).node.federation)
    prover = Prover(load_key(papers.home.key).identity, papers.folder.coordinator.public)
    with cable(port) as wire:
        node = start_node(NORTH, responder, wire.port, tls=tls, prover=prover, limits=QUICK)
        try:
            yield Meeting(server, port, wire, responder, node, events)
        finally:
            node.cancel()
            server.stop("the test is over")


def serial(certificate: bytes) -> int:
    return x509.load_pem_x509_certificate(certificate).serial_number


def shown_at(port: int) -> int:
    """The serial number of the certificate that a new connection gets."""
    return serial(ssl.get_server_certificate(("localhost", port)).encode())


def test_a_job_goes_on_while_both_ends_renew_their_certificates(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []

    def noting(context: session_stream.Context) -> Peer:
        (certificate,) = context.auth_context()["x509_pem_cert"]
        shown.append(serial(certificate))
        return peer_of(context)

    peer_of = session_stream._peer
    monkeypatch.setattr(session_stream, "_peer", noting)
    with meeting(papers) as here:
        waiting = here.server.ask(NORTH, QueryId(0, 0, 0), b"wait", SOON)
        until(lambda: bool(here.responder.asked))
        links, old = papers.folder.links(), shown_at(here.port)
        before = serial(papers.home.certificate.read_bytes())
        assert old == serial(papers.folder.server.certificate)

        renew(papers.folder)
        papers.ask()
        papers.admit()
        new = serial(papers.folder.server.certificate)
        assert shown_at(here.port) == new != old
        assert papers.folder.links() == links
        assert here.events == [Joined(NORTH)]  # what stands is not touched
        hi = here.server.ask(NORTH, QueryId(0, 0, 1), b"hi", SOON)
        assert hi.result(SOON) == b"echo hi"

        here.wire.cut()
        until(lambda: Rejoined(NORTH) in here.events)
        here.responder.gate.set()
        assert waiting.result(SOON) == b"echo wait"
        assert [type(event) for event in here.events] == [Joined, Lost, Rejoined]
        after = serial(papers.home.certificate.read_bytes())
        assert shown == [before, after]
        assert before != after


def test_a_site_is_revoked_in_the_middle_of_a_job(
    papers: Papers, caplog: pytest.LogCaptureFixture
) -> None:
    with meeting(papers) as here:
        here.server.wait_for([NORTH], SOON)
        revoke(papers.folder, NORTH)
        here.wire.cut()
        assert here.node.result(SOON).code is Code.NOT_A_MEMBER
        assert here.server.connected() == frozenset()
    assert "roster 2 is in force now; revoked: north" in caplog.text
    assert "It was revoked: roster 2, now in force, has no entry for it." in caplog.text

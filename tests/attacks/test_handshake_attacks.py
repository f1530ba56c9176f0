"""What may be tried at the door of a session, over real TLS on loopback. Each is named after
itself, and each refusal has its reason in the log of the side that refused.

Alice and Bob are members; Eve is whoever has stolen something. Reasons that only the TLS library
knows stand on standard error, where gRPC writes them.
"""

import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from coordinator.admission import RosterAdmission
from coordinator.session_events import Joined, Lost, TurnedAway
from coordinator.tls import ServerTls
from protocols import frames as f
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.limits import Limits
from protocols.proof import Prover
from protocols.secagg.roster import Roster
from provider.session import ClientTls
from tests.certificates import Authority, Identity
from tests.identities import COORDINATOR, first_roster, identity_of, member_of
from tests.session_harness import (
    ALICE,
    BOB,
    QUICK,
    SOON,
    BareProvider,
    Echo,
    Node,
    Site,
    bare_provider,
    hello,
    site,
    until,
)

Q = QueryId(0, 0, 0)
TOKENS = {ALICE: b"alice's token", BOB: b"bob's token"}
EXPIRED = (-2.0, -1.0)


@dataclass
class Door:
    """A coordinator that lets members in: by token, certificate and key."""

    there: Site
    authority: Authority
    rosters: list[Roster]

    def tls(self, own: Identity | None) -> ClientTls:
        """What a node with this certificate dials with."""
        trusted = self.authority.certificate
        return ClientTls(trusted, own.certificate, own.key) if own else ClientTls(trusted)

    def dial(
        self,
        name: ProviderId,
        *,
        key_of: str | None = None,
        tls: ClientTls | None = None,
        plaintext: bool = False,
    ) -> Node:
        """A node under this name, with papers of its own unless told otherwise."""
        return self.there.node(
            name,
            Echo(),
            token=TOKENS.get(name, b"a guess"),
            tls=None if plaintext else tls or self.tls(self.authority.issue(name)),
            prover=Prover(identity_of(key_of or name), COORDINATOR.public),
        )

    @contextmanager
    def stream(self, certificate_of: ProviderId) -> Iterator[BareProvider]:
        """A stream in the test's hands, with this certificate."""
        tls = self.tls(self.authority.issue(certificate_of))
        with bare_provider(self.there.port, tls) as bare:
            yield bare


@contextmanager
def door(
    *, limits: Limits = QUICK, server: Identity | None = None, plaintext: bool = False
) -> Iterator[Door]:
    authority = Authority()
    own = server or authority.issue("localhost")
    rosters = [first_roster("alice", "bob")]
    admission = RosterAdmission(
        TOKENS, COORDINATOR.public, lambda: rosters[-1], names_in_certificates=not plaintext
    )
    tls = None if plaintext else ServerTls(own.certificate, own.key, authority.certificate)
    with site(tls=tls, limits=limits, admission=admission) as there:
        yield Door(there, authority, rosters)


def challenged(eve: BareProvider, **changes: object) -> tuple[f.Hello, f.Challenge]:
    """Say Hello as Alice, and be asked for a proof."""
    first = hello(token=TOKENS[ALICE], **changes)
    eve.send(first)
    challenge = eve.receive()
    assert isinstance(challenge, f.Challenge)
    return first, challenge


def refused(eve: BareProvider) -> Code:
    """The stream ends with an error."""
    last = eve.receive()
    assert isinstance(last, f.Error), last
    assert eve.receive() is None
    return last.code


def turned_away(here: Door, code: Code) -> TurnedAway:
    """The coordinator was told, once."""
    until(lambda: any(isinstance(event, TurnedAway) for event in here.there.events))
    (away,) = [event for event in here.there.events if isinstance(event, TurnedAway)]
    assert away.code is code
    return away


def blamed(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    """Of whom the coordinator's log says so."""
    lines = (each for each in caplog.records if each.name == "coordinator.session_stream")
    return [each.__dict__["provider"] for each in lines if words in each.getMessage()]


# Members, and those who are not.


def test_members_are_let_in_with_all_three(caplog: pytest.LogCaptureFixture) -> None:
    with door() as here:
        for name in (ALICE, BOB):
            here.dial(name)
            assert here.there.server.ask(name, Q, b"hi", SOON).result(SOON) == b"echo hi"
    assert "not let in" not in caplog.text


def test_somebody_who_was_never_admitted(caplog: pytest.LogCaptureFixture) -> None:
    eve = ProviderId("eve")
    with door() as here:
        assert here.dial(eve).result(SOON).code is Code.NOT_ADMITTED
        turned_away(here, Code.NOT_ADMITTED)
    assert blamed(caplog, "Its token is not that of its invitation.") == ["eve"]
    assert f"{Code.NOT_ADMITTED.sentence} Not connecting again." in caplog.text


def test_a_revoked_member_that_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    """In the middle of a job, with papers that were good a moment ago."""
    with door() as here:
        here.dial(ALICE)
        first = here.dial(BOB)
        here.there.server.wait_for([ALICE, BOB], SOON)
        first.cancel()
        until(lambda: here.there.server.connected() == {ALICE})
        here.rosters.append(here.rosters[0].following([member_of("alice")], [COORDINATOR.public]))
        assert here.dial(BOB).result(SOON).code is Code.NOT_A_MEMBER
        away = turned_away(here, Code.NOT_A_MEMBER)
        assert "roster 2, now in force, has no entry for it" in away.sentence
        assert here.there.server.connected() == {ALICE}
    assert away.sentence in caplog.text


def test_a_revoked_member_that_stays(caplog: pytest.LogCaptureFixture) -> None:
    """It has a stream from before, and does not let go of it."""
    with door(limits=replace(QUICK, silence=0.3)) as here:
        alice, bob = here.dial(ALICE), here.dial(BOB)
        here.there.server.wait_for([ALICE, BOB], SOON)
        here.rosters.append(here.rosters[0].following([member_of("alice")], [COORDINATOR.public]))
        assert bob.result(SOON).code is Code.NOT_A_MEMBER
        until(lambda: Lost(BOB, Code.NOT_A_MEMBER.sentence) in here.there.events)
        assert not alice.done()
    assert (
        blamed(caplog, "it may not stay: ") == blamed(caplog, "roster 2, now in force") == ["bob"]
    )


# What can be stolen.


def test_a_token_stolen_by_another_member(caplog: pytest.LogCaptureFixture) -> None:
    with door() as here:
        bobs = here.tls(here.authority.issue(BOB))
        thief = here.dial(ALICE, key_of="bob", tls=bobs)
        assert thief.result(SOON).code is Code.NOT_ADMITTED
        turned_away(here, Code.NOT_ADMITTED)
    assert "Its certificate is for bob." in caplog.text


def test_a_token_and_a_certificate_stolen_together(caplog: pytest.LogCaptureFixture) -> None:
    """The identity key is still Alice's; nor is her own stream disturbed."""
    with door() as here:
        alice = here.dial(ALICE)
        here.there.server.wait_for([ALICE], SOON)
        assert here.dial(ALICE, key_of="eve").result(SOON).code is Code.NOT_PROVEN
        turned_away(here, Code.NOT_PROVEN)
        assert not alice.done()
        assert here.there.server.ask(ALICE, Q, b"hi", SOON).result(SOON) == b"echo hi"
        assert [type(event) for event in here.there.events] == [Joined, TurnedAway]
    assert "The signature is not by its key of the roster" in caplog.text


def test_a_former_key_of_a_member(caplog: pytest.LogCaptureFixture) -> None:
    """Alice has lost her key, and was admitted anew under another."""
    with door() as here:
        again = [member_of("alice", key="alice anew"), member_of("bob")]
        here.rosters.append(here.rosters[0].following(again, [COORDINATOR.public]))
        assert here.dial(ALICE).result(SOON).code is Code.NOT_PROVEN
        here.dial(ALICE, key_of="alice anew")
        here.there.server.wait_for([ALICE], SOON)


def test_a_proof_replayed_on_another_stream() -> None:
    with door() as here:
        with here.stream(ALICE) as alice:
            proof = Prover(identity_of("alice"), COORDINATOR.public).prove(*challenged(alice))
            alice.send(proof)
            assert isinstance(alice.receive(), f.Welcome)
        with here.stream(ALICE) as eve:
            challenged(eve)
            eve.send(proof)
            assert refused(eve) is Code.NOT_PROVEN
        turned_away(here, Code.NOT_PROVEN)


def test_a_proof_sent_before_the_challenge() -> None:
    """In one message with its Hello, and again: there is one try on a stream."""
    with door() as here, here.stream(ALICE) as eve:
        eve.send(hello(token=TOKENS[ALICE]), f.Proof(bytes(64)), f.Proof(bytes(64)))
        assert isinstance(eve.receive(), f.Challenge)
        assert refused(eve) is Code.NOT_PROVEN


def test_a_proof_passed_on_by_another_coordinator() -> None:
    """Mallory's job has Alice, too: she poses to Alice the nonce that she was posed herself."""
    mallory = identity_of("mallory")
    with door() as here, here.stream(ALICE) as eve:
        first, challenge = challenged(eve)
        eve.send(Prover(identity_of("alice"), mallory.public).prove(first, challenge))
        assert refused(eve) is Code.NOT_PROVEN


def test_a_proof_under_another_acknowledgement() -> None:
    """It would have the coordinator believe that answers are safe which are not."""
    with door() as here, here.stream(ALICE) as eve:
        first, challenge = challenged(eve, acknowledged=QueryId(9, 0, 0))
        honest = replace(first, acknowledged=QueryId(1, 0, 0))
        eve.send(Prover(identity_of("alice"), COORDINATOR.public).prove(honest, challenge))
        assert refused(eve) is Code.NOT_PROVEN


@pytest.mark.parametrize("instead", [f.Heartbeat(), f.Answer(Q, b"forged")], ids=repr)
def test_a_session_without_its_proof(instead: f.Frame) -> None:
    with door() as here, here.stream(ALICE) as eve:
        challenged(eve)
        future = here.there.server.ask(ALICE, Q, b"?", SOON)
        eve.send(instead)
        assert refused(eve) is Code.OUT_OF_ORDER
        assert here.there.server.connected() == frozenset()
        assert not future.done()


# Certificates, and what TLS refuses by itself.


def said(capfd: pytest.CaptureFixture[str], *words: str) -> None:
    """Wait until gRPC has written one of these on standard error."""
    heard = ""

    def hears() -> bool:
        nonlocal heard
        heard += capfd.readouterr().err
        return any(word in heard for word in words)

    until(hears)


FOREIGN = ("CERTIFICATE_VERIFY_FAILED", "certificate signature failure")
"""As the names of the two authorities are the same or not."""


def logged(caplog: pytest.LogCaptureFixture, words: str) -> None:
    until(lambda: words in caplog.text)


def test_an_expired_certificate_of_a_member(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with door() as here:
        here.dial(ALICE, tls=here.tls(here.authority.issue(ALICE, hours=EXPIRED)))
        said(capfd, "certificate has expired")
        logged(caplog, "This node's own certificate ran out on")
        assert here.there.events == []


def test_a_certificate_of_a_member_by_another_authority(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with door() as here:
        here.dial(ALICE, tls=here.tls(Authority().issue(ALICE)))
        said(capfd, *FOREIGN)
        logged(caplog, "it may not take this node's certificate")
        assert here.there.events == []


def test_a_member_without_a_certificate(capfd: pytest.CaptureFixture[str]) -> None:
    with door() as here:
        here.dial(ALICE, tls=here.tls(None))
        said(capfd, "PEER_DID_NOT_RETURN_A_CERTIFICATE")
        assert here.there.events == []


def test_an_expired_certificate_of_the_coordinator(caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority()
    with door(server=authority.issue("localhost", hours=EXPIRED)) as here:
        here.dial(ALICE, tls=ClientTls(authority.certificate))
        logged(caplog, "The coordinator's certificate ran out")
        assert here.there.events == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("localhost", "not of the authority in `ca`: nothing was sent"),
        ("elsewhere", "for another name than the one dialled: nothing was sent"),
    ],
)
def test_a_coordinator_in_the_place_of_the_one_dialled(
    name: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With a certificate of its own authority, or with another coordinator's."""
    authority = Authority()
    trusted = Authority() if name == "localhost" else authority
    with door(server=authority.issue(name)) as here:
        here.dial(ALICE, tls=ClientTls(trusted.certificate))
        logged(caplog, reason)
        assert here.there.events == []


def test_a_downgrade_to_plaintext_by_who_dials(capfd: pytest.CaptureFixture[str]) -> None:
    with door() as here:
        here.dial(ALICE, plaintext=True)
        said(capfd, "WRONG_VERSION_NUMBER")
        assert here.there.events == []


def test_a_downgrade_to_plaintext_by_who_listens(caplog: pytest.LogCaptureFixture) -> None:
    """The node has a ca, so it says nothing to what speaks no TLS: not even its Hello."""
    with door(plaintext=True) as here:
        here.dial(ALICE)
        logged(caplog, "What answers there speaks no TLS: nothing was sent to it.")
        assert here.there.events == []


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_a_downgrade_to_an_old_tls(version: str, capfd: pytest.CaptureFixture[str]) -> None:
    with door() as here:
        offer = ssl.create_default_context(cadata=here.authority.certificate.decode())
        offer.set_alpn_protocols(["h2"])
        offer.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL itself would not offer it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            offer.minimum_version = offer.maximum_version = ssl.TLSVersion[version]
        with (
            socket.create_connection(("localhost", here.there.port), SOON) as connection,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            offer.wrap_socket(connection, server_hostname="localhost")
        said(capfd, "UNSUPPORTED_PROTOCOL")
        assert here.there.events == []

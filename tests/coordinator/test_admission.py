import pytest

from coordinator.admission import Denied, Peer, RosterAdmission, TokenAdmission
from protocols.errors import Code
from protocols.frames import Hello
from protocols.ids import JobId, ProviderId
from protocols.proof import Verifier
from tests.identities import COORDINATOR, first_roster, identity_of, member_of

ALICE, BOB = ProviderId("alice"), ProviderId("bob")
NOWHERE = Peer("ipv4:127.0.0.1:1")


def hello(provider: ProviderId, token: bytes) -> Hello:
    return Hello(provider, JobId("job"), token, None, 1, 1)


def denied(
    admission: TokenAdmission | RosterAdmission, asks: Hello, peer: Peer = NOWHERE
) -> Denied:
    with pytest.raises(Denied) as caught:
        admission.admit(asks, peer)
    return caught.value


def test_a_token_admits_its_own_provider_again_and_again() -> None:
    admission = TokenAdmission({ALICE: b"a", BOB: b"b"})
    admission.admit(hello(ALICE, b"a"), NOWHERE)
    admission.admit(hello(ALICE, b"a"), NOWHERE)


@pytest.mark.parametrize(
    ("provider", "token"),
    [(ALICE, b"b"), (ALICE, b""), (ALICE, b"a "), (ProviderId("eve"), b"a"), (BOB, b"")],
)
def test_everything_else_does_not(provider: ProviderId, token: bytes) -> None:
    refusal = denied(TokenAdmission({ALICE: b"a", BOB: b""}), hello(provider, token))
    assert refusal.code is Code.NOT_ADMITTED
    assert "token" in refusal.why


def test_a_stolen_token_is_worth_nothing_without_the_certificate() -> None:
    admission = TokenAdmission({ALICE: b"a"}, names_in_certificates=True)
    admission.admit(hello(ALICE, b"a"), Peer(NOWHERE.address, frozenset({"bob", "alice"})))
    for names, shown in ((set(), "nobody"), ({"bob"}, "bob")):
        peer = Peer(NOWHERE.address, frozenset(names))
        refusal = denied(admission, hello(ALICE, b"a"), peer)
        assert refusal.code is Code.NOT_ADMITTED
        assert refusal.why == f"Its certificate is for {shown}."


def test_a_member_is_asked_for_the_key_of_the_roster_in_force() -> None:
    rosters = [first_roster("alice", "bob")]
    admission = RosterAdmission(
        {ALICE: b"a"}, COORDINATOR.public, lambda: rosters[-1], names_in_certificates=False
    )
    asked = admission.admit(hello(ALICE, b"a"), NOWHERE)
    assert asked == Verifier(identity_of("alice").public, COORDINATOR.public)
    rosters.append(rosters[-1].following([member_of("alice", key="anew")], [COORDINATOR.public]))
    assert admission.admit(hello(ALICE, b"a"), NOWHERE).member == identity_of("anew").public
    rosters.append(rosters[-1].following([member_of("bob")], [COORDINATOR.public]))
    refusal = denied(admission, hello(ALICE, b"a"))
    assert refusal.code is Code.NOT_A_MEMBER
    assert "roster 3" in refusal.why


def test_membership_is_no_token() -> None:
    admission = RosterAdmission(
        {ALICE: b"a"},
        COORDINATOR.public,
        lambda: first_roster("alice", "bob"),
        names_in_certificates=True,
    )
    bob = Peer(NOWHERE.address, frozenset({"bob"}))
    for asks in (hello(BOB, b"a"), hello(ALICE, b"b"), hello(ALICE, b"a")):
        assert denied(admission, asks, bob).code is Code.NOT_ADMITTED

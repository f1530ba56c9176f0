import pytest

from coordinator.admission import Peer, TokenAdmission
from protocols.errors import Code
from protocols.frames import Hello
from protocols.ids import JobId, ProviderId

ALICE, BOB = ProviderId("alice"), ProviderId("bob")
NOWHERE = Peer("ipv4:127.0.0.1:1")


def hello(provider: ProviderId, token: bytes) -> Hello:
    return Hello(provider, JobId("job"), token, None, 1, 1)


def test_a_token_admits_its_own_provider_again_and_again() -> None:
    admission = TokenAdmission({ALICE: b"a", BOB: b"b"})
    assert admission.admit(hello(ALICE, b"a"), NOWHERE) is None
    assert admission.admit(hello(ALICE, b"a"), NOWHERE) is None


@pytest.mark.parametrize(
    ("provider", "token"),
    [(ALICE, b"b"), (ALICE, b""), (ALICE, b"a "), (ProviderId("eve"), b"a"), (BOB, b"")],
)
def test_everything_else_does_not(provider: ProviderId, token: bytes) -> None:
    admission = TokenAdmission({ALICE: b"a", BOB: b""})
    assert admission.admit(hello(provider, token), NOWHERE) is Code.NOT_ADMITTED


def test_a_stolen_token_is_worth_nothing_without_the_certificate() -> None:
    admission = TokenAdmission({ALICE: b"a"}, names_in_certificates=True)
    for names, admitted in ((set(), False), ({"bob"}, False), ({"bob", "alice"}, True)):
        peer = Peer(NOWHERE.address, frozenset(names))
        assert (admission.admit(hello(ALICE, b"a"), peer) is None) == admitted

"""What a proof covers: with anything else in its place, it does not hold."""

from dataclasses import replace

import pytest

from protocols.frames import Challenge, Hello, Proof
from protocols.ids import JobId, ProviderId, QueryId
from protocols.proof import Prover, Verifier
from tests.identities import AUTHORITY, COORDINATOR, identity_of

ALICE = identity_of("alice")
HELLO = Hello(ProviderId("alice"), JobId("job"), b"token", QueryId(2, 17, 3), 8, 1000)
CHALLENGE = Challenge(bytes(range(32)))
VERIFIER = Verifier(ALICE.public, COORDINATOR.public)
PROVER = Prover(ALICE, COORDINATOR.public)


def test_a_proof_holds_for_its_own_stream() -> None:
    assert VERIFIER.holds(HELLO, CHALLENGE, PROVER.prove(HELLO, CHALLENGE))
    first = replace(HELLO, acknowledged=None)
    assert VERIFIER.holds(first, CHALLENGE, PROVER.prove(first, CHALLENGE))


@pytest.mark.parametrize(
    "changed",
    [
        {"provider": "bob"},
        {"job": "another"},
        {"acknowledged": QueryId(2, 17, 4)},
        {"acknowledged": None},
        {"version": 1},
    ],
    ids=str,
)
def test_a_proof_holds_after_no_other_hello(changed: dict[str, object]) -> None:
    other = replace(HELLO, **changed)  # type: ignore[arg-type]
    assert not VERIFIER.holds(other, CHALLENGE, PROVER.prove(HELLO, CHALLENGE))
    assert VERIFIER.holds(other, CHALLENGE, PROVER.prove(other, CHALLENGE))


def test_a_proof_holds_for_no_other_challenge() -> None:
    other = Challenge(bytes(32))
    assert not VERIFIER.holds(HELLO, other, PROVER.prove(HELLO, CHALLENGE))


def test_a_proof_for_another_coordinator_holds_for_none_that_passes_it_on() -> None:
    proof = Prover(ALICE, AUTHORITY.public).prove(HELLO, CHALLENGE)
    assert not VERIFIER.holds(HELLO, CHALLENGE, proof)


def test_nobody_elses_key_proves_it() -> None:
    proof = Prover(identity_of("bob"), COORDINATOR.public).prove(HELLO, CHALLENGE)
    assert not VERIFIER.holds(HELLO, CHALLENGE, proof)
    assert not VERIFIER.holds(HELLO, CHALLENGE, Proof(bytes(64)))


def test_a_signature_for_another_use_is_no_proof() -> None:
    statement = b"synlearn/roster/v1|" + CHALLENGE.nonce
    assert not VERIFIER.holds(HELLO, CHALLENGE, Proof(ALICE.sign(statement)))

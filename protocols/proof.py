"""How a node proves, on every stream, that it holds the identity key that the roster names.

A token and a TLS key are files on a disk like others; whoever steals both is still not the member.
The node signs a nonce of this very stream, together with all that the stream is about: so a proof
is worth nothing on another stream, for another job, or passed on by another coordinator.

A gRPC client cannot see which TLS key it talks to. The coordinator's identity key, as the node
knows it from the job's manifest, stands in its place; that the other end of the connection is that
coordinator, is what its certificate says.
"""

from dataclasses import dataclass

from protocols.frames import Challenge, Hello, Proof
from protocols.secagg.fields import octets
from protocols.secagg.keys import Identity, verified
from protocols.values import encode_values

_PURPOSE = b"synlearn/session/v1|"
_KIND = "session-proof/v1"


@dataclass(frozen=True, slots=True)
class Prover:
    """The node's side.

    Attributes:
        identity: Its lasting signing key.
        coordinator: Identity key of the coordinator that it means to talk to, 32 bytes.
    """

    identity: Identity
    coordinator: bytes

    def prove(self, hello: Hello, challenge: Challenge) -> Proof:
        """The reply to a challenge that followed this Hello."""
        return Proof(self.identity.sign(_statement(hello, challenge, self.coordinator)))


@dataclass(frozen=True, slots=True)
class Verifier:
    """The coordinator's side, for one member.

    Attributes:
        member: The member's identity key, 32 bytes.
        coordinator: The coordinator's own.
    """

    member: bytes
    coordinator: bytes

    def holds(self, hello: Hello, challenge: Challenge, proof: Proof) -> bool:
        """Whether the member has signed this challenge, to this coordinator, after this Hello."""
        statement = _statement(hello, challenge, self.coordinator)
        return verified(self.member, statement, proof.signature)


def _statement(hello: Hello, challenge: Challenge, coordinator: bytes) -> bytes:
    """What is signed; equal statements have equal bytes."""
    return _PURPOSE + encode_values(
        _KIND,
        {
            "acknowledged": "" if hello.acknowledged is None else str(hello.acknowledged),
            "coordinator": octets(coordinator),
            "job": str(hello.job),
            "nonce": octets(challenge.nonce),
            "provider": str(hello.provider),
            "version": hello.version,
        },
    )

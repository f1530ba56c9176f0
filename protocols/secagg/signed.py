"""A body with the signature of whoever answers for it."""

from dataclasses import dataclass
from typing import ClassVar, Self

from protocols.errors import Code, Refused
from protocols.secagg.fields import Fields, octets
from protocols.secagg.keys import Identity, verified
from protocols.values import encode_values


@dataclass(frozen=True, slots=True)
class Signed:
    """A body and an Ed25519 signature of it, for one purpose.

    A subclass states its purpose, which is signed too: a signature that was made for one kind of
    body is none for another, even if the bytes are the same.

    Attributes:
        body: What is signed, encoded.
        signature: 64 bytes.
    """

    purpose: ClassVar[str]
    untrusted: ClassVar[Code]

    body: bytes
    signature: bytes

    @classmethod
    def by(cls, signer: Identity, body: bytes) -> Self:
        """`body`, signed by `signer`."""
        return cls(body, signer.sign(cls._message(body)))

    def holds_for(self, public: bytes) -> bool:
        """Whether the holder of this public key signed the body for this purpose."""
        return verified(public, self._message(self.body), self.signature)

    def encode(self) -> bytes:
        """Body and signature as they cross the wire."""
        values = {"body": octets(self.body), "signature": octets(self.signature)}
        return encode_values(f"signed {self.purpose}", values)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Parse what `encode` wrote; nothing is verified yet.

        Raises:
            Refused: The class's own code, and nothing else, whatever the bytes.
        """
        try:
            fields = Fields(data, f"signed {cls.purpose}")
            return cls(fields.octets("body"), fields.octets("signature"))
        except ValueError as error:
            raise Refused(cls.untrusted, local=f"it cannot be read: {error}") from error

    @classmethod
    def _message(cls, body: bytes) -> bytes:
        return cls.purpose.encode() + b"|" + body

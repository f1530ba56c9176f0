"""Who vouches for model files: their digests, under a signer's signature.

A model is a query: whoever picks it picks what a provider computes of its rows. So a provider may
ask for models that somebody other than the coordinator has looked at.
"""

from dataclasses import dataclass
from typing import ClassVar

from protocols.errors import Code
from protocols.ids import Digest, digest
from protocols.secagg.fields import Fields, octets
from protocols.secagg.keys import Identity, is_identity
from protocols.secagg.signed import Signed
from protocols.values import encode_values

MAX_FILES = 2**16
MAX_NOTE = 1000

_KIND = "endorsement/v1"


@dataclass(frozen=True, slots=True)
class Endorsement:
    """A signer's word for model files; equal endorsements have equal bytes.

    Attributes:
        signer: Ed25519 public key, 32 bytes.
        files: Digests of the files, 1 to 65,536.
        expires: Unix seconds from which it is void; 0 for never.
        note: What was looked at, for people; at most 1000 printable characters.

    Raises:
        ValueError: A field is out of range; the sentence names it.
    """

    signer: bytes
    files: frozenset[Digest]
    expires: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not is_identity(self.signer):
            raise ValueError("the signer's key is no usable Ed25519 public key")
        if not 1 <= len(self.files) <= MAX_FILES:
            raise ValueError(f"there are {len(self.files)} files, of 1 to {MAX_FILES}")
        for file in self.files:
            digest(file)
        if not 0 <= self.expires < 2**63:
            raise ValueError(f"expires is {self.expires}; it is a unix time, or 0 for never")
        if len(self.note) > MAX_NOTE or not self.note.isprintable():
            raise ValueError(f"a note has at most {MAX_NOTE} characters, all printable")

    def encode(self) -> bytes:
        """The bytes that the signer signs."""
        return encode_values(
            _KIND,
            {
                "signer": octets(self.signer),
                "files": tuple(sorted(self.files)),
                "expires": self.expires,
                "note": self.note,
            },
        )

    @classmethod
    def decode(cls, body: bytes) -> "Endorsement":
        """Parse what `encode` wrote.

        Raises:
            ValueError: Anything else, also bytes that mean an endorsement and are not its encoding.
        """
        fields = Fields(body, _KIND)
        endorsement = cls(
            signer=fields.octets("signer"),
            files=frozenset(map(digest, fields.texts("files"))),
            expires=fields.integer("expires"),
            note=fields.text("note"),
        )
        if endorsement.encode() != body:
            raise ValueError("it is not written in the one canonical way")
        return endorsement


class SignedEndorsement(Signed):
    """An endorsement under its signer's signature."""

    __slots__ = ()
    purpose: ClassVar[str] = "synlearn/endorsement/v1"
    untrusted: ClassVar[Code] = Code.NOT_ALLOWED


def sign_endorsement(endorsement: Endorsement, signer: Identity) -> SignedEndorsement:
    """The endorsement, signed by whom it names; ValueError for another one."""
    if endorsement.signer != signer.public:
        raise ValueError("the endorsement names another signer's key than the one that signs")
    return SignedEndorsement.by(signer, endorsement.encode())

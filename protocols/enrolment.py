"""How a site becomes a member: it asks with its keys, the authority answers with roster and papers.

Both travel as files, by whatever way people trust: nothing in them is secret.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

from protocols.errors import Code, Refused
from protocols.ids import ProviderId, provider_id
from protocols.mquery import MAX_ROSTERS
from protocols.secagg.fields import Fields, octets, pieces
from protocols.secagg.keys import Identity, is_identity
from protocols.secagg.member import check_labels
from protocols.secagg.roster import SignedRoster
from protocols.secagg.signed import Signed
from protocols.values import encode_values

MAX_BYTES = 2**24
"""Of either file."""
_REQUEST, _ADMISSION = "enrolment/v1", "admission/v1"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a site asks for.

    Attributes:
        provider: Its name.
        identity: Its public key, Ed25519.
        classes: Names of the classes that it holds.
        certificate_request: PKCS#10 in PEM, for a TLS certificate to its own TLS key.
        supernode: Public key of its Flower SuperNode, SubjectPublicKeyInfo in DER; empty where
            invitations travel another way.

    Raises:
        ValueError: A field is out of range; the sentence names it.
    """

    provider: ProviderId
    identity: bytes
    classes: frozenset[str]
    certificate_request: bytes
    supernode: bytes = b""

    def __post_init__(self) -> None:
        provider_id(self.provider)
        if not is_identity(self.identity):
            raise ValueError("the identity is no usable Ed25519 public key")
        check_labels("the classes of a site", self.classes)

    def encode(self) -> bytes:
        """The bytes that the site signs."""
        return encode_values(
            _REQUEST,
            {
                "provider": str(self.provider),
                "identity": octets(self.identity),
                "classes": tuple(sorted(self.classes)),
                "certificate_request": octets(self.certificate_request),
                "supernode": octets(self.supernode),
            },
        )

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote; ValueError for anything else."""
        fields = Fields(body, _REQUEST)
        return cls(
            provider_id(fields.text("provider")),
            fields.octets("identity"),
            frozenset(fields.texts("classes")),
            fields.octets("certificate_request"),
            fields.octets("supernode"),
        )


class SignedEnrolment(Signed):
    """An enrolment under the signature of the identity that it names."""

    __slots__ = ()
    purpose: ClassVar[str] = "synlearn/enrolment/v1"
    untrusted: ClassVar[Code] = Code.BAD_PARAMETERS


def sign_enrolment(enrolment: Enrolment, identity: Identity) -> SignedEnrolment:
    """The enrolment, signed by the identity that it names; ValueError for another one."""
    if enrolment.identity != identity.public:
        raise ValueError("the enrolment names another identity than the one that signs")
    return SignedEnrolment.by(identity, enrolment.encode())


def accept_enrolment(data: bytes) -> Enrolment:
    """What a site asks for, proven by its own signature to hold the key that it names.

    Raises:
        ValueError: It is damaged, or not signed so.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has {len(data)} bytes, of at most {MAX_BYTES}")
    try:
        signed = SignedEnrolment.decode(data)
    except Refused as refused:
        raise ValueError(refused.local) from refused
    enrolment = Enrolment.decode(signed.body)
    if not signed.holds_for(enrolment.identity):
        raise ValueError("it is not signed by the identity that it names")
    return enrolment


@dataclass(frozen=True, slots=True)
class Admission:
    """What a site gets, to become or stay a member.

    Attributes:
        provider: For whom.
        authority: Public key of the federation's authority; to be compared over another channel.
        rosters: The chain from its first link.
        ca: Certificate of the authority for TLS, PEM.
        certificate: The site's own, PEM.
        coordinators: Addresses, host:port.
    """

    provider: ProviderId
    authority: bytes
    rosters: tuple[SignedRoster, ...]
    ca: bytes
    certificate: bytes
    coordinators: tuple[str, ...]

    def encode(self) -> bytes:
        """The file's bytes."""
        return encode_values(
            _ADMISSION,
            {
                "provider": str(self.provider),
                "authority": octets(self.authority),
                "ca": octets(self.ca),
                "certificate": octets(self.certificate),
                "coordinators": self.coordinators,
                **pieces("rosters", "roster_sizes", (link.encode() for link in self.rosters)),
            },
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Parse what `encode` wrote; no signature is checked yet.

        Raises:
            ValueError: Anything else.
        """
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has {len(data)} bytes, of at most {MAX_BYTES}")
        fields = Fields(data, _ADMISSION)
        try:
            rosters = tuple(
                map(SignedRoster.decode, fields.pieces("rosters", "roster_sizes", MAX_ROSTERS))
            )
        except Refused as refused:
            raise ValueError(refused.local) from refused
        return cls(
            provider_id(fields.text("provider")),
            fields.octets("authority"),
            rosters,
            fields.octets("ca"),
            fields.octets("certificate"),
            fields.texts("coordinators"),
        )

"""Who may open a session."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from protocols.errors import Code
from protocols.frames import Hello
from protocols.ids import ProviderId
from protocols.proof import Verifier
from protocols.secagg.roster import Roster


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as far as the connection itself says.

    `names` are those in the client certificate that TLS verified: the common name and the
    alternative names; empty without mutual TLS.
    """

    address: str
    names: frozenset[str] = frozenset()


class Denied(Exception):  # noqa: N818 - the answer to a request, and no error of ours
    """A provider is not let in. It is told the code alone; `why` is for the coordinator's log."""

    def __init__(self, code: Code, *, why: str) -> None:
        super().__init__(f"{code.sentence} {why}")
        self.code = code
        self.why = why


class Admission(Protocol):
    """Decides on every stream, the first one and every re-connection alike."""

    def admit(self, hello: Hello, peer: Peer) -> Verifier | None:
        """What the provider's proof has to pass; None to let it in without one.

        Raises:
            Denied: It may not come in, whatever it proves.
        """
        ...


@dataclass(frozen=True, slots=True)
class TokenAdmission:
    """Lets in those who hold the token of their invitation, and asks for no proof.

    For sessions without a roster: of tests, and of benchmarks.

    Args:
        tokens: By provider. A token admits for as long as it stands here, re-connections included.
        names_in_certificates: The provider's name must also stand in its client certificate.
    """

    tokens: Mapping[ProviderId, bytes] = field(repr=False)
    names_in_certificates: bool = False

    def admit(self, hello: Hello, peer: Peer) -> None:
        """Denied with NOT_ADMITTED unless name, token and certificate agree."""
        token = self.tokens.get(hello.provider, b"")
        if not hmac.compare_digest(token, hello.token) or token == b"":
            raise Denied(Code.NOT_ADMITTED, why="Its token is not that of its invitation.")
        if self.names_in_certificates and hello.provider not in peer.names:
            shown = ", ".join(sorted(peer.names)) or "nobody"
            raise Denied(Code.NOT_ADMITTED, why=f"Its certificate is for {shown}.")


@dataclass(frozen=True, slots=True)
class RosterAdmission:
    """Lets in members of the federation: by token and certificate, once their key has signed.

    Args:
        tokens: By provider, as in `TokenAdmission`.
        coordinator: The coordinator's identity key, which proofs are made for.
        roster: The one in force now; asked for every stream, so that a revocation reaches jobs that
            run.
        names_in_certificates: As in `TokenAdmission`; without, for loopback alone.
    """

    tokens: Mapping[ProviderId, bytes] = field(repr=False)
    coordinator: bytes
    roster: Callable[[], Roster]
    names_in_certificates: bool

    def admit(self, hello: Hello, peer: Peer) -> Verifier:
        """The member's key; Denied with NOT_ADMITTED or NOT_A_MEMBER."""
        TokenAdmission(self.tokens, self.names_in_certificates).admit(hello, peer)
        roster = self.roster()
        member = roster.by_name.get(hello.provider)
        if member is None:
            raise Denied(
                Code.NOT_A_MEMBER,
                why=f"It was revoked: roster {roster.version}, now in force, has no entry for it.",
            )
        return Verifier(member.identity, self.coordinator)

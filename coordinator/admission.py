"""Who may open a session."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from protocols.errors import Code
from protocols.frames import Hello
from protocols.ids import ProviderId


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as far as the connection itself says.

    `names` are those in the client certificate that TLS verified: the common name and the
    alternative names; empty without mutual TLS.
    """

    address: str
    names: frozenset[str] = frozenset()


class Admission(Protocol):
    """Decides on every stream, the first one and every re-connection alike."""

    def admit(self, hello: Hello, peer: Peer) -> Code | None:
        """None to let the provider in, else the code that it is told."""
        ...


@dataclass(frozen=True, slots=True)
class TokenAdmission:
    """Lets in those who hold the token of their invitation.

    Args:
        tokens: By provider. A token admits for as long as it stands here, re-connections included.
        names_in_certificates: The provider's name must also stand in its client certificate.
    """

    tokens: Mapping[ProviderId, bytes]
    names_in_certificates: bool = False

    def admit(self, hello: Hello, peer: Peer) -> Code | None:
        """NOT_ADMITTED unless name, token and certificate agree; which one did not is not told."""
        token = self.tokens.get(hello.provider, b"")
        known = hmac.compare_digest(token, hello.token) and token != b""
        named = not self.names_in_certificates or hello.provider in peer.names
        return None if known and named else Code.NOT_ADMITTED

"""One provider's entry in the roster."""

from dataclasses import dataclass
from enum import StrEnum

from protocols.ids import ProviderId, provider_id
from protocols.secagg.keys import is_identity

MAX_LABELS = 4096
"""Most classes, or functions, of one member."""
MAX_LABEL = 200
"""Longest name of a class or function, in characters."""


class Transport(StrEnum):
    """How a provider's answer to a function travels."""

    PLAIN = "plain"
    MASKED = "masked"


@dataclass(frozen=True, slots=True)
class Member:
    """A provider as the authority admits it.

    Attributes:
        provider: Its name.
        identity: Its Ed25519 public key, 32 bytes.
        classes: Names of the classes that it declares to hold rows of.
        plain: Functions that it answers by itself.
        masked: Functions that it answers only within a secure aggregation.

    Raises:
        ValueError: A field is malformed, or a function is both plain and masked.
    """

    provider: ProviderId
    identity: bytes
    classes: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    masked: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        provider_id(self.provider)
        if not is_identity(self.identity):
            raise ValueError(f"the identity of {self.provider} is no usable Ed25519 public key")
        for of, labels in (
            ("classes", self.classes),
            ("plain functions", self.plain),
            ("masked functions", self.masked),
        ):
            check_labels(f"the {of} of {self.provider}", labels)
        if both := self.plain & self.masked:
            raise ValueError(f"{self.provider} has {min(both)!r} as plain and as masked")

    def transport(self, function: str) -> Transport | None:
        """How the answer to `function` travels; None if the member does not answer it at all."""
        if function in self.masked:
            return Transport.MASKED
        return Transport.PLAIN if function in self.plain else None


def check_labels(what: str, labels: frozenset[str]) -> None:
    """ValueError unless these are at most 4096 names of 1 to 200 printable characters each."""
    if len(labels) > MAX_LABELS:
        raise ValueError(f"{what} are {len(labels)}; at most {MAX_LABELS} can be")
    for label in labels:
        if not 1 <= len(label) <= MAX_LABEL or not label.isprintable() or label != label.strip():
            raise ValueError(
                f"{what} have 1 to {MAX_LABEL} printable characters and no space at either end, "
                f"unlike {label[:MAX_LABEL]!r}"
            )

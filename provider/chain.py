"""The chain of events: each one seals all before it, under the key of the site.

The hash of an event covers its number, time, kind and details, and the hash *and signature* of the
event before it. So one good signature at the end vouches for everything, old signatures included,
and nobody without the key can write a chain that ends in one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from protocols.ids import ProviderId
from protocols.secagg.keys import Identity, verified

_EVENT = "synlearn/ledger-event/v1"
_HEAD = "synlearn/ledger-head/v1"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends; kept elsewhere, it shows later that nothing before it was taken back.

    Attributes:
        seq: Number of the last event; 0 for a chain without any.
        hash: Of that event, 32 bytes.
        signature: By the site's identity, 64 bytes; empty where it was only written down.
    """

    seq: int = 0
    hash: bytes = bytes(32)
    signature: bytes = b""

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The head that `str` wrote; ValueError for anything else."""
        seq, _, digest = text.strip().partition(":")
        try:
            number, sealed = int(seq), bytes.fromhex(digest)
        except ValueError:
            number, sealed = -1, b""
        if number < 0 or len(sealed) != 32:
            raise ValueError(
                f"a head looks like 17:<64 hexadecimal digits>, not like {text[:90]!r}"
            )
        return cls(number, sealed)

    def holds_for(self, provider: ProviderId, public: bytes) -> bool:
        """Whether the signature is this provider's own."""
        return verified(public, _signed(provider, self.seq, self.hash), self.signature)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened at a site.

    Attributes:
        seq: Its place in the chain, from 1.
        time: Milliseconds since 1970, by the clock of the site.
        kind: What happened.
        details: Canonical JSON, an object.
        head: The chain's end after it.
    """

    seq: int
    time: int
    kind: str
    details: str
    head: Head


def canonical(details: Mapping[str, object]) -> str:
    """JSON of an object: equal details give equal text; ValueError for what JSON cannot hold."""
    try:
        return json.dumps(
            details, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
        )
    except TypeError as error:
        raise ValueError(f"the details of an event have to be plain values: {error}") from error


def hash_of(
    provider: ProviderId, before: Head, time: int, kind: str, details: str
) -> tuple[int, bytes]:
    """Number and hash of the event that comes after `before`."""
    seq = before.seq + 1
    text = json.dumps(
        [_EVENT, provider, seq, time, kind, details, before.hash.hex(), before.signature.hex()]
    )
    return seq, hashlib.sha256(text.encode()).digest()


def next_event(
    provider: ProviderId, identity: Identity, before: Head, *, time: int, kind: str, details: str
) -> Event:
    """The event that comes after `before`, signed."""
    seq, digest = hash_of(provider, before, time, kind, details)
    signature = identity.sign(_signed(provider, seq, digest))
    return Event(seq, time, kind, details, Head(seq, digest, signature))


def first_head(provider: ProviderId, identity: Identity) -> Head:
    """The signed head of a chain without events."""
    start = Head()
    return Head(start.seq, start.hash, identity.sign(_signed(provider, start.seq, start.hash)))


def _signed(provider: ProviderId, seq: int, digest: bytes) -> bytes:
    return f"{_HEAD}|{provider}|{seq}|{digest.hex()}".encode()

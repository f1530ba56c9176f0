"""The messages of the five rounds, and their bytes.

Parties are named by their index in the question's list. `decode` raises `Refused` with
BAD_PARAMETERS, and nothing else, whatever the bytes; it checks shapes, order and ranges, while the
state machines check meaning.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, FrameError, Refused
from protocols.secagg.encoding import Units
from protocols.secagg.shamir import SHARE_BYTES
from protocols.values import Value, decode_values, encode_values

Indices: TypeAlias = tuple[int, ...]

KEY_BYTES = 32
SIGNATURE_BYTES = 64
TAG_BYTES = 16
SEALED_BYTES = 2 * SHARE_BYTES + TAG_BYTES

_SIGNED_BY_WIDTH: dict[int, np.dtype[Any]] = {32: np.dtype(np.int32), 64: np.dtype(np.int64)}


@dataclass(frozen=True, slots=True)
class Advertisement:
    """ADVERTISE, from a party: its keys for this attempt, under its identity's signature.

    Attributes:
        sealing_key: X25519 public key, for sealing shares.
        masking_key: X25519 public key, for the masks.
        own_mask: Commitment to the seed of the party's own mask.
        choice: Commitment to the seed from which the party draws its neighbours.
        signature: Ed25519, over the question's transcript and the above.
    """

    sealing_key: bytes
    masking_key: bytes
    own_mask: bytes
    choice: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The message's bytes."""
        return encode_values("advertisement", {"keys": _bytes_array(self.packed)})

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote."""
        return cls.unpack(_Reader(body, "advertisement").row("keys", ADVERTISEMENT_BYTES))

    @property
    def packed(self) -> bytes:
        """The fields, one after the other."""
        return self.unsigned + self.signature

    @property
    def unsigned(self) -> bytes:
        """The fields that are signed."""
        return self.sealing_key + self.masking_key + self.own_mask + self.choice

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The inverse of `packed`."""
        ends = (*range(0, 5 * KEY_BYTES, KEY_BYTES), None)
        return cls(*(packed[start:end] for start, end in pairwise(ends)))


ADVERTISEMENT_BYTES = 4 * KEY_BYTES + SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class KeyList:
    """To every party: all advertisements that came.

    Attributes:
        parties: Whose they are, ascending.
        packed: The advertisements, one after the other.
    """

    parties: Indices
    packed: bytes

    @classmethod
    def of(cls, advertisements: Mapping[int, Advertisement]) -> Self:
        """The list of these advertisements, by party."""
        parties = tuple(sorted(advertisements))
        return cls(parties, b"".join(advertisements[party].packed for party in parties))

    def __getitem__(self, party: int) -> Advertisement:
        """The advertisement of a party that is on the list; KeyError if it is not."""
        place = bisect_left(self.parties, party)
        if place == len(self.parties) or self.parties[place] != party:
            raise KeyError(party)
        start = place * ADVERTISEMENT_BYTES
        return Advertisement.unpack(self.packed[start : start + ADVERTISEMENT_BYTES])

    @property
    def unpacked(self) -> Mapping[int, Advertisement]:
        """All of them, by party; the parties of one process share them."""
        return _unpacked(self.parties, self.packed)

    def encode(self) -> bytes:
        """The message's bytes; equal lists give equal bytes."""
        keys = np.frombuffer(self.packed, np.uint8).reshape(-1, ADVERTISEMENT_BYTES)
        return encode_values("keys", {"parties": _index_array(self.parties), "keys": keys})

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote."""
        reader = _Reader(body, "keys")
        parties = reader.indices("parties")
        shape = (len(parties), ADVERTISEMENT_BYTES)
        return cls(parties, reader.array("keys", np.dtype(np.uint8), shape).tobytes())


@lru_cache(maxsize=2)
def _unpacked(parties: Indices, packed: bytes) -> Mapping[int, Advertisement]:
    starts = range(0, len(packed), ADVERTISEMENT_BYTES)
    entries = (packed[start : start + ADVERTISEMENT_BYTES] for start in starts)
    return dict(zip(parties, map(Advertisement.unpack, entries), strict=True))


@dataclass(frozen=True, slots=True)
class SealedShares:
    """SHARE, from a party: for each party that it chose, a sealed share of both secrets.

    Attributes:
        choice_seed: From which its neighbours were drawn, as it had committed to.
        sealed: By receiver.
    """

    choice_seed: bytes
    sealed: Mapping[int, bytes]

    def encode(self) -> bytes:
        """The message's bytes."""
        seed = _bytes_array(self.choice_seed)
        return encode_values("shares", {"choice_seed": seed, **_pack_sealed(self.sealed)})

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote."""
        reader = _Reader(body, "shares")
        return cls(reader.row("choice_seed", KEY_BYTES), _unpack_sealed(reader))


@dataclass(frozen=True, slots=True)
class Delivery:
    """To a party: who shared, and the sealed shares meant for it, by sender.

    Attributes:
        choice_seeds: Of all who shared, ascending: from which each drew its neighbours.
        sealed: By sender.
    """

    choice_seeds: Mapping[int, bytes]
    sealed: Mapping[int, bytes]

    @property
    def sharers(self) -> Indices:
        """Who shared, ascending."""
        return tuple(self.choice_seeds)

    def encode(self) -> bytes:
        """The message's bytes."""
        return encode_values(
            "delivery",
            {
                "sharers": _index_array(self.sharers),
                "choice_seeds": _rows_array(list(self.choice_seeds.values()), KEY_BYTES),
                **_pack_sealed(self.sealed),
            },
        )

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote."""
        reader = _Reader(body, "delivery")
        sharers = reader.indices("sharers")
        seeds = reader.rows("choice_seeds", len(sharers), KEY_BYTES)
        return cls(dict(zip(sharers, seeds, strict=True)), _unpack_sealed(reader))


@dataclass(frozen=True, slots=True)
class MaskedInput:
    """MASK, from a party: its encoded vector under all its masks.

    Attributes:
        vector: (n,) uint32 or uint64.
        signature: Over who shared, as this party was told: with whom it masked.
    """

    vector: Units
    signature: bytes

    def encode(self) -> bytes:
        """The message's bytes: the words as signed integers, which the wire knows."""
        vector = self.vector.view(_SIGNED_BY_WIDTH[8 * self.vector.itemsize])
        return encode_values(
            "masked", {"vector": vector, "signature": _bytes_array(self.signature)}
        )

    @classmethod
    def decode(cls, body: bytes, *, length: int, width: int) -> Self:
        """Parse what `encode` wrote; the vector is a view of `body`."""
        reader = _Reader(body, "masked")
        vector = reader.array("vector", _SIGNED_BY_WIDTH[width], (length,))
        return cls(vector.view(f"u{width // 8}"), reader.row("signature", SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class Survivors:
    """To every party that sent its vector: all who did, ascending, with what they signed."""

    signatures: Mapping[int, bytes]

    @property
    def parties(self) -> Indices:
        """Who sent its vector, ascending."""
        return tuple(self.signatures)

    def encode(self) -> bytes:
        """The message's bytes; equal lists give equal bytes."""
        return encode_values("survivors", _pack_signatures(self.signatures))

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote."""
        return cls(_unpack_signatures(_Reader(body, "survivors")))


@dataclass(frozen=True, slots=True)
class Signed:
    """SIGN, from a party: its one signature over the survivors."""

    signature: bytes

    def encode(self) -> bytes:
        """The message's bytes."""
        return encode_values("signed", {"signature": _bytes_array(self.signature)})

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote."""
        return cls(_Reader(body, "signed").row("signature", SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class Agreement:
    """To every party that signed: the signatures over the survivors, by party, ascending."""

    signatures: Mapping[int, bytes]

    def encode(self) -> bytes:
        """The message's bytes."""
        return encode_values("agreement", _pack_signatures(self.signatures))

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote."""
        return cls(_unpack_signatures(_Reader(body, "agreement")))


@dataclass(frozen=True, slots=True)
class Unmasking:
    """UNMASK, from a party: of each party whose shares it holds, one share of one secret.

    Attributes:
        own_masks: Of survivors, by index: a share of the seed of their own mask.
        pair_masks: Of those who shared and then dropped out: a share of their masking key.
    """

    own_masks: Mapping[int, bytes]
    pair_masks: Mapping[int, bytes]

    def encode(self) -> bytes:
        """The message's bytes."""
        return encode_values(
            "unmasking",
            {
                "survivors": _index_array(tuple(self.own_masks)),
                "own_masks": _rows_array(list(self.own_masks.values()), SHARE_BYTES),
                "dropped": _index_array(tuple(self.pair_masks)),
                "pair_masks": _rows_array(list(self.pair_masks.values()), SHARE_BYTES),
            },
        )

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote."""
        reader = _Reader(body, "unmasking")
        survivors, dropped = reader.indices("survivors"), reader.indices("dropped")
        own = reader.rows("own_masks", len(survivors), SHARE_BYTES)
        pair = reader.rows("pair_masks", len(dropped), SHARE_BYTES)
        return cls(dict(zip(survivors, own, strict=True)), dict(zip(dropped, pair, strict=True)))


def _pack_sealed(sealed: Mapping[int, bytes]) -> dict[str, Value]:
    return {
        "parties": _index_array(tuple(sealed)),
        "sealed": _rows_array(list(sealed.values()), SEALED_BYTES),
    }


def _unpack_sealed(reader: "_Reader") -> dict[int, bytes]:
    parties = reader.indices("parties")
    rows = reader.rows("sealed", len(parties), SEALED_BYTES)
    return dict(zip(parties, rows, strict=True))


def _pack_signatures(signatures: Mapping[int, bytes]) -> dict[str, Value]:
    return {
        "parties": _index_array(tuple(signatures)),
        "signatures": _rows_array(list(signatures.values()), SIGNATURE_BYTES),
    }


def _unpack_signatures(reader: "_Reader") -> dict[int, bytes]:
    parties = reader.indices("parties")
    rows = reader.rows("signatures", len(parties), SIGNATURE_BYTES)
    return dict(zip(parties, rows, strict=True))


def _bytes_array(data: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _rows_array(rows: list[bytes], width: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), width)


def _index_array(indices: Indices) -> npt.NDArray[np.int32]:
    return np.array(indices, np.int32)


class _Reader:
    """A message's parts, each checked as it is taken."""

    def __init__(self, body: bytes, kind: str) -> None:
        try:
            function, self._values = decode_values(body)
        except FrameError as error:
            raise _unreadable(kind, str(error)) from error
        if function != kind:
            raise _unreadable(kind, f"it is a {function[:40]!r}")
        self._kind = kind

    def array(
        self, name: str, dtype: np.dtype[Any], shape: tuple[int | None, ...]
    ) -> npt.NDArray[Any]:
        value = self._values.get(name)
        if not isinstance(value, np.ndarray) or value.dtype != dtype:
            raise _unreadable(self._kind, f"'{name}' is missing or no array of {dtype}")
        if len(value.shape) != len(shape) or any(
            want is not None and have != want for have, want in zip(value.shape, shape, strict=True)
        ):
            raise _unreadable(self._kind, f"'{name}' has shape {value.shape}, not {shape}")
        return value

    def indices(self, name: str) -> Indices:
        """Indices in ascending order, each once."""
        values = self.array(name, np.dtype(np.int32), (None,))
        # Compared, not subtracted: a difference of two 32-bit integers can wrap around.
        if values.size and (values[0] < 0 or (values[1:] <= values[:-1]).any()):
            raise _unreadable(self._kind, f"'{name}' is not in ascending order")
        return tuple(values.tolist())

    def rows(self, name: str, count: int, width: int) -> list[bytes]:
        data = self.array(name, np.dtype(np.uint8), (count, width)).tobytes()
        return [data[start : start + width] for start in range(0, len(data), width)]

    def row(self, name: str, width: int) -> bytes:
        return self.array(name, np.dtype(np.uint8), (width,)).tobytes()


def _unreadable(kind: str, why: str) -> Refused:
    return Refused(Code.BAD_PARAMETERS, local=f"the message '{kind}' is unreadable: {why}")

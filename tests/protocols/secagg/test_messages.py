from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.secagg.messages import (
    ADVERTISEMENT_BYTES,
    KEY_BYTES,
    SEALED_BYTES,
    SIGNATURE_BYTES,
    Advertisement,
    Agreement,
    Delivery,
    KeyList,
    MaskedInput,
    SealedShares,
    Signed,
    Survivors,
    Unmasking,
)
from protocols.secagg.shamir import SHARE_BYTES
from protocols.values import Value, decode_values, encode_values
from tests.damage import damaged

Message: TypeAlias = (
    Advertisement
    | KeyList
    | SealedShares
    | Delivery
    | MaskedInput
    | Survivors
    | Signed
    | Agreement
    | Unmasking
)
LENGTH = 5


def read_masked(width: int) -> Callable[[bytes], MaskedInput]:
    return lambda body: MaskedInput.decode(body, length=LENGTH, width=width)


def pieces(width: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=width, max_size=width)


def by_party(width: int) -> st.SearchStrategy[dict[int, bytes]]:
    """Something for each of some parties, ascending."""
    indices = st.integers(0, 2**31 - 1)
    return st.dictionaries(indices, pieces(width), max_size=4).map(
        lambda d: dict(sorted(d.items()))
    )


KEYS = pieces(KEY_BYTES)
ADVERTISEMENTS = st.builds(Advertisement, KEYS, KEYS, KEYS, KEYS, pieces(SIGNATURE_BYTES))
KEY_LISTS = st.dictionaries(st.integers(0, 2**31 - 1), ADVERTISEMENTS, max_size=4).map(KeyList.of)
KINDS: dict[str, tuple[st.SearchStrategy[Any], Callable[[bytes], Message]]] = {
    "advertisement": (ADVERTISEMENTS, Advertisement.decode),
    "keys": (KEY_LISTS, KeyList.decode),
    "shares": (st.builds(SealedShares, KEYS, by_party(SEALED_BYTES)), SealedShares.decode),
    "delivery": (
        st.builds(Delivery, by_party(KEY_BYTES), by_party(SEALED_BYTES)),
        Delivery.decode,
    ),
    "survivors": (st.builds(Survivors, by_party(SIGNATURE_BYTES)), Survivors.decode),
    "signed": (st.builds(Signed, pieces(SIGNATURE_BYTES)), Signed.decode),
    "agreement": (st.builds(Agreement, by_party(SIGNATURE_BYTES)), Agreement.decode),
    "unmasking": (
        st.builds(Unmasking, by_party(SHARE_BYTES), by_party(SHARE_BYTES)),
        Unmasking.decode,
    ),
}
HOSTILE: list[Value] = [
    True,
    -1,
    0.5,
    "",
    ("a",),
    np.zeros(0, np.uint8),
    np.zeros((), np.int32),
    np.zeros((0, 0), np.uint8),
    np.zeros(LENGTH, np.int64),
    np.array([1, 1], np.int32),
    np.array([2, 1], np.int32),
    np.array([-1], np.int32),
    np.array([0, 2**31 - 1, -(2**31), -1, 0, 1], np.int32),
    np.zeros((2, SHARE_BYTES), np.uint8),
    np.zeros(SIGNATURE_BYTES - 1, np.uint8),
    np.zeros((SIGNATURE_BYTES, 1), np.uint8),
    np.zeros(SIGNATURE_BYTES, np.bool_),
]


def vector(width: int) -> np.ndarray[Any, np.dtype[Any]]:
    ends = [0, 1, 2 ** (width - 1) - 1, 2 ** (width - 1), 2**width - 1]
    return np.array(ends, f"u{width // 8}")


def some_messages(kind: str) -> list[Message]:
    """Messages of a kind, as honest ones look."""
    share = {1: b"s" * SEALED_BYTES, 2: b"t" * SEALED_BYTES}
    signatures = {0: b"a" * SIGNATURE_BYTES, 2: b"b" * SIGNATURE_BYTES}
    key = [bytes([i]) * KEY_BYTES for i in range(4)]
    entry = Advertisement(key[0], key[1], key[2], key[3], b"g" * SIGNATURE_BYTES)
    shares = {0: b"h" * SHARE_BYTES}
    messages: dict[str, list[Message]] = {
        "advertisement": [entry],
        "keys": [KeyList.of({0: entry, 3: entry})],
        "shares": [SealedShares(key[0], share), SealedShares(key[1], {})],
        "delivery": [Delivery({0: key[0], 1: key[1]}, share)],
        "masked32": [MaskedInput(vector(32), b"k" * SIGNATURE_BYTES)],
        "masked64": [MaskedInput(vector(64), b"k" * SIGNATURE_BYTES)],
        "survivors": [Survivors(signatures)],
        "signed": [Signed(b"c" * SIGNATURE_BYTES)],
        "agreement": [Agreement(signatures)],
        "unmasking": [Unmasking(shares, {5: b"i" * SHARE_BYTES}), Unmasking({}, {})],
    }
    return messages[kind]


READERS: dict[str, Callable[[bytes], Message]] = {
    **{kind: reader for kind, (_, reader) in KINDS.items()},
    "masked32": read_masked(32),
    "masked64": read_masked(64),
}


def refused(reader: Callable[[bytes], Message], body: bytes) -> bool:
    """Whether a body is refused; anything else that is raised fails the test."""
    code = None
    try:
        reader(body)
    except Refused as refusal:
        code = refusal.code
    assert code in (None, Code.BAD_PARAMETERS)
    return code is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_survives_the_wire(kind: str) -> None:
    messages, reader = KINDS[kind]

    @settings(deadline=None)
    @given(messages)
    def check(message: Message) -> None:
        body = message.encode()
        assert reader(body) == message
        assert reader(body).encode() == body

    check()


@pytest.mark.parametrize("width", [32, 64])
def test_a_vector_survives_the_wire(width: int) -> None:
    message = MaskedInput(vector(width), b"k" * SIGNATURE_BYTES)
    back = read_masked(width)(message.encode())
    assert back.vector.dtype == message.vector.dtype
    assert back.vector.tolist() == message.vector.tolist()
    assert back.signature == message.signature


@pytest.mark.parametrize("kind", READERS)
def test_whatever_the_bytes_only_refused(kind: str) -> None:
    @settings(deadline=None)
    @given(st.binary(max_size=120))
    def check(body: bytes) -> None:
        refused(READERS[kind], body)

    check()


@pytest.mark.parametrize("kind", READERS)
def test_whatever_the_damage_only_refused(kind: str) -> None:
    for message in some_messages(kind):
        for body in damaged(message.encode(), 300):
            refused(READERS[kind], body)


@pytest.mark.parametrize("kind", READERS)
def test_whatever_a_field_holds_only_refused(kind: str) -> None:
    function, values = decode_values(some_messages(kind)[0].encode())
    for name in values:
        for value in HOSTILE:
            refused(READERS[kind], encode_values(function, values | {name: value}))
        rest = {other: values[other] for other in values if other != name}
        assert refused(READERS[kind], encode_values(function, rest))


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("other", READERS)
def test_a_message_is_never_read_as_another_kind(kind: str, other: str) -> None:
    for message in some_messages(kind):
        assert refused(READERS[other], message.encode()) == (other != kind)


@pytest.mark.parametrize("length", [0, LENGTH - 1, LENGTH + 1])
def test_a_vector_of_another_length_is_refused(length: int) -> None:
    body = MaskedInput(np.zeros(length, np.uint32), b"k" * SIGNATURE_BYTES).encode()
    assert refused(read_masked(32), body)


@pytest.mark.parametrize(
    "indices", [[1, 1], [2, 1], [-1, 0], [0, 2**31 - 1, -(2**31)], [5, 2**31 - 1, -(2**31), 0, 5]]
)
def test_parties_are_listed_in_ascending_order_each_once(indices: list[int]) -> None:
    """Differences of 32-bit integers wrap around: a list that goes round must not pass."""
    signatures = np.zeros((len(indices), SIGNATURE_BYTES), np.uint8)
    fields: dict[str, Value] = {"parties": np.array(indices, np.int32), "signatures": signatures}
    assert refused(Survivors.decode, encode_values("survivors", fields))


def test_a_key_list_is_read_by_party() -> None:
    entries = {
        party: Advertisement.unpack(bytes([party]) * ADVERTISEMENT_BYTES) for party in (3, 0, 9)
    }
    keys = KeyList.of(entries)
    assert keys.parties == (0, 3, 9)
    assert len(keys.packed) == 3 * ADVERTISEMENT_BYTES
    assert {party: keys[party] for party in keys.parties} == entries
    assert keys.unpacked == entries
    assert KeyList.decode(keys.encode()).unpacked is keys.unpacked  # one process holds it once
    for stranger in (-1, 1, 10):
        with pytest.raises(KeyError):
            keys[stranger]

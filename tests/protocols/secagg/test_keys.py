import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from protocols.secagg.keys import (
    SEAL_BYTES,
    AgreementKey,
    ByteStream,
    Identity,
    Unsealable,
    derive,
    is_identity,
    seal,
    unseal,
    verified,
)

SECRETS = st.binary(min_size=32, max_size=32)
P = 2**255 - 19

# The points of low order on the curve of Ed25519, written canonically, as published in many places.
LOW_ORDER = [
    bytes.fromhex(text)
    for text in (
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "00" * 32,
        "00" * 31 + "80",
        "26e8958f c2b227b0 45c3f489 f2ef98f0 d5dfac05 d3c63339 b1380288 6d53fc05",
        "26e8958f c2b227b0 45c3f489 f2ef98f0 d5dfac05 d3c63339 b1380288 6d53fc85",
        "c7176a70 3d4dd84f ba3c0b76 0d10670f 2a2053fa 2c39ccc6 4ec7fd77 92ac037a",
        "c7176a70 3d4dd84f ba3c0b76 0d10670f 2a2053fa 2c39ccc6 4ec7fd77 92ac03fa",
    )
]


def test_hkdf_as_in_rfc_5869() -> None:
    info = bytes(range(0xF0, 0xFA))
    assert derive(b"\x0b" * 22, salt=bytes(range(13)), info=info, length=42) == bytes.fromhex(
        "3cb25f25 faacd57a 90434f64 d0362f2a 2d2d0a90 cf1a5a4c 5db02d56 ecc4c5bf"
        "34007208 d5b88718 5865"
    )


def test_ed25519_as_in_rfc_8032() -> None:
    identity = Identity.from_bytes(
        bytes.fromhex("c5aa8df4 3f9f837b edb7442f 31dcb7b1 66d38535 076f094b 85ce3a2e 0b4458f7")
    )
    signature = identity.sign(b"\xaf\x82")
    assert identity.public == bytes.fromhex(
        "fc51cd8e 6218a1a3 8da47ed0 0230f058 0816ed13 ba3303ac 5deb9115 48908025"
    )
    assert signature == bytes.fromhex(
        "6291d657 deec2402 4827e69c 3abe01a3 0ce548a2 84743a44 5e3680d7 db5ac3ac"
        "18ff9b53 8d16f290 ae67f760 984dc659 4a7c15e9 716ed28d c027bece ea1ec40a"
    )
    assert verified(identity.public, b"\xaf\x82", signature)


def test_x25519_as_in_rfc_7748() -> None:
    key = AgreementKey.from_bytes(
        bytes.fromhex("a546e36b f0527c9d 3b16154b 82465edd 62144c0a c1fc5a18 506a2244 ba449ac4")
    )
    peer = bytes.fromhex("e6db6867 583030db 3594c1a4 24b15f7c 726624ec 26b3353b 10a903a6 d0ab1c4c")
    assert key.agree(peer) == bytes.fromhex(
        "c3da5537 9de9c690 8e94ea4d f28d084f 32eccf03 491c71f7 54b40755 77a28552"
    )


@given(SECRETS, st.binary(max_size=50), st.integers(0, 511))
def test_a_signature_is_of_one_message_by_one_key(secret: bytes, message: bytes, bit: int) -> None:
    identity = Identity.from_bytes(secret)
    other = Identity.from_bytes(derive(secret, salt=b"", info=b"other"))
    signature = identity.sign(message)
    assert verified(identity.public, message, signature)
    assert not verified(other.public, message, signature)
    assert not verified(identity.public, message + b"\0", signature)
    assert not verified(identity.public, message, _flipped(signature, bit))


@given(st.binary(max_size=40), st.binary(max_size=70))
def test_verifying_rubbish_is_false_and_no_error(public: bytes, signature: bytes) -> None:
    assert not verified(public, b"message", signature)
    assert not verified(public.ljust(32, b"\7")[:32], b"message", signature)


def test_a_key_of_low_order_verifies_nothing() -> None:
    forged = LOW_ORDER[0] + bytes(32)  # R = S B - h A holds for every h: A is the neutral element
    Ed25519PublicKey.from_public_bytes(LOW_ORDER[0]).verify(forged, b"any message")
    assert not any(verified(public, b"any message", forged) for public in LOW_ORDER)


@pytest.mark.parametrize("public", LOW_ORDER)
def test_a_point_of_low_order_is_no_identity(public: bytes) -> None:
    assert not is_identity(public)


@given(SECRETS)
def test_a_public_key_is_an_identity_in_one_encoding(secret: bytes) -> None:
    public = Identity.from_bytes(secret).public
    assert is_identity(public)
    assert not is_identity(public[:-1])
    assert not is_identity(public + b"\0")


@pytest.mark.parametrize("y", [3, 4, 5, 6, 9, 10, 14, 15, 16, 18])
def test_a_height_beyond_the_field_is_a_second_encoding(y: int) -> None:
    assert not is_identity((P + y).to_bytes(32, "little"))


@given(st.integers(2, P - 2))
def test_an_identity_is_a_point_whose_x_can_be_computed(y: int) -> None:
    # RFC 8032, section 5.1.3: the square root of u / v, if there is one.
    d = -121665 * pow(121666, -1, P) % P
    u, v = (y * y - 1) % P, (d * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    on_curve = v * x * x % P in (u, -u % P)
    assert is_identity(y.to_bytes(32, "little")) == on_curve


@given(SECRETS, SECRETS)
def test_two_parties_agree(one: bytes, other: bytes) -> None:
    mine, yours = AgreementKey.from_bytes(one), AgreementKey.from_bytes(other)
    assert mine.agree(yours.public) == yours.agree(mine.public)


@pytest.mark.parametrize(
    "peer",
    [
        b"",
        bytes(31),
        bytes(32),
        b"\1" + bytes(31),
        (P - 1).to_bytes(32, "little"),
        bytes.fromhex("e0eb7a7c 3b41b8ae 1656e3fa f19fc46a da098deb 9c32b1fd 86620516 5f49b800"),
        (P + 9).to_bytes(32, "little"),
        (9 + 2**255).to_bytes(32, "little"),
    ],
    ids=["empty", "short", "zero", "one", "minus one", "order 8", "beyond the field", "top bit"],
)
def test_nothing_is_agreed_with_a_bad_public_key(peer: bytes) -> None:
    with pytest.raises(ValueError, match="public agreement key"):
        AgreementKey.from_bytes(bytes(32)).agree(peer)


@pytest.mark.parametrize("kind", [Identity, AgreementKey])
def test_a_private_key_has_32_bytes_and_is_not_shown(
    kind: type[Identity] | type[AgreementKey],
) -> None:
    with pytest.raises(ValueError, match="32"):
        kind.from_bytes(bytes(31))
    private = bytes(range(32))
    assert private.hex() not in repr(kind.from_bytes(private))
    assert kind.from_bytes(private).public.hex() in repr(kind.from_bytes(private))


@given(SECRETS, st.binary(max_size=80), st.binary(max_size=20), st.data())
def test_what_is_sealed_opens_only_as_it_was(
    key: bytes, plaintext: bytes, associated: bytes, data: st.DataObject
) -> None:
    sealed = seal(key, plaintext, associated)
    assert len(sealed) == len(plaintext) + SEAL_BYTES
    assert unseal(key, sealed, associated) == plaintext
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    for other in (
        (key, _flipped(sealed, bit), associated),
        (key, sealed[:-1], associated),
        (key, b"", associated),
        (key, sealed, associated + b"\0"),
        (_flipped(key, bit % 256), sealed, associated),
    ):
        with pytest.raises(Unsealable):
            unseal(*other)


@given(SECRETS, st.lists(st.integers(0, 100), max_size=8))
def test_a_stream_is_the_same_however_it_is_taken(seed: bytes, counts: list[int]) -> None:
    pieces, filled = ByteStream(seed, "test"), ByteStream(seed, "test")
    whole = ByteStream(seed, "test").take(sum(counts))
    buffer = bytearray(sum(counts))
    filled.fill(buffer)
    assert b"".join(pieces.take(count) for count in counts) == whole == buffer


def test_a_stream_is_the_cipher_of_a_counter() -> None:
    key = derive(bytes(32), salt=b"", info=b"synlearn/stream/v1|test")
    blocks = b"".join(block.to_bytes(16) for block in range(300))
    expected = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(blocks)  # noqa: S305 - of a counter
    assert ByteStream(bytes(32), "test").take(len(blocks)) == expected


def test_a_stream_fills_arrays() -> None:
    array = np.empty((300, 301), np.uint32)
    ByteStream(bytes(32), "test").fill(array.data)
    assert array.tobytes() == ByteStream(bytes(32), "test").take(array.nbytes)
    ByteStream(bytes(32), "test").fill(np.empty(0).data)


def test_other_seeds_and_labels_give_other_streams() -> None:
    streams = {
        ByteStream(seed, label).take(32) for seed in (bytes(32), b"\1" * 32) for label in ("", "x")
    }
    assert len(streams) == 4
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        ByteStream(bytes(16), "test")


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)

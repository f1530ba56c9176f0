import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.secagg.encoding import Units
from protocols.secagg.masking import apply_masks, pair_key, self_key
from tests.protocols.secagg.company import bytes_of

DTYPES = [np.uint32, np.uint64]
CHUNK = 1 << 18
"""Bytes of keystream that `apply_masks` takes at a time."""


def zeros(length: int, dtype: type) -> Units:
    return np.zeros(length, dtype)


def keystream(key: bytes, length: int, dtype: type) -> Units:
    """The whole stream at once."""
    size = length * np.dtype(dtype).itemsize
    first = (2).to_bytes(16, "big")
    stream = Cipher(algorithms.AES(key), modes.CTR(first)).encryptor().update(bytes(size))
    words: Units = np.frombuffer(stream, np.dtype(dtype).newbyteorder("<")).astype(dtype)
    return words


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [0, 1, 3, 1000])
def test_a_mask_is_the_keystream(length: int, dtype: type) -> None:
    vector = zeros(length, dtype)
    apply_masks(vector, [bytes_of("key")])
    assert vector.tolist() == keystream(bytes_of("key"), length, dtype).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("off", [-17, -1, 0, 1, 3, CHUNK])
def test_chunks_join_without_a_seam(off: int, dtype: type) -> None:
    length = CHUNK // np.dtype(dtype).itemsize + off
    vector = zeros(length, dtype)
    apply_masks(vector, [bytes_of("a"), bytes_of("b")], [bytes_of("c")])
    a, b, c = (keystream(bytes_of(each), length, dtype) for each in "abc")
    assert np.array_equal(vector, a + b - c)


@settings(deadline=None)
@given(st.sampled_from(DTYPES), st.integers(0, 300), st.integers(0, 5), st.integers(0, 5))
def test_masks_cancel(dtype: type, length: int, plus: int, minus: int) -> None:
    added = [bytes_of("plus", i) for i in range(plus)]
    taken = [bytes_of("minus", i) for i in range(minus)]
    vector: Units = np.arange(length).astype(dtype)
    apply_masks(vector, added, taken)
    apply_masks(vector, taken, added)
    assert np.array_equal(vector, np.arange(length))


@pytest.mark.parametrize("dtype", DTYPES)
def test_masks_of_all_pairs_cancel_in_the_sum(dtype: type) -> None:
    parties, length, context = 5, 40, bytes_of("context")
    total = zeros(length, dtype)
    for me in range(parties):
        keys = {
            other: pair_key(bytes_of("agreed", *sorted((me, other))), context, me, other)
            for other in range(parties)
            if other != me
        }
        vector: Units = np.full(length, 10**me).astype(dtype)
        apply_masks(
            vector,
            [key for other, key in keys.items() if me < other],
            [key for other, key in keys.items() if me > other],
        )
        total += vector
    assert total.tolist() == [11111] * length


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_mask_covers_every_bit(dtype: type) -> None:
    vector = zeros(2000, dtype)
    apply_masks(vector, [bytes_of("key")])
    bits = np.unpackbits(vector.view(np.uint8)).reshape(2000, -1).mean(axis=0)
    assert (abs(bits - 0.5) < 6 * 0.5 / 2000**0.5).all()


def test_both_ends_of_a_pair_have_the_same_mask_and_nobody_else() -> None:
    agreed, context = bytes_of("agreed"), bytes_of("context")
    keys = {
        pair_key(agreed, context, 1, 2),
        pair_key(agreed, context, 1, 3),
        pair_key(agreed, context, 12, 3),
        pair_key(agreed, context, 1, 23),
        pair_key(agreed, bytes_of("another context"), 1, 2),
        pair_key(bytes_of("another secret"), context, 1, 2),
        self_key(agreed, context),
        self_key(agreed, bytes_of("another context")),
        self_key(bytes_of("another secret"), context),
    }
    assert len(keys) == 9
    assert {len(key) for key in keys} == {32}
    assert pair_key(agreed, context, 2, 1) == pair_key(agreed, context, 1, 2)

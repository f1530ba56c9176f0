"""Masks: keyed streams that cancel in the sum, or are taken off it afterwards."""

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from protocols.secagg.encoding import Units
from protocols.secagg.keys import derive

_CHUNK = 1 << 18
"""Bytes of keystream at a time: chunk and buffer stay in a core's own cache."""
_ZEROS = bytes(_CHUNK)
_NONCE = bytes(12)
_BLOCK = 16


def pair_key(agreed: bytes, context: bytes, one: int, other: int) -> bytes:
    """The key of the mask between two parties; both ends get the same.

    Args:
        agreed: 32 bytes that only the two know.
        context: Digest of question and key list: another one gives an unrelated mask.
        one: Index of a party.
        other: Index of the other.
    """
    low, high = sorted((one, other))
    return derive(agreed, salt=context, info=b"synlearn/secagg/pair-mask/v1|%d|%d" % (low, high))


def self_key(seed: bytes, context: bytes) -> bytes:
    """The key of a party's own mask, from the 32 bytes that it has shared out."""
    return derive(seed, salt=context, info=b"synlearn/secagg/self-mask/v1")


def apply_masks(vector: Units, plus: Sequence[bytes] = (), minus: Sequence[bytes] = ()) -> None:
    """Add and subtract the masks of 32-byte keys, in place, modulo the dtype's range.

    A mask is the keystream of AES-256 in counter mode, the first block being 2, read as
    little-endian words. A key must serve one vector only.

    Args:
        vector: (n,) uint32 or uint64, contiguous.
        plus: Keys of masks to add.
        minus: Keys of masks to subtract.
    """
    # GCM with a nonce of zeros encrypts with that very stream. OpenSSL runs it on wider registers
    # than its counter mode, in under half the time; the tag is never asked for.
    streams = [
        (Cipher(algorithms.AES(key), modes.GCM(_NONCE)).encryptor(), operation)
        for keys, operation in ((plus, np.add), (minus, np.subtract))
        for key in keys
    ]
    buffer = bytearray(_CHUNK + _BLOCK - 1)
    words = np.frombuffer(buffer, vector.dtype.newbyteorder("<"), _CHUNK // vector.itemsize)
    step = len(words)
    for start in range(0, len(vector), step):
        part = vector[start : start + step]
        zeros = _ZEROS if len(part) == step else bytes(part.nbytes)
        for stream, operation in streams:
            stream.update_into(zeros, buffer)
            operation(part, words[: len(part)], out=part)

"""The bare cost of masking: keystreams and additions, with nothing of a protocol around them."""

import time

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CHUNKS = (1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20)
"""Bytes of keystream at a time."""
_BLOCK = 16


def bare_seconds(masks: int, length: int, *, wide: bool) -> float:
    """CPU seconds to add `masks` AES-256 keystreams to `length` 32-bit words; the best chunking.

    Args:
        masks: How many.
        length: Words of each.
        wide: By way of GCM, as `protocols.secagg.masking` does it, for which OpenSSL has code that
            its counter mode lacks; else by counter mode.
    """
    vector = np.zeros(length, np.uint32)
    return min(_seconds(vector, masks, chunk, wide=wide) for chunk in CHUNKS)


def _seconds(vector: np.ndarray, masks: int, chunk: int, *, wide: bool) -> float:
    mode = modes.GCM(bytes(12)) if wide else modes.CTR(bytes(16))
    keys = [bytes([index % 256]) * 32 for index in range(masks)]
    zeros = bytes(chunk)
    buffer = bytearray(chunk + _BLOCK - 1)
    words = np.frombuffer(buffer, np.uint32, chunk // vector.itemsize)
    start = time.process_time()
    streams = [Cipher(algorithms.AES(key), mode).encryptor() for key in keys]
    for place in range(0, len(vector), len(words)):
        part = vector[place : place + len(words)]
        some = zeros if len(part) == len(words) else bytes(part.nbytes)
        for stream in streams:
            stream.update_into(some, buffer)
            np.add(part, words[: len(part)], out=part)
    return time.process_time() - start

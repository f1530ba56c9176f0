"""Random orders that stay the same for ever, whatever the library versions.

Splits and samples are part of what a result means, and others must be able to repeat them from
their description alone. NumPy does not promise that its generators keep their streams between
versions (NEP 19), so these orders come from SHAKE-256, which a standard fixes.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray


def stable_order(purpose: str, count: int) -> NDArray[np.int64]:
    """Return a pseudo-random order of `0..count-1` that depends on `purpose` alone.

    The bytes of SHAKE-256(purpose, UTF-8) are read as `count` little-endian 64-bit numbers, and the
    indices are sorted by them (ties, of probability about count^2 / 2^65, by index).

    purpose: says what the order is for, with its seed, such as `"dsprites/split/v1/seed=0/7"`.
    Returns (count,) int64.

    >>> stable_order("an example", 5).tolist()
    [1, 2, 0, 3, 4]
    """
    stream = hashlib.shake_256(purpose.encode()).digest(8 * count)
    return np.argsort(np.frombuffer(stream, dtype="<u8"), kind="stable").astype(np.int64)


def stable_uniform(purpose: str, count: int) -> NDArray[np.float64]:
    """Return `count` pseudo-random numbers in [0, 1) that depend on `purpose` alone.

    The upper 53 bits of the same 64-bit numbers as in `stable_order`, divided by 2^53, so every
    value is exact in float64. Returns (count,) float64.

    >>> stable_uniform("an example", 2).round(6).tolist()
    [0.721964, 0.107522]
    """
    stream = hashlib.shake_256(purpose.encode()).digest(8 * count)
    return (np.frombuffer(stream, dtype="<u8") >> np.uint64(11)) / np.float64(2**53)

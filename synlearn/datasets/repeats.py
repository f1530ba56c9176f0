"""Images that show the same as an earlier one, pixel by pixel."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def first_of_their_kind(images: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which images, (n,), repeat no earlier one.

    Args:
        images: (n, ...), of any type.

    >>> first_of_their_kind(np.array([[1, 2], [3, 4], [1, 2]])).tolist()
    [True, True, False]
    """
    seen: set[bytes] = set()
    first = np.ones(len(images), np.bool_)
    for row, pixels in enumerate(images):
        key = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).digest()
        first[row] = key not in seen
        seen.add(key)
    return first

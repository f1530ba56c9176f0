"""Damaged copies of a file, as a cut or a bad disk makes them."""

from collections.abc import Iterator

import numpy as np


def damaged(whole: bytes, copies: int, seed: int = 0) -> Iterator[bytes]:
    """Copies with a few bytes overwritten, half of them cut short as well."""
    random = np.random.default_rng(seed)
    for copy in range(copies):
        length = len(whole) if copy % 2 else int(random.integers(1, len(whole)))
        data = bytearray(whole[:length])
        for place in random.integers(0, length, random.choice([1, 3, 20])):
            data[place] = random.integers(256)
        yield bytes(data)

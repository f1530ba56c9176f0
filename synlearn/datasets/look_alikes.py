"""Finds pictures that are the same as others but for rounding.

Decoders and resizing differ between versions by a level or two, so equal bytes are too much to ask.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.small_pictures import SIDE, Pictures

TOLERANCE: Final = 3.0
"""Root mean square difference, in levels of 255."""
_BLOCK: Final = 4


def look_alikes(pictures: Pictures, others: Pictures) -> NDArray[np.bool_]:
    """Return which pictures, (n, 32, 32, 3) uint8, look like one of `others`, (m, 32, 32, 3)."""
    found = np.zeros(len(pictures), dtype=bool)
    if not len(pictures) or not len(others):
        return found
    # The mean square of block means' differences is never above that of pixels'.
    coarse, coarse_others = _blocks(pictures), _blocks(others)
    squares = (coarse**2).sum(axis=1)[:, None] + (coarse_others**2).sum(axis=1)
    distance = (squares - 2 * coarse @ coarse_others.T) / coarse.shape[1]
    for row, other in np.argwhere(distance <= 1.1 * TOLERANCE**2):
        difference = pictures[row].astype(float) - others[other]
        found[row] |= (difference**2).mean() <= TOLERANCE**2
    return found


def _blocks(pictures: Pictures) -> NDArray[np.float64]:
    """Return the mean of each 4 x 4 block and channel: (n, 192)."""
    count = SIDE // _BLOCK
    tiles = pictures.reshape(len(pictures), count, _BLOCK, count, _BLOCK, 3)
    means: NDArray[np.float64] = tiles.mean(axis=(2, 4), dtype=np.float64)
    return means.reshape(len(pictures), -1)

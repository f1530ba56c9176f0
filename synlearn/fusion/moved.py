"""Moved copies of examples: where there are few, they show how models see more than these.

From one example of each class, models may differ in little because there is little to see. A small
turn, shift and change of size makes no other picture, but other pixels. The moves are the same for
every image, so whoever has the examples has the copies.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

_TURN, _ZOOM, _SHIFT = 8.0, 0.08, 0.045
"""Degrees; part of the size; part of the side."""
_SIGNS: Final = ((1, 1, 1, 1), (-1, 1, -1, 1), (1, -1, -1, -1), (-1, -1, 1, -1))
"""Of turn, change of size and the two shifts: each is up in two moves and down in two."""
COPIES: Final = len(_SIGNS)
FEW: Final = 12
"""Of more examples no copies are made: two of each of five classes are few, five are enough."""


def has_copies(rows: int) -> bool:
    """Whether models are compared on the moved copies of so many examples as well."""
    return rows <= FEW


def moved(images: Float32, copy: int) -> Float32:
    """Move images (n, c, h, w); what comes from outside repeats the border.

    Args:
        images: Any values.
        copy: Which one, from 0 to `COPIES` - 1.
    """
    signs = _SIGNS[copy]
    turn, size = np.deg2rad(_TURN * signs[0]), 1 + _ZOOM * signs[1]
    cosine, sine = np.cos(turn) / size, np.sin(turn) / size
    across, down = (2 * _SHIFT * sign for sign in signs[2:])  # a side is from -1 to 1
    matrix = torch.tensor([[cosine, sine, across], [-sine, cosine, down]], dtype=torch.float32)
    values = torch.from_numpy(np.ascontiguousarray(images, np.float32))
    places = torch.nn.functional.affine_grid(
        matrix.expand(len(values), 2, 3), list(values.shape), align_corners=False
    )
    found: Float32 = torch.nn.functional.grid_sample(
        values, places, mode="bilinear", padding_mode="border", align_corners=False
    ).numpy()
    return found


def with_copies(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what models are compared on: pictures (n, h, w, c) and, if few, copy after copy."""
    if not has_copies(len(pictures)):
        return pictures
    return np.concatenate([pictures, *(moved_pictures(pictures, copy) for copy in range(COPIES))])


def moved_pictures(pictures: NDArray[np.uint8], copy: int) -> NDArray[np.uint8]:
    """Move pictures (n, h, w, c) uint8 in the same way."""
    planes = pictures.transpose(0, 3, 1, 2).astype(np.float32)
    return np.rint(moved(planes, copy)).astype(np.uint8).transpose(0, 2, 3, 1)

"""The public anchor set behind model specifications: rendered sprites between the grid's.

A model's answers to the same public images say what it can do. dSprites lies on a grid of latents;
the anchors do not. That alone does not keep them apart: pixels are coarse, and about one small
sprite in two hundred looks exactly like one of the grid. So these 256 were compared with all
737,280 images (`benchmarks/dsprites_render.py` repeats it), and none is one of them: no anchor is
an image that a task is tested on. They are rendered by code, and their digest says which they are.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.dsprites_renderer import Shape, render
from synlearn.datasets.stable_draw import stable_uniform

ANCHORS: Final = 256
_PURPOSE: Final = "synlearn/anchors/sprites/v2"
"""Version 1 had two anchors that were images of the data set, in domains 0 (and 39) and 264."""


@dataclass(frozen=True, slots=True)
class AnchorSet:
    """Public images that models are described by.

    Attributes:
        images: (a, 64, 64) uint8, 0 or 1.
        targets: (a, 2) float64, position X and Y, in [0, 1].
        digest: SHA-256, hex, of their shape, pixels and targets.
    """

    images: NDArray[np.uint8]
    targets: NDArray[np.float64]
    digest: str


@cache
def sprite_anchors() -> AnchorSet:
    """Render the 256 anchors: shapes in turn, all other latents uniform over their whole range."""
    draws = stable_uniform(_PURPOSE, 4 * ANCHORS).reshape(4, ANCHORS)
    scale, orientation = 0.5 + draws[0] / 2, 2 * np.pi * draws[1]
    images = np.empty((ANCHORS, 64, 64), np.uint8)
    for shape in Shape:
        rows = slice(int(shape), None, len(Shape))
        images[rows] = render(shape, scale[rows], orientation[rows], draws[2][rows], draws[3][rows])
    targets = np.stack([draws[2], draws[3]], axis=1)
    content = str(images.shape).encode() + np.packbits(images).tobytes() + targets.tobytes()
    return AnchorSet(images, targets, hashlib.sha256(content).hexdigest())

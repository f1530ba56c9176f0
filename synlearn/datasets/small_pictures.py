"""Brings images of all data sets to one small size, and makes slightly moved copies of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synlearn.datasets.stable_draw import stable_uniform

SIDE: Final = 32
"""Pixels; photographs of CIFAR have this size."""
_TURN, _SHIFT, _ZOOM = 12.0, 2.0, 0.12
"""Largest turn (degrees), shift (pixels) and change of size of a moved copy."""

Pictures = NDArray[np.uint8]


def to_pictures(images: Pictures) -> Pictures:
    """Return images as (n, 32, 32, 3): smaller ones get a dark frame, larger ones are averaged.

    images: (n, side, side, 1 or 3) uint8. Grey images become three equal channels.
    """
    side = images.shape[1]
    if side > SIDE:
        images = np.stack([_resized(image) for image in images])
    elif side < SIDE:
        before = (SIDE - side) // 2
        frame = (before, SIDE - side - before)
        images = np.pad(images, ((0, 0), frame, frame, (0, 0)))
    return np.ascontiguousarray(np.broadcast_to(images, (*images.shape[:3], 3)))


def _resized(image: Pictures) -> Pictures:
    small = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    pixels = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BOX), np.uint8)
    return pixels.reshape(SIDE, SIDE, -1)


def moved_copy(picture: Pictures, name: str) -> Pictures:
    """Return a picture turned, shifted and zoomed a little; `name` decides by how much.

    Small data sets are stretched by such copies where K examples have to be drawn from fewer
    images. What lies outside repeats the border.

    picture: (32, 32, 3) uint8. Returns the same shape.
    """
    draws = 2 * stable_uniform(f"synlearn/moved-copy/v1/{name}", 4) - 1
    angle, zoom = np.deg2rad(_TURN * draws[0]), 1 + _ZOOM * draws[1]
    cosine, sine = np.cos(angle) / zoom, np.sin(angle) / zoom
    centre = SIDE / 2
    x, y = centre + _SHIFT * draws[2], centre + _SHIFT * draws[3]
    # PIL asks where each pixel of the result comes from.
    matrix = (
        cosine,
        sine,
        centre - cosine * x - sine * y,
        -sine,
        cosine,
        centre + sine * x - cosine * y,
    )
    margin = SIDE // 2
    framed = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    a, b, c, d, e, f = matrix
    shifted = (
        a,
        b,
        c - a * margin - b * margin + margin,
        d,
        e,
        f - d * margin - e * margin + margin,
    )
    moved = Image.fromarray(framed).transform(
        (2 * SIDE, 2 * SIDE), Image.Transform.AFFINE, shifted, Image.Resampling.BILINEAR
    )
    return np.asarray(moved, np.uint8)[margin:-margin, margin:-margin]

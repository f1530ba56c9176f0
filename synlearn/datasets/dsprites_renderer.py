"""Renders dSprites images from their latents; no data file is needed.

A pixel is white when its centre lies inside the shape. The shapes were fitted to true samples of
the data set (Matthey, Higgins, Hassabis, Lerchner, "dSprites", 2017): of 258 frames 237 come out
exactly and none differs in more than 4 of its 4096 pixels.

In pixel units, x to the right and y down, a shape of scale `s` and orientation `o` is centred at
`(16 + 32 posX, 16 + 32 posY)`. The offset `(dx, dy)` of a pixel's centre from it turns into

    u = (cos o dx - sin o dy) / s,    v = (sin o dx + cos o dy) / s

and the shapes are: square `|u| < 9.6, |v| < 9.6`; ellipse `(u / 12.77)^2 + (v / 7.212)^2 < 1`;
heart, the polygon with the 200 corners `u = 9.6 sin^3 t`,
`v = -0.662 (13 cos t - 5 cos 2t - 2 cos 3t - cos 4t) - 1.435`.

Two facts make it fast. No shape reaches further than a square's corner from its centre, 13.58
pixels, so only a window of 28 x 28 pixels is evaluated. And a row of 64 pixels is one 64-bit word,
so a window is put in its place by shifting its rows.
"""

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import InputError

SIDE: Final = 64
"""Height and width of an image, in pixels."""
PACKED_BYTES: Final = SIDE * SIDE // 8
"""Bytes of a bit-packed image: rows first, the leftmost pixel in the highest bit."""

_REACH: Final = 13.6
_WINDOW: Final = 28
_CHUNK: Final = 1024
"""Images evaluated at a time: their window fills about 6 MB, which stays near the processor."""

_SQUARE_HALF_SIDE: Final = 9.6
_ELLIPSE_HALF_AXES: Final = (12.77, 7.212)
_HEART_CORNERS: Final = 200


class Shape(IntEnum):
    """The three shapes; the value is the class index of the data set's `shape` latent."""

    SQUARE = 0
    ELLIPSE = 1
    HEART = 2


def _heart_outline() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the polygon's corners as `u` (101,), rising, with `v` of its upper and lower side.

    `u = 9.6 sin^3 t` rises for t in [-pi/2, pi/2] and falls on the way back, so that each side of
    the outline is a function of `u`, and inside means between the two.
    """
    steps = np.arange(-_HEART_CORNERS // 4, _HEART_CORNERS // 4 + 1)
    t = 2 * np.pi * steps / _HEART_CORNERS

    def v(angle: NDArray[np.float64]) -> NDArray[np.float64]:
        wave = 13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle)
        height: NDArray[np.float64] = -0.662 * (wave - np.cos(4 * angle)) - 1.435
        return height

    return 9.6 * np.sin(t) ** 3, v(t), v(np.pi - t)


def _inside(shape: Shape, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which points of the shape's own, unscaled and unturned plane lie inside it."""
    if shape is Shape.SQUARE:
        return (np.abs(u) < _SQUARE_HALF_SIDE) & (np.abs(v) < _SQUARE_HALF_SIDE)
    if shape is Shape.ELLIPSE:
        a, b = _ELLIPSE_HALF_AXES
        return (u / a) ** 2 + (v / b) ** 2 < 1
    corners, top, bottom = _heart_outline()
    # Beyond the outline `interp` holds the last corner, where top and bottom meet: outside.
    return (np.interp(u, corners, top) < v) & (v < np.interp(u, corners, bottom))


def render_packed(
    shape: Shape,
    scale: ArrayLike,
    orientation: ArrayLike,
    pos_x: ArrayLike,
    pos_y: ArrayLike,
) -> NDArray[np.uint8]:
    """Render images of one shape, bit-packed.

    scale: in [0.5, 1]. orientation: radians. pos_x, pos_y: in [0, 1]. Each is a number or (n,);
    they need not lie on the data set's grid.
    Returns (n, 512) uint8, as `numpy.packbits` packs rows of 64 pixels.
    Raises InputError when a latent is outside its range.
    """
    latents = _check_latents(scale, orientation, pos_x, pos_y)
    packed = np.zeros((latents.shape[1], PACKED_BYTES), dtype=np.uint8)
    for start in range(0, len(packed), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        packed[chunk] = _render_chunk(shape, *latents[:, chunk])
    return packed


def _check_latents(*latents: ArrayLike) -> NDArray[np.float64]:
    names = ("scale", "orientation", "posX", "posY")
    limits = ((0.5, 1.0), (-np.inf, np.inf), (0.0, 1.0), (0.0, 1.0))
    values = np.stack(np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in latents)))
    values = values.reshape(len(names), -1)
    for name, row, (low, high) in zip(names, values, limits, strict=True):
        if not (np.isfinite(row).all() and (row >= low).all() and (row <= high).all()):
            raise InputError(
                f"A dSprites latent is out of range: {name} must lie in [{low:g}, {high:g}]."
            )
    return values


def _render_chunk(
    shape: Shape,
    scale: NDArray[np.float64],
    orientation: NDArray[np.float64],
    pos_x: NDArray[np.float64],
    pos_y: NDArray[np.float64],
) -> NDArray[np.uint8]:
    centre_x, centre_y = 16 + 32 * pos_x, 16 + 32 * pos_y
    # The first pixel whose centre may lie inside; at most 28 do, for 2 * 13.6 < 28.
    left = np.ceil(centre_x - 0.5 - _REACH).astype(np.int64)
    top = np.ceil(centre_y - 0.5 - _REACH).astype(np.int64)
    steps = np.arange(_WINDOW) + 0.5
    dx = (left[:, None] + steps - centre_x[:, None])[:, None, :]
    dy = (top[:, None] + steps - centre_y[:, None])[:, :, None]
    cos, sin, size = (a[:, None, None] for a in (np.cos(orientation), np.sin(orientation), scale))
    u = (cos * dx - sin * dy) / size
    v = (sin * dx + cos * dy) / size

    # Each row of a window becomes the upper 28 bits of a word, then moves right to its place.
    windows = np.packbits(_inside(shape, u, v), axis=-1).view(">u4")[..., 0]
    words = windows.astype(np.uint64) << np.uint64(32) >> left.astype(np.uint64)[:, None]
    rows = np.zeros((len(words), SIDE), dtype=">u8")
    rows[np.arange(len(words))[:, None], top[:, None] + np.arange(_WINDOW)] = words
    return rows.view(np.uint8)


def render(
    shape: Shape,
    scale: ArrayLike,
    orientation: ArrayLike,
    pos_x: ArrayLike,
    pos_y: ArrayLike,
) -> NDArray[np.uint8]:
    """Render images of one shape; arguments and errors as in `render_packed`.

    Returns (n, 64, 64) uint8, 0 or 1.
    """
    return unpack_images(render_packed(shape, scale, orientation, pos_x, pos_y))


def unpack_images(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn (n, 512) bit-packed images into (n, 64, 64) uint8, 0 or 1."""
    return np.unpackbits(packed, axis=1).reshape(-1, SIDE, SIDE)

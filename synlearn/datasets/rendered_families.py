"""Rendered pictures of made-up classes: glyphs, silhouettes and scenes.

Each group is a class in the way that data sets have them: its pictures share what makes the class
(the strokes of a glyph, the outline of a garment, the colours and forms of a scene) and differ in
the rest. How well a model's features tell such groups apart says what they are good for.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.rendered_pictures import X, Y, clouds, pale_colour, to_pixels
from synlearn.datasets.small_pictures import SIDE, Pictures
from synlearn.datasets.stable_draw import stable_uniform

_PURPOSE: Final = "synlearn/rendered/v1"

Float64 = NDArray[np.float64]


def family_groups(each: int) -> dict[str, Pictures]:
    """Return group name to (each, 32, 32, 3) uint8: `glyph/00` and so on."""
    return {
        f"{family}/{group:02d}": np.stack(
            [maker(f"{family}/{group:02d}", number) for number in range(each)]
        )
        for family, (groups, maker) in _FAMILIES.items()
        for group in range(groups)
    }


def glyph(group: str, number: int) -> Pictures:
    """Draw two or three bright strokes (cubic Bezier curves) on dark, as by another hand."""
    shape = stable_uniform(f"{_PURPOSE}/{group}", 25)
    hand = stable_uniform(f"{_PURPOSE}/{group}/{number}", 29)
    points = 0.62 * (shape[:24] - 0.5) + 0.07 * (hand[:24] - 0.5)
    angle = 0.3 * (hand[24] - 0.5)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    strokes = points.reshape(3, 4, 2) @ turn * (0.9 + 0.25 * hand[25]) + 0.08 * (hand[26:28] - 0.5)
    t = np.linspace(0, 1, 60)[:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3])
    width = 0.028 + 0.02 * hand[28]
    ink = np.zeros((SIDE, SIDE))
    for curve in weights @ strokes[: 2 + int(2 * shape[24])]:
        away = np.hypot(X[..., None] - curve[:, 0], Y[..., None] - curve[:, 1]).min(axis=-1)
        ink = np.maximum(ink, np.clip((width - away) * SIDE + 0.5, 0, 1))
    return to_pixels(np.repeat(ink[..., None], 3, axis=2))


def silhouette(group: str, number: int) -> Pictures:
    """Draw a bright, grey, mirror-symmetric outline on dark, perhaps with two legs."""
    shape = stable_uniform(f"{_PURPOSE}/{group}", 9)
    own = stable_uniform(f"{_PURPOSE}/{group}/{number}", 9)
    heights = np.linspace(-0.42, 0.42, 7)
    y = Y * (1 + 0.15 * (own[7] - 0.5))
    half = np.interp(y, heights, 0.08 + 0.34 * shape[:7] + 0.05 * (own[:7] - 0.5))
    inside = (np.abs(X) < half) & (np.abs(y) < 0.42)
    if shape[7] > 0.5:
        inside &= ~((np.abs(X) < 0.05 + 0.1 * shape[8]) & (y > 0))
    cloth = 0.35 + 0.6 * own[8] + 0.1 * clouds(f"{group}/{number}", 1.2)[..., :1]
    return to_pixels(np.repeat(np.where(inside[..., None], cloth, 0.0), 3, axis=2))


def scene(group: str, number: int) -> Pictures:
    """Draw a body with a head before two grounds that blend, each in a colour of the group."""
    shape = stable_uniform(f"{_PURPOSE}/{group}", 20)
    own = stable_uniform(f"{_PURPOSE}/{group}/{number}", 17)
    top, bottom, body, head = (
        pale_colour(shape[start : start + 3]) + 0.22 * (own[start : start + 3] - 0.5)
        for start in (0, 3, 6, 9)
    )
    blend = np.clip((Y - 0.5 * (shape[12] - 0.5)) * (2 + 12 * shape[13]) + 0.5, 0, 1)[..., None]
    ground = top * (1 - blend) + bottom * blend
    ground += (0.05 + 0.15 * shape[14]) * clouds(f"{group}/{number}/ground", 0.9 + shape[15])
    angle = 0.6 * (own[12] - 0.5) + np.pi * shape[16]
    x, y = X - 0.22 * (own[13] - 0.5), Y - 0.22 * (own[14] - 0.5)
    u = np.cos(angle) * x + np.sin(angle) * y
    v = np.cos(angle) * y - np.sin(angle) * x
    long = 0.17 + 0.2 * shape[17] + 0.06 * (own[15] - 0.5)
    short = long * (0.35 + 0.6 * shape[18])
    roundness = 2 if shape[19] < 0.6 else 8  # an ellipse, or nearly a box
    in_body = (np.abs(u) / long) ** roundness + (np.abs(v) / short) ** roundness < 1
    in_head = np.hypot(u - long, v - 0.4 * short) < 0.5 * short
    skin = body + 0.18 * clouds(f"{group}/{number}/body", 0.8 + own[16])
    face = head + 0.1 * clouds(f"{group}/{number}/head", 1.0)
    picture = np.where(in_body[..., None], skin, ground)
    return to_pixels(np.where(in_head[..., None], face, picture))


_FAMILIES: Final[Mapping[str, tuple[int, Callable[[str, int], Pictures]]]] = MappingProxyType(
    {"glyph": (20, glyph), "silhouette": (12, silhouette), "scene": (24, scene)}
)

"""Rendered colour pictures: plain shapes, shapes on textured ground, and textures, by group.

Public images that any model can be shown; nothing in them comes from a data set. Further families
are in `rendered_families.py`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.small_pictures import SIDE, Pictures
from synlearn.datasets.stable_draw import stable_uniform

SHAPES: Final = ("disc", "square", "triangle", "star", "cross", "ring", "stripes", "checks")
HUES: Final = ("red", "orange", "yellow", "green", "cyan", "blue", "violet", "dark", "light")
_COLOURS: Final = np.array(
    [
        (0.75, 0.18, 0.15),
        (0.85, 0.50, 0.15),
        (0.85, 0.80, 0.25),
        (0.25, 0.55, 0.20),
        (0.25, 0.70, 0.70),
        (0.25, 0.40, 0.80),
        (0.55, 0.30, 0.65),
        (0.15, 0.14, 0.13),
        (0.88, 0.88, 0.86),
    ]
)
Y, X = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE - 0.5
"""Centres of pixels: -0.5 to 0.5 from top to bottom, and from left to right."""

Float64 = NDArray[np.float64]


def rendered_groups(each: int) -> dict[str, Pictures]:
    """Return group name to (each, 32, 32, 3) uint8.

    Groups are `plain/<shape>`, `textured/<shape>`, `texture/<hue>` and `texture/landscape`.
    """
    makers = {f"plain/{shape}": (shape, False) for shape in SHAPES}
    makers |= {f"textured/{shape}": (shape, True) for shape in SHAPES}
    groups = {
        name: np.stack([_shape_picture(f"{name}/{number}", *how) for number in range(each)])
        for name, how in makers.items()
    }
    for hue, colour in zip(HUES, _COLOURS, strict=True):
        groups[f"texture/{hue}"] = np.stack(
            [_texture_picture(f"texture/{hue}/{number}", colour) for number in range(each)]
        )
    groups["texture/landscape"] = np.stack(
        [_landscape(f"landscape/{number}") for number in range(each)]
    )
    return groups


def _shape_picture(name: str, shape: str, textured: bool) -> Pictures:
    draws = stable_uniform(f"synlearn/rendered/v1/{name}", 12)
    inside = _inside(shape, draws[:4])[..., None]
    front, back = pale_colour(draws[4:7]), pale_colour(draws[7:10])
    if abs(front.mean() - back.mean()) < 0.25:  # a shape has to be seen
        back = (back + 0.5) % 1.0
    ground = np.broadcast_to(back, (SIDE, SIDE, 3))
    figure = np.broadcast_to(front, (SIDE, SIDE, 3))
    if textured:
        ground = ground + 0.25 * clouds(f"{name}/ground", 1.0 + draws[10])
        figure = figure + 0.15 * clouds(f"{name}/figure", 1.0 + draws[11])
    return to_pixels(np.where(inside, figure, ground))


def _inside(shape: str, draws: Float64) -> NDArray[np.bool_]:
    """Return which pixels lie inside a shape, turned, shifted and scaled by four numbers."""
    size, angle = 0.22 + 0.16 * draws[0], 2 * np.pi * draws[1]
    x, y = X - 0.2 * (draws[2] - 0.5), Y - 0.2 * (draws[3] - 0.5)
    u = (np.cos(angle) * x + np.sin(angle) * y) / size
    v = (np.cos(angle) * y - np.sin(angle) * x) / size
    radius, turn = np.hypot(u, v), np.arctan2(v, u)
    box = np.maximum(np.abs(u), np.abs(v)) < 1
    inside: dict[str, NDArray[np.bool_]] = {
        "disc": radius < 1,
        "square": box,
        "triangle": (v > -0.6) & (v < 1 - 1.7 * np.abs(u)),
        "star": radius < 0.7 + 0.4 * np.cos(5 * turn),
        "cross": box & (np.minimum(np.abs(u), np.abs(v)) < 0.33),
        "ring": (radius < 1) & (radius > 0.6),
        "stripes": np.floor(3 * u) % 2 == 0,
        "checks": (np.floor(2 * u) + np.floor(2 * v)) % 2 == 0,
    }
    return inside[shape]


def _texture_picture(name: str, colour: Float64) -> Pictures:
    draws = stable_uniform(f"synlearn/rendered/v1/{name}", 4)
    tint = colour + 0.15 * (draws[:3] - 0.5)
    return to_pixels(tint + 0.22 * clouds(name, 0.8 + 1.2 * draws[3]))


def _landscape(name: str) -> Pictures:
    """Return a sky above a ground, a rough line between them."""
    draws = stable_uniform(f"synlearn/rendered/v1/{name}", 10)
    line = 0.3 * (draws[0] - 0.5) + 0.12 * clouds(f"{name}/line", 1.5)[0, :, :1].T
    sky = np.array([0.55, 0.7, 0.9]) + 0.3 * (draws[1:4] - 0.5) + 0.3 * Y[..., None]
    earth = np.array([0.4, 0.4, 0.25]) + 0.4 * (draws[4:7] - 0.5)
    ground = earth + 0.2 * clouds(f"{name}/ground", 1.0)
    return to_pixels(np.where((line > Y)[..., None], sky, ground))


def pale_colour(draws: Float64) -> Float64:
    """Return a colour, paler than its three numbers: photographs rarely have pure ones."""
    colour: Float64 = 0.1 + 0.8 * (0.7 * draws + 0.3 * draws.mean())
    return colour


def clouds(name: str, roughness: float) -> Float64:
    """Return noise whose amplitude falls with frequency^roughness, (32, 32, 3), deviation 1.

    Natural images fall off like this; channels share most of it.
    """
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE))
    frequency[0, 0] = np.inf
    white = stable_uniform(f"synlearn/rendered/v1/{name}/clouds", 4 * SIDE * SIDE)
    spectrum = np.fft.fft2(white.reshape(4, SIDE, SIDE) - 0.5) / frequency**roughness
    layers = np.fft.ifft2(spectrum).real
    layers /= layers.std(axis=(1, 2), keepdims=True)
    mixed = 0.95 * layers[:1] + 0.3 * layers[1:]
    return np.moveaxis(mixed, 0, -1)


def to_pixels(values: Float64) -> Pictures:
    """Return brightnesses, 0 to 1 and cut off there, as uint8."""
    return (255 * values.clip(0, 1)).round().astype(np.uint8)

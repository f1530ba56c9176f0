"""The renderer, against true images, against other people's renderings, and a slow second way."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from synlearn.datasets.dsprites import latents_values
from synlearn.datasets.dsprites_renderer import Shape, render, render_packed, unpack_images
from synlearn.errors import InputError

REPOSITORY = Path(__file__).parents[3]
SHIPPED = Path(__file__).parent / "data" / "dsprites_frames.npz"
SHARED = REPOSITORY.parent / "shared" / "data" / "dsprites"
NOT_HERE = "the larger reference set does not lie beside this checkout"


class Reference(NamedTuple):
    """Bit-packed images (n, 512) with their latents: shape (n,) and the four others (n, 4)."""

    packed: NDArray[np.uint8]
    shapes: NDArray[np.int64]
    latents: NDArray[np.float64]

    def differing_pixels(self) -> NDArray[np.int64]:
        """How many of the 4096 pixels of each image the renderer gets wrong."""
        wrong = np.empty(len(self.packed), np.int64)
        for shape in Shape:
            rows = self.shapes == shape
            rendered = render_packed(shape, *self.latents[rows].T)
            wrong[rows] = np.unpackbits(rendered ^ self.packed[rows], axis=1).sum(axis=1)
        return wrong


def reference(packed: NDArray[np.uint8], classes: NDArray[np.int64]) -> Reference:
    rows = np.ravel_multi_index(tuple(classes.T), (1, 3, 6, 40, 32, 32))
    return Reference(packed, classes[:, 1], latents_values(rows)[:, 2:])


def test_shipped_true_images() -> None:
    with np.load(SHIPPED, allow_pickle=False) as data:
        wrong = reference(data["images"], data["latents_classes"]).differing_pixels()
    assert len(wrong) == 48
    assert (wrong == 0).sum() == 45
    assert wrong.max() <= 4


def test_all_true_images() -> None:
    path = SHARED / "dsprites_real_frames.npz"
    if not path.exists():
        pytest.skip(NOT_HERE)
    with np.load(path, allow_pickle=False) as data:
        packed = np.packbits(data["imgs"].reshape(-1, 4096), axis=1)
        wrong = reference(packed, data["latents_classes"]).differing_pixels()
    assert len(wrong) == 258
    assert (wrong == 0).sum() == 237
    assert wrong.max() <= 4


def test_fifty_thousand_images_of_an_independent_renderer() -> None:
    path = SHARED / "dsprites_rerendered_50k.npz"
    if not path.exists():
        pytest.skip(NOT_HERE)
    with np.load(path, allow_pickle=False) as data:
        np.testing.assert_array_equal(latents_values(data["flat_index"]), data["latents_values"])
        images = reference(data["imgs_packed"], data["latents_classes"])
    assert images.differing_pixels().sum() == 0


def slowly(shape: Shape, latents: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Evaluate the whole image pixel by pixel, the heart as a polygon by another library."""
    scale, orientation, pos_x, pos_y = latents
    centres = np.arange(64) + 0.5
    dx, dy = np.meshgrid(centres - 16 - 32 * pos_x, centres - 16 - 32 * pos_y)
    u = (np.cos(orientation) * dx - np.sin(orientation) * dy) / scale
    v = (np.sin(orientation) * dx + np.cos(orientation) * dy) / scale
    inside: NDArray[np.bool_]
    if shape is Shape.SQUARE:
        inside = np.maximum(np.abs(u), np.abs(v)) < 9.6
        return inside
    if shape is Shape.ELLIPSE:
        inside = np.hypot(u / 12.77, v / 7.212) < 1
        return inside
    t = 2 * np.pi * np.arange(200) / 200
    wave = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    outline = np.stack([9.6 * np.sin(t) ** 3, -0.662 * wave - 1.435], axis=1)
    inside = Outline(outline).contains_points(np.stack([u.ravel(), v.ravel()], axis=1))
    return inside.reshape(64, 64)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from(Shape),
    scale=st.floats(0.5, 1),
    orientation=st.floats(-7, 7),
    pos_x=st.floats(0, 1),
    pos_y=st.floats(0, 1),
)
def test_any_latents_against_pixel_by_pixel_evaluation(
    shape: Shape, scale: float, orientation: float, pos_x: float, pos_y: float
) -> None:
    latents = np.array([scale, orientation, pos_x, pos_y])
    wrong = (render(shape, *latents)[0] != slowly(shape, latents)).sum()
    assert wrong <= 2  # a pixel's centre on the very edge may fall to either side


@pytest.mark.parametrize("shape", Shape)
def test_no_part_of_a_shape_is_cut_off(shape: Shape) -> None:
    """The largest shapes, in all directions, at all places within a pixel."""
    steps = np.linspace(0, 1, 9)
    turn, x, y = (a.ravel() for a in np.meshgrid(2 * np.pi * steps, steps / 32, 1 - steps / 32))
    images = render(shape, 1.0, turn, x, y)
    for image, latents in zip(images, np.stack([np.ones_like(turn), turn, x, y], 1), strict=True):
        assert (image != slowly(shape, latents)).sum() <= 2


def test_packed_and_unpacked_agree_and_numbers_broadcast() -> None:
    x = np.linspace(0, 1, 2500)  # more than are rendered at a time
    packed = render_packed(Shape.HEART, 0.7, 1.0, x, 0.25)
    images = render(Shape.HEART, 0.7, 1.0, x, 0.25)
    assert images.shape == (2500, 64, 64)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(unpack_images(packed), images)
    np.testing.assert_array_equal(images[-1:], render(Shape.HEART, 0.7, 1.0, 1.0, 0.25))


@pytest.mark.parametrize(
    ("name", "latents"),
    [
        ("scale", (0.4, 0, 0, 0)),
        ("scale", (np.nan, 0, 0, 0)),
        ("orientation", (0.5, np.inf, 0, 0)),
        ("posX", (0.5, 0, 1.01, 0)),
        ("posY", (0.5, 0, 0, [0.5, -0.1])),
    ],
)
def test_latents_out_of_range_are_refused(name: str, latents: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=f"{name} must lie in"):
        render(Shape.SQUARE, *latents)

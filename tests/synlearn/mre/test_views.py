import math

import numpy as np
import pytest
import torch

from synlearn.datasets.dsprites_renderer import Shape, render
from synlearn.mre.views import MAX_ZOOM, SMALL_TURN, apply_views, draw_views

UNTOUCHED = torch.tensor([[0.0, 1.0]])


def sprite(shape: Shape, scale: float, orientation: float) -> torch.Tensor:
    return torch.from_numpy(render(shape, scale, orientation, 0.4, 0.6))[:, None].float()


def differing(one: torch.Tensor, other: torch.Tensor) -> float:
    """Pixels that differ, as a share of the white ones."""
    return float((one != other).sum() / other.sum())


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_first_view_leaves_binary_images_as_they_are(shape: Shape, dtype: torch.dtype) -> None:
    random = np.random.default_rng(0)
    images = torch.from_numpy(render(shape, 0.7, random.random(50) * 6, *random.random((2, 50))))
    images = images[:, None].to(dtype)
    assert torch.equal(apply_views(images, UNTOUCHED.expand(50, -1).to(dtype)), images)


def test_the_first_view_leaves_grey_images_as_they_are() -> None:
    images = torch.rand(5, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    seen = apply_views(images, UNTOUCHED.expand(5, -1))
    torch.testing.assert_close(seen, images, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [Shape.SQUARE, Shape.ELLIPSE])
@pytest.mark.parametrize("angle", [-1.2, 0.3, 1.0, 2.5])
def test_a_turn_is_what_the_renderer_draws_at_that_orientation(shape: Shape, angle: float) -> None:
    turned = apply_views(sprite(shape, 0.8, 0.2), torch.tensor([[angle, 1.0]]))
    assert differing(turned, sprite(shape, 0.8, 0.2 + angle)) < 0.08
    assert differing(turned, sprite(shape, 0.8, 0.2 - angle)) > 0.2


def test_a_heart_turns_about_its_centre_of_mass() -> None:
    image = sprite(Shape.HEART, 0.9, 0.0)
    turned = apply_views(image, torch.tensor([[1.3, 1.0]]))
    grid = torch.stack(torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij"))
    before, after = (
        (grid * picture[0, 0]).sum(dim=(1, 2)) / picture.sum() for picture in (image, turned)
    )
    assert (before - after).abs().max() < 0.5
    assert differing(turned, image) > 0.2


@pytest.mark.parametrize(("scale", "larger"), [(0.5, 0.8), (0.9, 0.6)])
def test_a_zoom_is_what_the_renderer_draws_at_that_scale(scale: float, larger: float) -> None:
    zoomed = apply_views(sprite(Shape.SQUARE, scale, 0.0), torch.tensor([[0.0, larger / scale]]))
    wanted = sprite(Shape.SQUARE, larger, 0.0)
    assert abs(float(zoomed.sum().sqrt() - wanted.sum().sqrt())) < 1.1  # a side, in pixels


def test_binary_images_stay_binary_and_grey_ones_grey() -> None:
    views = torch.tensor([[0.7, 1.2]])
    assert set(apply_views(sprite(Shape.HEART, 0.8, 0.1), views).unique().tolist()) == {0.0, 1.0}
    grey = 0.5 * sprite(Shape.HEART, 0.8, 0.1)
    assert len(apply_views(grey, views).unique()) > 2


def test_each_image_has_a_view_of_its_own() -> None:
    images = torch.cat([sprite(Shape.ELLIPSE, 0.8, 0.2), sprite(Shape.HEART, 0.6, 1.0)])
    views = torch.tensor([[0.5, 1.1], [-2.0, 0.9]])
    together = apply_views(images, views)
    for index in range(2):
        alone = apply_views(images[index : index + 1], views[index : index + 1])
        assert torch.equal(together[index : index + 1], alone)


def test_an_empty_image_stays_empty() -> None:
    assert apply_views(torch.zeros(1, 1, 8, 8), torch.tensor([[1.0, 1.5]])).sum() == 0


def test_views_are_drawn_as_described() -> None:
    views = draw_views(4001, torch.Generator().manual_seed(0))
    assert views[0].tolist() == [0.0, 1.0]
    angle, zoom = views[1:].unbind(dim=1)
    assert angle.abs().max() <= math.pi
    assert zoom.min() >= 1 / MAX_ZOOM - 1e-9
    assert zoom.max() <= MAX_ZOOM + 1e-9
    # Half are small, and so is the same share of the uniform ones.
    small = float((angle.abs() <= SMALL_TURN).double().mean())
    assert abs(small - (0.5 + 0.5 * SMALL_TURN / math.pi)) < 0.03
    assert abs(float(torch.log(zoom).mean())) < 0.02


def test_views_follow_their_generator() -> None:
    one, same, other = (draw_views(5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)

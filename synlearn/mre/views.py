"""Pseudo-classes for providers that hold a single class: known transformations of their images.

The class-wise objective needs two classes at one provider. Where a closure is isolated (a
provider holds one domain), each turn and zoom of its own images serves as a class: instances of
one view should agree wherever they lie in the picture, and differ from other views.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

MAX_ZOOM = math.exp(0.5)
SMALL_TURN = 0.5


def draw_views(count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` views; the first leaves the image as it is.

    Half of the turns are small (at most 0.5 rad) so that near orientations are told apart, the
    others uniform; zooms are log-uniform in [exp(-0.5), exp(0.5)].

    Returns:
        (count, 2) float64: angle in radians, zoom.
    """
    draws = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    turn = (2 * draws[:, 0] - 1) * math.pi
    angle = torch.where(draws[:, 1] < 0.5, turn * (SMALL_TURN / math.pi), turn)
    zoom = torch.exp((2 * draws[:, 2] - 1) * math.log(MAX_ZOOM))
    angle[0], zoom[0] = 0.0, 1.0
    return torch.stack([angle, zoom], dim=1)


def apply_views(images: Tensor, views: Tensor) -> Tensor:
    """Turn and zoom each image about its centre of mass.

    Args:
        images: (n, channels, h, w), values in [0, 1].
        views: (n, 2) angle and zoom for each image.

    Returns:
        The images, bilinearly resampled. Images of only 0 and 1 stay so: grey edges would tell
        a turned image from an unturned one.
    """
    height, width = images.shape[-2:]
    ink = images.sum(dim=1)
    mass = ink.sum(dim=(1, 2)).clamp(min=1e-6)
    xs = (torch.arange(width, dtype=images.dtype) + 0.5) * (2 / width) - 1
    ys = (torch.arange(height, dtype=images.dtype) + 0.5) * (2 / height) - 1
    centre = torch.stack(
        [(ink.sum(dim=1) * xs).sum(dim=1) / mass, (ink.sum(dim=2) * ys).sum(dim=1) / mass], dim=1
    )[:, :, None]
    angle, zoom = views.to(images.dtype).unbind(dim=1)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], dim=1)
    grid = functional.affine_grid(
        torch.cat([turn, centre - turn @ centre], dim=2), list(images.shape), align_corners=False
    )
    seen = functional.grid_sample(images, grid, align_corners=False)
    binary = bool(((images == 0) | (images == 1)).all())
    return (seen > 0.5).to(images.dtype) if binary else seen

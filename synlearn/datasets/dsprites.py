"""dSprites: its latent grid, its 720 domains, and how a domain is split.

The data set is every combination of shape (3), scale (6), orientation (40), posX (32) and posY
(32), in this order, posY fastest: 737,280 images. Fixing the first three gives a *domain* of 1024
images, on which the task is to regress (posX, posY), as in the SynLearn paper's in-dataset
experiment.

Orientation 39 is a full turn and so repeats orientation 0: each such pair of domains (18 of them)
holds the same images. That is so in the original too, and the paper's 720 domains count both.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.dsprites_renderer import SIDE, Shape, render_packed, unpack_images
from synlearn.datasets.stable_draw import stable_order
from synlearn.errors import InputError

SCALES: Final = tuple(np.linspace(0.5, 1.0, 6).tolist())
ORIENTATIONS: Final = tuple(np.linspace(0.0, 2 * np.pi, 40).tolist())
POSITIONS: Final = tuple((np.arange(32) / 31).tolist())

DOMAIN_COUNT: Final = len(Shape) * len(SCALES) * len(ORIENTATIONS)
INSTANCES: Final = len(POSITIONS) ** 2
IMAGE_COUNT: Final = DOMAIN_COUNT * INSTANCES
TRAINING_INSTANCES: Final = 800
SPLIT_SEED: Final = 0
"""Of every domain's split into training and testing rows, wherever none is named: zoos, providers
and evaluation must agree on it."""
TARGET_NAMES: Final = ("posX", "posY")
SPLIT_NAME: Final = "synlearn/dsprites/split/v1"
"""Names the rule behind `split`; a card that names it and the seed names the instances."""


@dataclass(frozen=True, order=True, slots=True)
class Domain:
    """All images of one shape, scale and orientation.

    index: 0..719; images of domain `i` are rows `1024 i` to `1024 i + 1023` of the data set.

    >>> Domain.of(Shape.HEART, scale=3, orientation=12)
    Domain(index=612)
    >>> Domain(612).name
    'heart-s3-o12'
    """

    index: int

    def __post_init__(self) -> None:
        """Refuse an index that no domain has."""
        if not 0 <= self.index < DOMAIN_COUNT:
            raise InputError(
                f"There is no dSprites domain {self.index}; use 0 to {DOMAIN_COUNT - 1}."
            )

    @classmethod
    def of(cls, shape: Shape, scale: int, orientation: int) -> "Domain":
        """Return the domain of class indices: scale 0..5, orientation 0..39."""
        if not (0 <= scale < len(SCALES) and 0 <= orientation < len(ORIENTATIONS)):
            raise InputError(
                f"There is no dSprites domain with scale {scale} and orientation {orientation}; "
                f"use scales 0 to 5 and orientations 0 to 39."
            )
        return cls((shape * len(SCALES) + scale) * len(ORIENTATIONS) + orientation)

    @property
    def shape(self) -> Shape:
        """The shape."""
        return Shape(self.index // (len(SCALES) * len(ORIENTATIONS)))

    @property
    def scale(self) -> int:
        """Class index of the scale; `SCALES[scale]` is its value."""
        return self.index // len(ORIENTATIONS) % len(SCALES)

    @property
    def orientation(self) -> int:
        """Class index of the orientation; `ORIENTATIONS[orientation]` is its value in radians."""
        return self.index % len(ORIENTATIONS)

    @property
    def name(self) -> str:
        """A readable name such as `heart-s3-o12`."""
        return f"{self.shape.name.lower()}-s{self.scale}-o{self.orientation:02d}"


DOMAINS: Final = tuple(Domain(index) for index in range(DOMAIN_COUNT))


class Split(NamedTuple):
    """A domain's instances (row numbers 0..1023, rising): (800,) and (224,) int64."""

    training: NDArray[np.int64]
    testing: NDArray[np.int64]


def split(domain: Domain, seed: int) -> Split:
    """Split a domain's 1024 instances into 800 for training and 224 for testing.

    A public manifest as a function: the training instances are the first 800 of the stable order
    named `synlearn/dsprites/split/v1/seed=<seed>/domain=<index>` (see `stable_draw`), a prefix of
    which is `SPLIT_NAME`.
    """
    order = stable_order(f"{SPLIT_NAME}/seed={seed}/domain={domain.index}", INSTANCES)
    return Split(np.sort(order[:TRAINING_INSTANCES]), np.sort(order[TRAINING_INSTANCES:]))


def draw_domains(count: int, seed: int) -> tuple[Domain, ...]:
    """Draw `count` of the 720 domains, in the order of their index.

    The first `count` of the stable order `synlearn/dsprites/domains/v1/seed=<seed>`, so a larger
    draw with the same seed contains the smaller one. Raises InputError for an impossible count.
    """
    if not 1 <= count <= DOMAIN_COUNT:
        raise InputError(f"Cannot draw {count} dSprites domains; ask for 1 to {DOMAIN_COUNT}.")
    order = stable_order(f"synlearn/dsprites/domains/v1/seed={seed}", DOMAIN_COUNT)
    return tuple(Domain(int(index)) for index in np.sort(order[:count]))


def domain_targets() -> NDArray[np.float64]:
    """Return (posX, posY) of the instances of any domain: (1024, 2) float64 in [0, 1]."""
    x, y = np.meshgrid(POSITIONS, POSITIONS, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1)


def domain_images_packed(domain: Domain) -> NDArray[np.uint8]:
    """Render a domain, bit-packed: (1024, 512) uint8, in the data set's order."""
    targets = domain_targets()
    return render_packed(
        domain.shape,
        SCALES[domain.scale],
        ORIENTATIONS[domain.orientation],
        targets[:, 0],
        targets[:, 1],
    )


def domain_images(domain: Domain) -> NDArray[np.uint8]:
    """Render a domain: (1024, 64, 64) uint8, 0 or 1, in the data set's order."""
    return unpack_images(domain_images_packed(domain)).reshape(INSTANCES, SIDE, SIDE)


def latents_classes(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class indices of images by their row number in the data set.

    rows: (n,) in [0, 737280). Returns (n, 6): color, shape, scale, orientation, posX, posY.
    """
    sizes = (1, len(Shape), len(SCALES), len(ORIENTATIONS), len(POSITIONS), len(POSITIONS))
    return np.stack(np.unravel_index(rows, sizes), axis=1).astype(np.int64)


def latents_values(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the latents of images by their row number: (n, 6) float64, columns as the classes."""
    classes = latents_classes(rows)
    grids = ((1.0,), (1.0, 2.0, 3.0), SCALES, ORIENTATIONS, POSITIONS, POSITIONS)
    return np.stack(
        [np.array(grid)[column] for grid, column in zip(grids, classes.T, strict=True)], axis=1
    )

"""What each expert of the mixed zoo is trained on, and how: drawn at random, fixed for ever.

Experts differ in everything that makes real ones differ: the set and the classes, how many of them,
images of each, length of training, width of the network, augmentation. Learning experts and test
experts are drawn alike and independently; none is both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool import MixedPool
from synlearn.datasets.stable_draw import stable_order, stable_uniform
from synlearn.errors import InputError
from synlearn.zoo.architectures import Hyperparameters
from synlearn.zoo.card import ModelId

_NAMESPACE: Final = "synlearn/mixed/experts/v1"


class Role(StrEnum):
    """What an expert is for."""

    LEARNING = "learning"  # the metric is learned from it
    TEST = "test"  # ranked in the test, never seen before


class Augmentation(StrEnum):
    """How training images are varied."""

    NONE = "none"
    SHIFT = "shift"
    SHIFT_FLIP = "shift-flip"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One expert.

    Attributes:
        model: Its id.
        role: What it is for.
        classes: Its classes, positions in the pool's list of classes.
        images_per_class: At most.
        steps: Of training, 32 images each.
        network: Hyperparameters of `picture-cnn`, without `classes`.
        augmentation: See `Augmentation`.
    """

    model: ModelId
    role: Role
    classes: tuple[int, ...]
    images_per_class: int
    steps: int
    network: str
    augmentation: Augmentation


Item = TypeVar("Item")

NETWORKS: Final[Mapping[str, Hyperparameters]] = MappingProxyType(
    {
        "tiny": {"widths": (8, 12, 16), "kernel": 3, "hidden": 24},
        "narrow": {"widths": (8, 16, 32), "kernel": 3, "hidden": 32},
        "coarse": {"widths": (12, 24, 48), "kernel": 5, "hidden": 48},
        "wide": {"widths": (16, 32, 64), "kernel": 3, "hidden": 64},
        "many": {"widths": (16, 32, 64), "kernel": 3, "hidden": 128},
    }
)


@dataclass(frozen=True, slots=True)
class RecipeRanges:
    """What recipes are drawn from, each value alike.

    Attributes:
        networks: Names in `NETWORKS`.
        steps: Lengths of training.
        images_per_class: At most so many images of a class.
    """

    networks: tuple[str, ...]
    steps: tuple[int, ...]
    images_per_class: tuple[int, ...]


FULL: Final = RecipeRanges(
    ("narrow", "coarse", "wide", "many"), (100, 300, 1000, 3000), (8, 20, 60, 250)
)
MINI: Final = RecipeRanges(("tiny",), (60, 200, 600), (4, 8, 16, 28))
"""Experts of 40 KB each, for the demo."""

MOST_CLASSES: Final = 20
FEWEST_CLASSES: Final = 4
SECOND_SET: Final = 0.2
"""How often an expert is trained on classes of two sets."""
_WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "cifar100": 0.34,
        "omniglot": 0.17,
        "caltech101": 0.12,
        "cifar10": 0.12,
        "mnist": 0.08,
        "fashion_mnist": 0.09,
        "sign_digits": 0.08,
    }
)
_PHOTOGRAPHS: Final = ("cifar100", "caltech101", "cifar10")


def draw_recipes(
    pool: MixedPool,
    count: int,
    role: Role,
    ranges: RecipeRanges = FULL,
    *,
    first: int = 0,
    seed: int = 0,
) -> tuple[Recipe, ...]:
    """Draw this many experts of the sets that the pool has images of experts for.

    Experts are numbered from `first`, and each depends on its number alone: the first of a longer
    list are those of a shorter one.

    Raises:
        InputError: There is no such set.
    """
    trained = pool.labels_of(Part.EXPERT)
    names = {pool.classes[label].domain for label in trained}
    weights = {name: weight for name, weight in _WEIGHTS.items() if name in names}
    if not weights:
        raise InputError("The pool has no images for experts; make another split.")
    sets = {
        name: [label for label in trained if pool.classes[label].domain == name] for name in weights
    }
    drawing = _Drawing(pool, sets, ranges, role, seed)
    return tuple(drawing.recipe(number) for number in range(first, first + count))


def training_rows(pool: MixedPool, recipe: Recipe, seed: int = 0) -> NDArray[np.int64]:
    """Return the rows of the pool that an expert is trained on, class after class."""
    chosen = []
    for label in recipe.classes:
        rows = pool.rows(Part.EXPERT, label)
        order = stable_order(f"{_NAMESPACE}/rows/seed={seed}/{recipe.model}/{label}", len(rows))
        chosen.append(rows[order[: recipe.images_per_class]])
    return np.concatenate(chosen)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Where experts are drawn from: the sets' expert classes, and the ranges of everything else."""

    pool: MixedPool
    trained: Mapping[str, list[int]]
    ranges: RecipeRanges
    role: Role
    seed: int

    def recipe(self, number: int) -> Recipe:
        where = f"{_NAMESPACE}/seed={self.seed}/{self.role}/{number}"
        draws = stable_uniform(where, 8).tolist()
        weights = {name: _WEIGHTS[name] for name in self.trained}
        sets = [_picked(weights, draws[0])]
        others = {name: weight for name, weight in weights.items() if name != sets[0]}
        if others and draws[1] < SECOND_SET:
            sets.append(_picked(others, draws[2]))
        wanted = FEWEST_CLASSES + int(draws[3] * (MOST_CLASSES - FEWEST_CLASSES + 1))
        each = max(2, wanted // len(sets))
        classes = [
            label
            for name in sets
            for label in _classes(self.pool, self.trained[name], each, f"{where}/{name}")
        ]
        augmentations = [Augmentation.NONE, Augmentation.SHIFT]
        if all(name in _PHOTOGRAPHS for name in sets):
            augmentations.append(Augmentation.SHIFT_FLIP)
        return Recipe(
            ModelId(f"mixed-{self.role}-{number:03d}-{'-and-'.join(sets)}"),
            self.role,
            tuple(sorted(classes)),
            _choice(self.ranges.images_per_class, draws[4]),
            _choice(self.ranges.steps, draws[5]),
            _choice(self.ranges.networks, draws[6]),
            _choice(augmentations, draws[7]),
        )


def _classes(pool: MixedPool, trained: Sequence[int], count: int, where: str) -> list[int]:
    """Draw some of one set's classes, whole superclasses or alphabets as far as they go."""
    groups: dict[str, list[int]] = {}
    for label in trained:
        groups.setdefault(pool.classes[label].group, []).append(label)
    names = sorted(groups)
    members = [
        groups[names[group]][place]
        for group in stable_order(f"{where}/groups", len(names))
        for place in stable_order(f"{where}/{names[group]}", len(groups[names[group]]))
    ]
    return members[:count]


def _picked(weights: Mapping[str, float], draw: float) -> str:
    """Return the name that a number in [0, 1) falls on."""
    total, left = sum(weights.values()), draw
    for name, weight in weights.items():
        left -= weight / total
        if left < 0:
            return name
    return list(weights)[-1]


def _choice(items: Sequence[Item], draw: float) -> Item:
    return items[int(draw * len(items))]

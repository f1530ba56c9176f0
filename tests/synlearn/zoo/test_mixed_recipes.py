import dataclasses
from collections import Counter

import numpy as np
import pytest

from synlearn.datasets.mixed_plan import Part
from synlearn.errors import InputError
from synlearn.zoo.mixed_recipes import (
    FEWEST_CLASSES,
    FULL,
    MOST_CLASSES,
    Augmentation,
    Role,
    draw_recipes,
    training_rows,
)
from tests import mixed

POOL = mixed.pool()
RECIPES = draw_recipes(POOL, 200, Role.LEARNING)


def test_a_longer_list_begins_with_a_shorter_one_and_roles_differ() -> None:
    assert draw_recipes(POOL, 20, Role.LEARNING) == RECIPES[:20]
    assert draw_recipes(POOL, 5, Role.LEARNING, first=20) == RECIPES[20:25]
    others = draw_recipes(POOL, 200, Role.TEST)
    assert not {own.model for own in others} & {own.model for own in RECIPES}
    same = [a.classes == b.classes for a, b in zip(RECIPES, others, strict=True)]
    assert sum(same) < 50


def test_everything_that_may_differ_does() -> None:
    assert {own.steps for own in RECIPES} == set(FULL.steps)
    assert {own.images_per_class for own in RECIPES} == set(FULL.images_per_class)
    assert {own.network for own in RECIPES} == set(FULL.networks)
    assert {own.augmentation for own in RECIPES} == set(Augmentation)
    sizes = Counter(len(own.classes) for own in RECIPES)
    assert min(sizes) >= FEWEST_CLASSES - 2
    assert max(sizes) <= MOST_CLASSES
    assert len(sizes) > 8
    two = [own for own in RECIPES if len({POOL.classes[row].domain for row in own.classes}) == 2]
    assert 20 < len(two) < 60


def test_whole_superclasses_come_first() -> None:
    narrow = [
        own for own in RECIPES if {POOL.classes[row].domain for row in own.classes} == {"cifar100"}
    ]
    assert narrow
    for own in narrow:
        groups = Counter(POOL.classes[row].group for row in own.classes)
        # Experts get two classes of a superclass here: all but the last are whole.
        assert sorted(groups.values())[1:] == [2] * (len(groups) - 1)


def test_letters_and_digits_are_never_mirrored() -> None:
    for own in RECIPES:
        if own.augmentation is Augmentation.SHIFT_FLIP:
            assert {POOL.classes[row].domain for row in own.classes} == {"cifar100"}


def test_experts_are_trained_on_images_for_experts_alone() -> None:
    for own in RECIPES[:40]:
        rows = training_rows(POOL, own)
        assert (POOL.parts[rows] == Part.EXPERT).all()
        labels, counts = np.unique(POOL.labels[rows], return_counts=True)
        assert tuple(labels.tolist()) == own.classes
        assert counts.max() <= own.images_per_class
        assert np.array_equal(rows, training_rows(POOL, own))


def test_a_pool_without_images_for_experts_is_refused() -> None:
    rows = POOL.rows(Part.PROVIDER)
    rest = dataclasses.replace(
        POOL,
        pictures=POOL.pictures[rows],
        labels=POOL.labels[rows],
        parts=POOL.parts[rows],
        images=POOL.images[rows],
    )
    with pytest.raises(InputError, match="no images for experts"):
        draw_recipes(rest, 3, Role.TEST)

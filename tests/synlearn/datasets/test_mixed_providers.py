from itertools import combinations

import numpy as np

from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_providers import provider_images, provider_rows
from tests import mixed


def test_all_images_of_providers_are_held_once() -> None:
    pool = mixed.pool()
    held = provider_rows(pool, mixed.split())
    assert np.array_equal(np.sort(np.concatenate(held)), pool.rows(Part.PROVIDER))
    for own, other in combinations(held, 2):
        assert not np.intersect1d(own, other).size


def test_a_provider_holds_images_of_its_classes_alone() -> None:
    pool, split = mixed.pool(), mixed.split()
    for holder, rows in zip(split.providers, provider_rows(pool, split), strict=True):
        own = provider_images(pool, rows)
        assert own.class_names == tuple(f"{holder.domain}/{name}" for name in holder.classes)
        assert np.bincount(own.labels).min() >= 1
        assert np.array_equal(own.images, pool.pictures[rows])
        names = np.array(own.class_names)[own.labels]
        assert [pool.classes[label].full_name for label in pool.labels[rows]] == names.tolist()

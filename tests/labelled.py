"""Small labelled images for tests: the classes differ in where they are bright."""

from collections.abc import Mapping

import numpy as np

from provider.dataset import ClassImages
from synlearn.datasets.labelled_images import LabelledImages, labelled_images


def pictures(
    counts: Mapping[str, int], seed: int = 0, *, side: int = 8, channels: int = 1
) -> LabelledImages:
    """Noise with a bright patch, at a place that the class's name alone decides; rows shuffled."""
    random = np.random.default_rng(seed)
    names = tuple(counts)
    labels = random.permutation(np.repeat(np.arange(len(names)), list(counts.values())))
    images = random.integers(0, 160, (len(labels), side, side, channels), np.uint8)
    for row, label in enumerate(labels):
        x, y = divmod(sum(names[label].encode()) % 9, 3)
        step = side // 4
        images[row, step * y : step * (y + 2), step * x : step * (x + 2)] += 90
    return labelled_images(images, labels, names, None, where="the test's images")


def provider_with(
    counts: Mapping[str, int], seed: int = 0, *, side: int = 8, channels: int = 1
) -> ClassImages:
    """A provider's dataset of such images."""
    return ClassImages(pictures(counts, seed, side=side, channels=channels))

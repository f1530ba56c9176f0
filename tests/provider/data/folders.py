"""Small data sets on disk, with old times, so that files count as settled."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from provider.data.image_folder import ImageFolder
from provider.data.labels import LabelMap
from provider.data.settings import SnapshotRules
from synlearn.datasets.examples import ImageShape

SHAPE = ImageShape(3, 6, 5)
RULES = SnapshotRules(min_rows=3)
SAME = LabelMap({name: name for name in ("ant", "bee", "cat")})


def pixels(number: int) -> np.ndarray:
    """The image of a number, (6, 5, 3) uint8; other numbers, other images."""
    return np.random.default_rng(number).integers(0, 256, (6, 5, 3), np.uint8)


def put(file: Path, number: int) -> Path:
    """Save the image of a number, as it was long ago."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(number)).save(file)
    os.utime(file, (1e9, 1e9))
    return file


def folder_of(root: Path, **classes: list[int]) -> ImageFolder:
    """Class folders of the images of numbers."""
    for name, numbers in classes.items():
        for number in numbers:
            put(root / name / f"{number:03d}.png", number)
    return ImageFolder(root, SHAPE)


def floats(numbers: list[int]) -> np.ndarray:
    """What a data set has to show of the images of numbers."""
    stacked = np.stack([pixels(number) for number in numbers])
    return (stacked.transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32)

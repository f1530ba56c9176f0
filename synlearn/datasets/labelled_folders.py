"""Examples with classes: a folder that has one folder of images for each class."""

from pathlib import Path

import numpy as np

from synlearn.datasets.examples import Examples, ImageShape
from synlearn.datasets.image_folder import SUFFIXES, load_image_folder
from synlearn.errors import InputError


def class_folders(folder: Path) -> list[Path]:
    """Return the folders with images in `folder`, sorted by name; empty if it has none itself."""
    return sorted(inner for inner in folder.iterdir() if inner.is_dir() and _has_images(inner))


def load_labelled_folders(folder: Path, shape: ImageShape) -> Examples:
    """Load the images of all class folders, converted to `shape`; labels follow folder names.

    Raises:
        InputError: There is no class folder, an image lies beside them, or one cannot be read.
    """
    inner = class_folders(folder)
    if not inner:
        raise InputError(f"{folder} has no folders of images; make one for each class.")
    if _has_images(folder):
        raise InputError(
            f"{folder} has images beside its class folders; put each image into the folder of its "
            "class."
        )
    parts = [load_image_folder(own, shape) for own in inner]
    return Examples(
        images=np.concatenate([part.images for part in parts]),
        targets=None,
        names=tuple(
            f"{own.name}/{name}"
            for own, part in zip(inner, parts, strict=True)
            for name in part.names
        ),
        labels=np.repeat(np.arange(len(parts), dtype=np.int64), [len(part) for part in parts]),
        classes=tuple(own.name for own in inner),
    )


def _has_images(folder: Path) -> bool:
    return any(file.suffix.lower() in SUFFIXES for file in folder.iterdir() if file.is_file())

"""Labelled images from `.npz` files of arrays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.labelled_images import LabelledImages, labelled_images
from synlearn.errors import InputError

_NAMES: Final = (
    "images",
    "labels",
    "class_names",
    "superclass_of_class",
    "alphabet_of_class",
    "character_of_class",
)


def load_class_arrays(*files: Path) -> LabelledImages:
    """Load `images`, `labels`, `class_names` and, where there, `superclass_of_class`.

    Several files are parts of one data set: their images follow one another, and their class names
    have to be the same. Nothing is unpickled.

    Raises:
        InputError: A file cannot be used, or they do not belong together.
    """
    parts = [_read(file) for file in files]
    first = parts[0]
    for file, part in zip(files, parts, strict=True):
        for name in ("images", "labels", "class_names"):
            if name not in part:
                raise InputError(f"{file} has no array {name!r}; save it under that name.")
        if part["class_names"].tolist() != first["class_names"].tolist():
            raise InputError(f"{file} and {files[0]} name other classes; give parts of one set.")
    groups = first.get("superclass_of_class")
    return labelled_images(
        np.concatenate([part["images"] for part in parts]),
        np.concatenate([part["labels"] for part in parts]),
        _texts(first["class_names"]),
        None if groups is None else _texts(groups),
        where=str(files[0]),
    )


def load_omniglot_array(file: Path) -> LabelledImages:
    """Load drawings as `images[character, drawer]`, with `alphabet_of_class` and its number.

    Classes are `<alphabet>/character<number>`, as in the original folders.

    Raises:
        InputError: The file cannot be used.
    """
    content = _read(file)
    for name in ("images", "alphabet_of_class", "character_of_class"):
        if name not in content:
            raise InputError(f"{file} has no array {name!r}; give Omniglot as an array.")
    images, alphabets = content["images"], _texts(content["alphabet_of_class"])
    if images.ndim != 4 or len(images) != len(alphabets):
        raise InputError(f"{file}: 'images' has shape {images.shape}; expected (c, d, h, w).")
    numbers = content["character_of_class"].tolist()
    return labelled_images(
        images.reshape(-1, *images.shape[2:]),
        np.repeat(np.arange(len(images)), images.shape[1]),
        [f"{name}/character{number:02d}" for name, number in zip(alphabets, numbers, strict=True)],
        alphabets,
        where=str(file),
    )


def _texts(array: NDArray[np.generic]) -> Sequence[str]:
    return [str(text) for text in array.tolist()]


def _read(file: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files if name in _NAMES}
    except Exception as error:  # damaged bytes make zip, zlib, tokenizer and NumPy raise anything
        raise InputError(
            f"{file} is missing, damaged, or holds something other than plain arrays; save it "
            "with numpy.savez(file, images=..., labels=..., class_names=...)."
        ) from error

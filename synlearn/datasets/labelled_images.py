"""Labelled images of one data set, as every loader of such a set returns them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Images of one size with a class each.

    Attributes:
        images: (n, height, width, channels) uint8; channels are 1 or 3.
        labels: (n,) int64, in [0, classes).
        class_names: (classes,) a name for each class, no two alike.
        groups: (classes,) what each class belongs to, such as a superclass or an alphabet; empty
            texts where the data set has none.
        origin: SHA-256, hex, of the files that the images were decoded from; empty where they were
            read as they are. Decoders and resizing differ between versions in the last bit.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    groups: tuple[str, ...]
    origin: str = ""

    def __len__(self) -> int:
        return len(self.images)

    def digest(self) -> str:
        """Return the SHA-256, hex, of shape, labels, names and pixels (or `origin` instead)."""
        names = "\0".join((*self.class_names, *self.groups))
        whole = hashlib.sha256(f"{self.images.shape}\0{names}\0".encode())
        whole.update(self.labels.astype("<i8").tobytes())
        whole.update(self.origin.encode() or np.ascontiguousarray(self.images).tobytes())
        return whole.hexdigest()


def labelled_images(
    images: NDArray[np.generic],
    labels: NDArray[np.generic],
    class_names: Sequence[str],
    groups: Sequence[str] | None,
    *,
    where: str,
    origin: str = "",
) -> LabelledImages:
    """Check and bring together what a loader has read.

    Args:
        images: (n, height, width) or (n, height, width, channels) uint8.
        labels: (n,) whole numbers, indices into `class_names`.
        class_names: (classes,) names.
        groups: (classes,) names of groups, or None where there are none.
        where: Names the source in messages.
        origin: See `LabelledImages`.

    Raises:
        InputError: There is no image, the arrays do not fit each other, a label lies outside the
            classes, or two classes have one name.
    """
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise InputError(
            f"{where}: images are {images.dtype} of shape {images.shape}; expected uint8 of shape "
            "(n, height, width) or (n, height, width, 3)."
        )
    if not len(images):
        raise InputError(f"{where} holds no image; give a data set with some.")
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{where} has labels of shape {labels.shape} ({labels.dtype}) for {len(images)} images;"
            " expected one whole number for each image."
        )
    numbers = labels.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= len(class_names):
        raise InputError(
            f"{where} has labels from {numbers.min()} to {numbers.max()}, but names of "
            f"{len(class_names)} classes; labels count from 0."
        )
    if len(set(class_names)) != len(class_names):
        raise InputError(f"{where} has two classes of one name; names tell classes apart.")
    groups = tuple(groups) if groups is not None else ("",) * len(class_names)
    if len(groups) != len(class_names):
        raise InputError(
            f"{where} has {len(groups)} groups for {len(class_names)} classes; give one for each."
        )
    return LabelledImages(images.astype(np.uint8), numbers, tuple(class_names), groups, origin)

"""What a handful of labelled examples is, once loaded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError


@dataclass(frozen=True, slots=True)
class ImageShape:
    """What images are brought to: channels (1 or 3), height and width in pixels."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Examples:
    """A handful of examples.

    Attributes:
        images: (n, channels, height, width) float32 in [0, 1].
        targets: (n, t) float32, values to predict; None where they are not given.
        names: (n,) name of each, for messages.
        labels: (n,) int64, classes from 0; None where they are not given.
        classes: name of each class, in the order of the labels; empty where they have none.
    """

    images: NDArray[np.float32]
    targets: NDArray[np.float32] | None
    names: tuple[str, ...]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()

    @property
    def named_labels(self) -> NDArray[np.str_] | NDArray[np.int64] | None:
        """(n,) name of each example's class, or its number where classes have no names."""
        if self.labels is None or not self.classes:
            return self.labels
        return np.array(self.classes)[self.labels]

    def __len__(self) -> int:
        return len(self.images)


def checked_targets(targets: NDArray[np.floating], count: int, where: str) -> NDArray[np.float32]:
    """Return targets, (n,) or (n, t), as (count, t) float32.

    Raises:
        InputError: There are more or fewer than images, or one is not finite.
    """
    if len(targets) != count:
        raise InputError(
            f"{where} has {len(targets)} targets for {count} images; give one for each image."
        )
    if targets[0].size == 0:
        raise InputError(f"{where} has targets of no values; give at least one for each image.")
    rows = targets.reshape(count, -1)
    with np.errstate(over="ignore"):
        values = rows.astype(np.float32)
    finite = np.isfinite(values).all(axis=1)  # too large for float32 counts as infinite
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(
            f"{where}: the target of row {row} is not a finite number; correct it or leave the "
            "row out."
        )
    return values


def checked_labels(labels: NDArray[np.generic], count: int, where: str) -> NDArray[np.int64]:
    """Return labels as (count,) int64.

    Raises:
        InputError: They are not whole numbers from 0, or more or fewer than images.
    """
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise InputError(
            f"{where}: 'labels' must be whole numbers of shape (n,), but are {labels.dtype} of "
            f"shape {labels.shape}; number the classes from 0."
        )
    if len(labels) != count:
        raise InputError(
            f"{where} has {len(labels)} labels for {count} images; give one for each image."
        )
    classes = labels.astype(np.int64)
    if classes.min() < 0:
        raise InputError(
            f"{where}: the label of row {int(np.argmin(classes))} is negative; number the classes "
            "from 0."
        )
    return classes

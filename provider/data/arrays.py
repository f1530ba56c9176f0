"""Labelled images as NumPy saved them: `images.npy`, `labels.npy`, perhaps `targets.npy`."""

import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from provider.data.source import (
    Content,
    Layout,
    RowError,
    SourceRow,
    Targets,
    regular_file,
    stamp_of,
    unusable,
)
from synlearn.errors import InputError

IMAGES: Final = "images.npy"
LABELS: Final = "labels.npy"
TARGETS: Final = "targets.npy"


class Arrays:
    """Memory-mapped arrays in one folder; never unpickled.

    `images.npy` is (n, height, width) or (n, height, width, 1 or 3) uint8; `labels.npy` is (n,)
    texts or whole numbers; `targets.npy`, where it is there, (n,) or (n, t) numbers.

    Args:
        folder: Where they lie.

    Raises:
        InputError: One is missing, damaged, or something else.
    """

    def __init__(self, folder: Path) -> None:
        self._images = _mapped(folder / IMAGES)
        if self._images.ndim == 3:
            self._images = self._images[..., None]
        shape = self._images.shape
        if self._images.dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3):
            raise InputError(
                f"{folder / IMAGES} is {self._images.dtype} of shape {shape}; expected uint8 of "
                "shape (n, height, width) or (n, height, width, 3)."
            )
        if 0 in shape:
            raise InputError(f"{folder / IMAGES} holds no image; save at least one.")
        self._labels = _mapped(folder / LABELS)
        if self._labels.shape != shape[:1] or self._labels.dtype.kind not in "Uiu":
            raise InputError(
                f"{folder / LABELS} is {self._labels.dtype} of shape {self._labels.shape}; "
                f"expected a text or a whole number for each of {shape[0]} images."
            )
        self._targets = _targets(folder / TARGETS, shape[0])
        count = 0 if self._targets is None else self._targets.shape[1]
        self.layout = Layout(tuple(shape[1:]), count)
        self._stamp = stamp_of(regular_file(folder / IMAGES), time.time_ns())

    def local_classes(self) -> Mapping[str, int]:
        """Rows of each label, numbers as texts."""
        names, counts = np.unique(self._labels, return_counts=True)
        found = dict(zip(map(str, names), map(int, counts), strict=True))
        found.pop("", None)
        return found

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in the order of the arrays."""
        for row in range(len(self._images)):
            label = str(self._labels[row])
            targets = None if self._targets is None else finite(self._targets[row])
            read = partial(self._read, row) if label else unusable("has no label")
            yield SourceRow(f"{IMAGES}[{row}]", label, self._stamp, read, targets)

    def _read(self, row: int) -> Content:
        return np.array(self._images[row])


def finite(values: npt.NDArray[Any]) -> Targets | None:
    """Return (t,) numbers as float32; None where one is not finite there."""
    with np.errstate(over="ignore"):
        found = np.asarray(values).astype(np.float32)
    return found if np.isfinite(found).all() else None


def _targets(file: Path, count: int) -> npt.NDArray[Any] | None:
    if not file.exists():
        return None
    targets = _mapped(file)
    if targets.dtype.kind not in "fiu" or targets.ndim not in (1, 2) or len(targets) != count:
        raise InputError(
            f"{file} is {targets.dtype} of shape {targets.shape}; expected numbers of shape "
            f"({count},) or ({count}, t)."
        )
    return targets.reshape(count, -1)


def _mapped(file: Path) -> npt.NDArray[Any]:
    try:
        regular_file(file)
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except RowError as error:
        raise InputError(f"{file} {error}; save the array under that name.") from error
    except Exception as error:  # damaged headers make NumPy's parser raise anything
        raise InputError(
            f"{file} is damaged, or holds something other than a plain array; save it with "
            "numpy.save."
        ) from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{file} is an archive of arrays; save a single one with numpy.save.")
    return array

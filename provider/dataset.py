"""What a node answers for: rows that are read by number, and nothing else.

The node decides which rows; nothing outside `provider/answers` ever holds one.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from synlearn.datasets.dsprites import Domain, domain_images_packed, domain_targets, split
from synlearn.datasets.labelled_images import LabelledImages

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


class Dataset(Protocol):
    """Rows of images, each of one class, with or without values to predict."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width of an image."""
        ...

    @property
    def targets(self) -> int:
        """Values to predict for each row."""
        ...

    @property
    def classes(self) -> Mapping[str, int]:
        """Rows of each class that there is, at least one; all rows are of one of them."""
        ...

    def rows_of(self, name: str) -> Indices:
        """Rows of a class, rising; none of a class that is not held."""
        ...

    def images(self, rows: Indices) -> Float32:
        """Images of the given rows, (n, channels, height, width), values in [0, 1]."""
        ...

    def values(self, rows: Indices) -> Float32:
        """Values to predict for the given rows, (n, targets)."""
        ...


class DspritesDomain:
    """The training rows of one dSprites domain, rendered on first use and kept packed in bits.

    They are of one class, the domain's own.

    Args:
        domain: Index in 0..719.
        split_seed: Names the split into training and testing rows.
    """

    def __init__(self, domain: int, split_seed: int) -> None:
        self._domain = Domain(domain)
        self._name = f"dsprites/{domain}"
        self._rows = split(self._domain, split_seed).training
        self._packed: UInt8 | None = None

    @property
    def rows(self) -> int:
        """How many training rows the domain has: 800."""
        return len(self._rows)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """One channel of 64 x 64."""
        return (1, 64, 64)

    @property
    def targets(self) -> int:
        """Position X and Y."""
        return 2

    @property
    def classes(self) -> Mapping[str, int]:
        """One class, named after the domain, with all rows."""
        return {self._name: self.rows}

    def rows_of(self, name: str) -> Indices:
        """All rows for the domain's own name, no row for another."""
        return np.arange(self.rows if name == self._name else 0)

    def images(self, rows: Indices) -> Float32:
        """Images of the given rows, (n, 1, 64, 64), values 0 and 1."""
        if self._packed is None:
            self._packed = domain_images_packed(self._domain)[self._rows]
        flat = np.unpackbits(self._packed[rows], axis=1)
        return flat.reshape(-1, 1, 64, 64).astype(np.float32)

    def values(self, rows: Indices) -> Float32:
        """Positions X and Y of the given rows, (n, 2), in [0, 1]."""
        return domain_targets()[self._rows[rows]].astype(np.float32)


class ClassImages:
    """Labelled images, kept as bytes; their classes are all there is to predict.

    Args:
        data: The provider's rows. A class of `class_names` without a row is not held.
    """

    targets = 0

    def __init__(self, data: LabelledImages) -> None:
        self._images = data.images
        order = np.argsort(data.labels, kind="stable")
        counts = np.bincount(data.labels, minlength=len(data.class_names))
        parts = np.split(order, np.cumsum(counts)[:-1])
        self._rows_of = {
            name: rows for name, rows in zip(data.class_names, parts, strict=True) if len(rows)
        }

    @property
    def rows(self) -> int:
        """How many images there are."""
        return len(self._images)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width of an image."""
        height, width, channels = self._images.shape[1:]
        return (channels, height, width)

    @property
    def classes(self) -> Mapping[str, int]:
        """Rows of each class, in the order of the class names."""
        return {name: len(rows) for name, rows in self._rows_of.items()}

    def rows_of(self, name: str) -> Indices:
        """Rows of a class, rising; none of a class that is not held."""
        return self._rows_of.get(name, np.empty(0, np.int64))

    def images(self, rows: Indices) -> Float32:
        """Images of the given rows, (n, channels, height, width), values in [0, 1]."""
        return self._images[rows].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)

    def values(self, rows: Indices) -> Float32:
        """No values: (n, 0)."""
        return np.empty((len(rows), 0), np.float32)

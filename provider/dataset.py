"""What a node answers for: rows that are read by number, and nothing else.

The node decides which rows; nothing outside `provider/answers` ever holds one.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from synlearn.datasets.dsprites import Domain, domain_images_packed, domain_targets, split

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


class Dataset(Protocol):
    """Rows of images with values to predict."""

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

    def images(self, rows: Indices) -> Float32:
        """Images of the given rows, (n, channels, height, width), values in [0, 1]."""
        ...

    def values(self, rows: Indices) -> Float32:
        """Values to predict for the given rows, (n, targets)."""
        ...


class DspritesDomain:
    """The training rows of one dSprites domain, rendered on first use and kept packed in bits.

    Args:
        domain: Index in 0..719.
        split_seed: Names the split into training and testing rows.
    """

    def __init__(self, domain: int, split_seed: int) -> None:
        self._domain = Domain(domain)
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

    def images(self, rows: Indices) -> Float32:
        """Images of the given rows, (n, 1, 64, 64), values 0 and 1."""
        if self._packed is None:
            self._packed = domain_images_packed(self._domain)[self._rows]
        flat = np.unpackbits(self._packed[rows], axis=1)
        return flat.reshape(-1, 1, 64, 64).astype(np.float32)

    def values(self, rows: Indices) -> Float32:
        """Positions X and Y of the given rows, (n, 2), in [0, 1]."""
        return domain_targets()[self._rows[rows]].astype(np.float32)

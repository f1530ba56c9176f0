"""The images that models are shown: rows of the provider, and moved copies of some."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from provider.dataset import Dataset, Float32, Indices
from synlearn.fusion.moved import COPIES, has_copies, moved

_IMAGES = 256
"""Most images in memory at a time."""


@dataclass(frozen=True, slots=True)
class EvidenceImages:
    """All rows, then the copies of the rows that small target datasets are of, copy by copy.

    Attributes:
        dataset: The provider's rows.
        rows: (u,) all that are needed.
        copied: (f,) positions in `rows`, rising, of those with copies.
    """

    dataset: Dataset
    rows: Indices
    copied: Indices

    @classmethod
    def of(cls, dataset: Dataset, rows: Indices, small: Sequence[Indices]) -> "EvidenceImages":
        """Take the positions in `rows` of all target datasets that are small."""
        wanted = [own.ravel() for own in small] or [np.empty(0, np.int64)]
        return cls(dataset, rows, np.unique(np.concatenate(wanted)))

    def __len__(self) -> int:
        return len(self.rows) + COPIES * len(self.copied)

    def with_copies(self, draw: Indices) -> Indices:
        """Which images a target dataset's models are compared on: its rows, copies if small.

        Args:
            draw: (ways, k) positions in `rows`.
        """
        own = draw.ravel()
        if not has_copies(len(own)):
            return own
        places = len(self.rows) + np.searchsorted(self.copied, own)
        return np.concatenate([own, *(places + copy * len(self.copied) for copy in range(COPIES))])

    def images(self) -> Iterator[Float32]:
        """Read all, a few hundred at a time."""
        for part in _parts(self.rows):
            yield self.dataset.images(part)
        for copy in range(COPIES):
            for part in _parts(self.rows[self.copied]):
                yield moved(self.dataset.images(part), copy)


def _parts(rows: Indices) -> Iterator[Indices]:
    for first in range(0, len(rows), _IMAGES):
        yield rows[first : first + _IMAGES]

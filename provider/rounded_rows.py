"""Fewer rows than there are, so that their numbers say less."""

import hashlib
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from provider.dataset import Dataset, Float32, Indices
from provider.feature_store import Digested


class DigestedDataset(Dataset, Digested, Protocol):
    """A dataset that can name its content."""


class RoundedRows:
    """The rows of a dataset, those of each class rounded down to a multiple.

    The surplus is used for nothing at all, rather than counted wrongly: so what is told about
    numbers of rows is true of all answers, and masked sums are over as many rows as they say.
    A class with fewer rows than the multiple is not there.

    Args:
        dataset: All rows. Those that came first in each class stay.
        multiple: 1 keeps all.
    """

    def __init__(self, dataset: DigestedDataset, multiple: int) -> None:
        self._dataset = dataset
        name = f"{dataset.digest}|rounded down to {multiple}"
        self._digest = hashlib.sha256(name.encode()).hexdigest()
        self._classes = {
            name: rows // multiple * multiple
            for name, rows in dataset.classes.items()
            if rows >= multiple
        }
        parts = [dataset.rows_of(name)[:rows] for name, rows in self._classes.items()]
        self._rows = np.sort(np.concatenate([np.empty(0, np.int64), *parts]))

    @property
    def rows(self) -> int:
        """How many rows are left."""
        return len(self._rows)

    @property
    def digest(self) -> str:
        """Of what is left."""
        return self._digest

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width of an image."""
        return self._dataset.input_shape

    @property
    def targets(self) -> int:
        """Values to predict for each row."""
        return self._dataset.targets

    @property
    def classes(self) -> Mapping[str, int]:
        """Rows of each class, multiples all of them."""
        return self._classes

    def rows_of(self, name: str) -> Indices:
        """Rows of a class, rising, numbered among those that are left."""
        kept = self._dataset.rows_of(name)[: self._classes.get(name, 0)]
        return np.searchsorted(self._rows, kept)

    def images(self, rows: Indices) -> Float32:
        """Images of the given rows."""
        return self._dataset.images(self._rows[rows])

    def values(self, rows: Indices) -> Float32:
        """Values to predict for the given rows."""
        return self._dataset.values(self._rows[rows])

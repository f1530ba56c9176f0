"""Finds a row's content by its digest, in whichever files hold some."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from provider.data.array_files import RowWriter, mapped, pieces
from provider.data.source import Layout


class Contents:
    """Files of rows, and what each row of them is.

    Args:
        layout: Of the rows.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._files: list[Path] = []
        self._places: dict[bytes, tuple[int, int]] = {}

    def add(self, file: Path, digests: Sequence[bytes]) -> None:
        """Add a file whose rows have these digests."""
        number = len(self._files)
        self._files.append(file)
        for row, digest in enumerate(digests):
            self._places.setdefault(digest, (number, row))

    def copy(self, digests: Sequence[bytes], writer: RowWriter) -> None:
        """Append the rows of these digests, in this order.

        Files are mapped anew for each piece, so that no more than a piece stays in memory.
        """
        for piece in pieces(len(digests), self._layout.row_bytes):
            places = np.array([self._places[digest] for digest in digests[piece]])
            rows = np.empty((len(places), *self._layout.shape), self._layout.dtype)
            for number in np.unique(places[:, 0]):
                own = places[:, 0] == number
                rows[own] = mapped(self._files[number])[places[own, 1]]
            writer.append(rows)

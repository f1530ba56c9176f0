"""Rows of a table: paths of images, or numbers."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from provider.data.arrays import finite
from provider.data.image_folder import read_image
from provider.data.paths import Inside
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
from provider.data.table_files import Cell, Record, Table, open_table
from synlearn.datasets.examples import ImageShape
from synlearn.errors import InputError

ONE_CLASS: Final = "all"
"""The local class of every row where no column holds labels."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns mean what.

    Attributes:
        label: Texts or whole numbers; empty where all rows are of the one class `ONE_CLASS`.
        targets: Numbers to predict.
    """

    label: str = ""
    targets: tuple[str, ...] = ()

    @property
    def common(self) -> tuple[str, ...]:
        """Those read for every row, the label first."""
        return (*([self.label] if self.label else []), *self.targets)


class _Rows:
    """What tables of images and tables of numbers share."""

    def __init__(self, path: Path, columns: Columns, own: Sequence[str]) -> None:
        self._columns = columns
        self._own = len(own)
        self._all = (*own, *columns.common)
        self._table: Table = open_table(path, self._all)

    def local_classes(self) -> Mapping[str, int]:
        """Rows of each label; raises InputError when the table cannot be read."""
        found: dict[str, int] = {}
        for record in self._table.records([self._columns.label] if self._columns.label else []):
            label = _label(record.cells[0]) if self._columns.label and record.cells else ""
            if not self._columns.label:
                label = ONE_CLASS
            if label:
                found[label] = found.get(label, 0) + 1
        return found

    def _records(self) -> Iterator[tuple[SourceRow, tuple[Cell, ...]]]:
        """Each row as far as both kinds read it, and its own cells."""
        for record in self._table.records(self._all):
            origin = f"{self._table.path.name}, {record.place}"
            if record.cells is None:
                reason = "has more or fewer cells than the header"
                yield SourceRow(origin, "", "", unusable(reason)), ()
                continue
            yield self._row(origin, record), record.cells[: self._own]

    def _row(self, origin: str, record: Record) -> SourceRow:
        cells = (record.cells or ())[self._own :]
        label = _label(cells[0]) if self._columns.label else ONE_CLASS
        targets = numbers(cells[1 if self._columns.label else 0 :])
        return SourceRow(origin, label, "", unusable("has no label"), targets)


class ImageTable(_Rows):
    """A table with a column of paths of images.

    Args:
        path: The table.
        image: The column of paths.
        columns: Of labels and targets.
        root: What paths are relative to, and stay in; None for the table's own folder.
        shape: What images are brought to.

    Raises:
        InputError: The table cannot be used.
    """

    def __init__(
        self, path: Path, image: str, columns: Columns, shape: ImageShape, root: Path | None = None
    ) -> None:
        super().__init__(path, columns, (image,))
        self._inside = Inside(root or path.parent)
        self._shape = shape
        targets = len(columns.targets)
        self.layout = Layout((shape.height, shape.width, shape.channels), targets)

    def rows(self) -> Iterator[SourceRow]:
        """All rows; raises InputError when a path leads outside of the root."""
        for row, cells in self._records():
            if not row.label or not cells:
                yield row
                continue
            try:
                if not isinstance(cells[0], str) or not cells[0]:
                    raise RowError("has no path of an image")
                file = self._inside.file(cells[0], row.origin)
                stamp = stamp_of(regular_file(file), time.time_ns())
            except RowError as error:
                yield SourceRow(row.origin, row.label, "", unusable(str(error)))
                continue
            # The stamp is the file's alone, so the path has to stand in it.
            yield SourceRow(
                row.origin,
                row.label,
                stamp and f"{cells[0]}:{stamp}",
                partial(read_image, file, self._shape),
                row.targets,
            )


class FeatureTable(_Rows):
    """A table of numbers: a row's input has the shape (features, 1, 1).

    Args:
        path: The table.
        features: The columns of numbers, in the order of the input.
        columns: Of labels and targets.

    Raises:
        InputError: The table cannot be used.
    """

    def __init__(self, path: Path, features: Sequence[str], columns: Columns) -> None:
        if not features:
            raise InputError(f"{path}: no column of features is named; name at least one.")
        super().__init__(path, columns, features)
        self.layout = Layout((len(features),), len(columns.targets))

    def rows(self) -> Iterator[SourceRow]:
        """All rows; raises InputError when the table cannot be read."""
        for row, cells in self._records():
            if not row.label or not cells:
                yield row
                continue
            yield SourceRow(row.origin, row.label, "", partial(_features, cells), row.targets)


def numbers(cells: Sequence[Cell]) -> Targets | None:
    """Return cells as (n,) float32; None where one is no finite number."""
    try:
        return finite(np.array([float("nan" if cell is None else cell) for cell in cells]))
    except (ValueError, TypeError, OverflowError):
        return None


def _features(cells: Sequence[Cell]) -> Content:
    found = numbers(cells)
    if found is None:
        raise RowError("has a feature that is no finite number")
    return found


def _label(cell: Cell) -> str:
    return "" if cell is None else str(cell)

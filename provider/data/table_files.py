"""Tables on disk, read a few rows at a time: CSV, and Parquet where pyarrow is installed."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from synlearn.errors import InputError

Cell = str | int | float | bool | None
_ROWS = 1024
"""Rows of a Parquet table in memory at a time."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a table.

    Attributes:
        place: Such as "line 7", for messages.
        cells: Of the columns asked for; None where the row is too short or too long.
    """

    place: str
    cells: tuple[Cell, ...] | None


class Table(Protocol):
    """A table, its file and the names of its columns."""

    path: Path
    header: list[str]

    def records(self, columns: Sequence[str]) -> Iterator[Record]:
        """All rows, in the file's order; raises InputError when it cannot be read."""
        ...


def open_table(path: Path, columns: Sequence[str]) -> Table:
    """Open a `.csv` or `.parquet` file.

    Raises:
        InputError: It is neither, cannot be read, has not these columns, or one of them twice.
    """
    kinds: dict[str, Callable[[Path], Table]] = {".csv": _Csv, ".parquet": _Parquet}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path} is no table that can be read; give a .csv or a .parquet file.")
    if not path.is_file():
        raise InputError(f"{path} is not there or no ordinary file; check the path.")
    table = kind(path)
    for column in columns:
        found = table.header.count(column)
        if found != 1:
            raise InputError(
                f"{path} has {found or 'no'} columns named '{column}', but must have one; its "
                f"columns are {', '.join(table.header[:20])}."
            )
    return table


class _Csv:
    """Comma-separated, UTF-8, a header line first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: list[str] = next(self._lines(), (0, []))[1]

    def records(self, columns: Sequence[str]) -> Iterator[Record]:
        lines = self._lines()
        next(lines)
        places = [self.header.index(column) for column in columns]
        for number, line in lines:
            whole = len(line) == len(self.header)
            cells = tuple(line[place] for place in places) if whole else None
            yield Record(f"line {number}", cells)

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets mark it
                reader = csv.reader(file)
                for line in reader:
                    if line:
                        yield reader.line_num, line
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(
                f"{self.path} cannot be read as a table; save it as CSV in UTF-8, with commas."
            ) from error


class _Parquet:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._parquet = _pyarrow()
        self.header: list[str] = self._guarded(lambda: list(self._open().schema_arrow.names))

    def records(self, columns: Sequence[str]) -> Iterator[Record]:
        file = self._guarded(self._open)
        batches = file.iter_batches(batch_size=_ROWS, columns=list(dict.fromkeys(columns)))
        number = 0
        while (batch := self._guarded(lambda: next(batches, None))) is not None:
            read = [self._guarded(batch.column(column).to_pylist) for column in columns]
            for cells in zip(*read, strict=True):
                yield Record(f"row {number}", cells)
                number += 1

    def _open(self) -> Any:  # noqa: ANN401  # pyarrow has no types
        return self._parquet.ParquetFile(self.path)

    def _guarded(self, action: Any) -> Any:  # noqa: ANN401
        try:
            return action()
        except Exception as error:  # damaged files make pyarrow raise many things
            raise InputError(
                f"{self.path} is damaged or no Parquet table; write it again."
            ) from error


def _pyarrow() -> Any:  # noqa: ANN401
    try:
        return import_module("pyarrow.parquet")
    except ImportError as error:
        raise InputError(
            "Parquet tables need pyarrow, which is not installed; pip install 'synlearn[parquet]', "
            "or save the table as CSV."
        ) from error

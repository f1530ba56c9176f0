"""Arrays of rows on disk: written one by one, read without mapping more than a piece."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from provider.data.private_files import create
from provider.data.source import Layout

Array = npt.NDArray[Any]
BLOCK_BYTES = 2**24
"""Bytes of rows that are copied at a time."""


class RowWriter:
    """Writes a `.npy` file of which nobody knows yet how many rows it will have.

    Args:
        path: The file, new.
        shape: Of one row.
        dtype: Of its numbers.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path = path
        self.rows = 0
        self._shape, self._dtype = shape, dtype
        self._file = create(path)
        self._write_header()

    def append(self, rows: Array) -> None:
        """Append (n, *shape) rows."""
        if rows.shape[1:] != self._shape or rows.dtype != self._dtype:
            raise ValueError(f"rows are {rows.dtype} of shape {rows.shape[1:]}")
        self._file.write(np.ascontiguousarray(rows).data)
        self.rows += len(rows)

    def close(self) -> None:
        """Write down how many rows there are, and close the file."""
        if not self._file.closed:
            self._file.seek(0)
            self._write_header()  # as long as before: NumPy leaves room for any number
            self._file.close()

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._file.close()

    def _write_header(self) -> None:
        described = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self.rows, *self._shape),
        }
        np.lib.format.write_array_header_1_0(self._file, described)


def content_writer(path: Path, layout: Layout) -> RowWriter:
    """Return a writer of rows of this layout, without their targets."""
    return RowWriter(path, layout.shape, layout.dtype)


def mapped(path: Path) -> Array:
    """Map an array that this package wrote; raises OSError or ValueError where it is none."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path} is no array")
    return array


def pieces(count: int, row_bytes: int) -> Iterator[slice]:
    """Divide rows into runs of about `BLOCK_BYTES`."""
    size = max(1, BLOCK_BYTES // max(1, row_bytes))
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))

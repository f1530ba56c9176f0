"""What every kind of data on disk offers: rows that are listed first, and read one by one."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Content = npt.NDArray[Any]
"""One row: (height, width, channels) uint8, or (features,) float32."""
Targets = npt.NDArray[np.float32]


class RowError(Exception):
    """One row cannot be used; the text says why, and fits behind "<origin> ..."."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What every row of a source is.

    Attributes:
        shape: (height, width, channels) of images, (features,) of a table's numbers.
        targets: Values to predict for each row.
    """

    shape: tuple[int, ...]
    targets: int = 0

    @property
    def images(self) -> bool:
        """Whether rows are images."""
        return len(self.shape) == 3

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 for images, little-endian float32 for numbers of a table."""
        return np.dtype("u1" if self.images else "<f4")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width; (features, 1, 1) for numbers of a table."""
        if self.images:
            height, width, channels = self.shape
            return (channels, height, width)
        return (self.shape[0], 1, 1)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row, without targets."""
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row, not read yet.

    Attributes:
        origin: Where it lies, as the owner would say; no two rows of a source share one.
        label: Its class, as the owner calls it; empty where the row has none.
        stamp: While origin and stamp stay, the content does; empty where nothing tells.
        read: Reads the content; raises RowError.
        targets: (t,) float32; None where they are not numbers, or there are none.
    """

    origin: str
    label: str
    stamp: str
    read: Callable[[], Content]
    targets: Targets | None = None


def unusable(reason: str) -> Callable[[], Content]:
    """Return a `read` of a row that cannot be used, whatever lies there."""

    def fail() -> Content:
        raise RowError(reason)

    return fail


class Source(Protocol):
    """Data on disk. Listing it twice without a change in between gives the same rows."""

    @property
    def layout(self) -> Layout:
        """What every row is."""
        ...

    def local_classes(self) -> Mapping[str, int]:
        """Rows of each class, by the owner's names; rows without a class do not count.

        Raises:
            InputError: The data cannot be listed.
        """
        ...

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in an order that stays while the data does.

        Raises:
            InputError: The data cannot be listed.
        """
        ...


def stamp_of(found: os.stat_result, now: int) -> str:
    """Return what changes with a file: size, times of content and of inode, inode.

    A file that changed within the last two seconds has an empty one: it may change again without
    its time moving on.

    Args:
        found: The file's state.
        now: Nanoseconds since 1970.
    """
    if found.st_mtime_ns > now - 2_000_000_000:
        return ""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def regular_file(path: Path) -> os.stat_result:
    """Return the state of a file.

    Raises:
        RowError: There is none, or it is something that reading might never end of, such as a pipe.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise RowError(f"cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(found.st_mode):
        raise RowError("is no ordinary file")
    return found

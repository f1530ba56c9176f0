"""What models made of all rows of some classes, kept on the node's own disk.

One file for each model: a table of float32, named after the digests of model and data, whole or
not there at all. A second question over the same model and data then reads no image. Whoever reads
these files learns about the rows, so they are as private as the data: for their owner alone.
"""

import hashlib
import logging
import os
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from synlearn.errors import InputError

log = logging.getLogger(__name__)
Float32 = npt.NDArray[np.float32]

_MAGIC: Final = b"SYNFEAT1"
_HEADER: Final = struct.Struct("<8sQQ32s8x")
"""Magic, rows, width, SHA-256 of the key and of all that follows."""
_SUFFIX, _PARTIAL = ".features", ".partial"
_SLICE: Final = 2**22
"""Bytes hashed at a time."""


@runtime_checkable
class Digested(Protocol):
    """A dataset that can name its content."""

    @property
    def digest(self) -> str:
        """SHA-256, hex, of all rows, their classes and values: other rows, another digest."""
        ...


@dataclass(frozen=True, slots=True)
class Key:
    """Which table.

    Attributes:
        kind: What the model computed.
        model: Digest of its file.
        data: Digest of the dataset.
        classes: Of whose rows.
    """

    kind: Literal["outputs", "features"]
    model: str
    data: str
    classes: frozenset[str]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the key."""
        parts = (self.kind, self.model, self.data, *sorted(self.classes))
        whole = hashlib.sha256()
        for part in parts:
            data = part.encode()
            whole.update(len(data).to_bytes(8, "little") + data)
        return whole.digest()


class FeatureWriter:
    """Writes one table, some rows after the other."""

    def __init__(self, path: Path, key: Key, rows: int, width: int) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._sum = hashlib.sha256(key.digest)
        self._left, self._shape = rows, (rows, width)
        os.write(self._descriptor, bytes(_HEADER.size))

    def add(self, rows: Float32) -> None:
        """Append rows, (n, width)."""
        data = np.ascontiguousarray(rows, np.dtype("<f4")).reshape(-1).view(np.uint8).data
        self._sum.update(data)
        self._left -= len(rows)
        while data:
            data = data[os.write(self._descriptor, data) :]

    def finish(self) -> None:
        """Write the header, without which a table is none."""
        assert not self._left, "a table is finished with all its rows"  # noqa: S101
        header = _HEADER.pack(_MAGIC, *self._shape, self._sum.digest())
        os.pwrite(self._descriptor, header, 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class FeatureStore:
    """Tables in a folder, those unused for longest removed for new ones.

    One process uses a folder at a time.

    Args:
        folder: Made where it is missing, for its owner alone.
        max_bytes: Of all tables together.
        most: Tables at a time.
        warn: Told, once for each, of a table that cannot be read.

    Raises:
        InputError: The folder cannot be made or read.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        warn: Callable[[str], None] = log.warning,
        *,
        most: int = 2**16,
    ) -> None:
        self._folder = folder
        self._max = max_bytes
        self._most = most
        self._warn = warn
        self._sizes: OrderedDict[str, int] = OrderedDict()  # the least recently used one first
        self._checked: set[str] = set()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take_stock()
        except OSError as error:
            raise InputError(
                f"The folder of kept features {folder} cannot be used ({error.strerror}); "
                "correct its permissions, or choose another."
            ) from error

    @property
    def used(self) -> int:
        """Bytes of all tables."""
        return sum(self._sizes.values())

    def open(self, key: Key, rows: int, width: int) -> Float32 | None:
        """Return a table, mapped into memory and read-only; None where there is none.

        A table that is damaged is removed.

        Args:
            key: Which one.
            rows: That it has to have.
            width: Of each row.
        """
        name = _name(key)
        if name not in self._sizes:
            return None
        path = self._folder / name
        try:
            if name not in self._checked:
                _check(path, key, rows, width)
            table = np.memmap(os.fspath(path), np.dtype("<f4"), "r", _HEADER.size, (rows, width))
            os.utime(path)
        except (OSError, ValueError) as error:
            self._warn(f"kept features of model {key.model[:12]} are made again: {error}")
            self._remove(name)
            return None
        self._checked.add(name)
        self._sizes.move_to_end(name)
        return table

    @contextmanager
    def writers(
        self, keys: Sequence[Key], rows: int, widths: Sequence[int]
    ) -> Iterator[list[FeatureWriter]]:
        """Write tables of so many rows; they are there once all of them are whole.

        Raises:
            OSError: There is no room, here or on the disk.
        """
        names = [_name(key) for key in keys]
        sizes = [_HEADER.size + 4 * rows * width for width in widths]
        self._make_room(sum(sizes), len(sizes))
        partial = [self._folder / (name + _PARTIAL) for name in names]
        try:
            with ExitStack() as stack:
                writers = []
                for path, key, width in zip(partial, keys, widths, strict=True):
                    path.unlink(missing_ok=True)
                    writers.append(FeatureWriter(path, key, rows, width))
                    stack.callback(writers[-1].close)
                yield writers
                for writer in writers:
                    writer.finish()
            for path, name, size in zip(partial, names, sizes, strict=True):
                path.replace(self._folder / name)
                self._sizes[name] = size
                self._checked.discard(name)
        finally:
            for path in partial:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all tables."""
        for name in list(self._sizes):
            self._remove(name)

    def _take_stock(self) -> None:
        found = []
        for entry in os.scandir(self._folder):
            if entry.name.endswith(_PARTIAL):
                Path(entry.path).unlink()
            elif entry.name.endswith(_SUFFIX):
                status = entry.stat()
                found.append((status.st_mtime_ns, entry.name, status.st_size))
        self._sizes.update((name, size) for _, name, size in sorted(found))
        self._make_room(0, 0)

    def _make_room(self, size: int, tables: int) -> None:
        if size > self._max or tables > self._most:
            raise OSError(f"{size} bytes of features in {tables} tables are more than may be kept")
        while self.used + size > self._max or len(self._sizes) + tables > self._most:
            self._remove(next(iter(self._sizes)))

    def _remove(self, name: str) -> None:
        self._sizes.pop(name, None)
        self._checked.discard(name)
        with suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)


def _name(key: Key) -> str:
    return key.digest.hex() + _SUFFIX


def _check(path: Path, key: Key, rows: int, width: int) -> None:
    """Raise ValueError where a file is not the table of this key."""
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise ValueError("the file is cut short")
        magic, *shape, digest = _HEADER.unpack(header)
        if magic != _MAGIC or shape != [rows, width]:
            raise ValueError("the file is none of this version, or of other rows")
        whole = hashlib.sha256(key.digest)
        while piece := file.read(_SLICE):
            whole.update(piece)
        if whole.digest() != digest:
            raise ValueError("the file is damaged")

"""Files that are either whole or not there."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_writer(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a temporary neighbour of `path` for writing; rename it to `path` when all went well.

    Whatever stops the writer (an error, a kill, a power cut), `path` keeps its former content or
    stays absent, since the data is on disk before the rename. On an error the temporary file is
    removed; after a kill it stays behind as `.<name>.<random>.partial`, which nothing reads.

    Args:
        path: Of the file.
        private: Whether nobody but its owner may ever read it.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with open(partial, "xb", opener=_for_owner if private else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace the content of `path` by `data`, wholly or not at all; see `atomic_writer`."""
    with atomic_writer(path, private=private) as file:
        file.write(data)


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

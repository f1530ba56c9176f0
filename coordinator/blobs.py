"""Files that a job serves to its providers, named by their digest."""

import hashlib
from pathlib import Path
from typing import Protocol

from protocols.ids import Digest, digest_of


class BlobSource(Protocol):
    """Where pieces of published files come from; called from the session port's thread."""

    def size(self, digest: Digest) -> int | None:
        """Bytes of the file; None when no such file is published."""
        ...

    def read(self, digest: Digest, offset: int, length: int) -> bytes | memoryview:
        """Bytes from `offset`, fewer than `length` only at the end; OSError, KeyError if gone."""
        ...


class MemoryBlobs:
    """Published files held in memory. Publishing and serving may run in different threads.

    Attributes:
        served: Bytes that providers have pulled.
    """

    def __init__(self) -> None:
        self._files: dict[Digest, bytes] = {}
        self.served = 0

    def publish(self, data: bytes) -> Digest:
        """Serve `data` from now on, and return the name to ask for it by."""
        digest = digest_of(data)
        self._files[digest] = data
        return digest

    def withdraw(self, digest: Digest) -> None:
        """Stop serving a file; nothing happens when it was not published."""
        self._files.pop(digest, None)

    def size(self, digest: Digest) -> int | None:
        """Bytes of the file; None when it is not published."""
        data = self._files.get(digest)
        return None if data is None else len(data)

    def read(self, digest: Digest, offset: int, length: int) -> memoryview:
        """Bytes from `offset`; KeyError when withdrawn."""
        data = memoryview(self._files[digest])[offset : offset + length]
        self.served += len(data)
        return data


class FolderBlobs:
    """Published files that stay on disk and are read piece by piece.

    Only what `publish` was called for is served, whatever else lies in its folder. A file that
    changes afterwards is caught by the reader, whose digest will not match.
    """

    def __init__(self) -> None:
        self._files: dict[Digest, tuple[Path, int]] = {}

    def publish(self, path: Path) -> Digest:
        """Serve the file at `path` from now on; reads it once for its digest."""
        with path.open("rb") as file:
            digest = Digest(hashlib.file_digest(file, "sha256").hexdigest())
            self._files[digest] = (path, file.tell())
        return digest

    def withdraw(self, digest: Digest) -> None:
        """Stop serving a file; nothing happens when it was not published."""
        self._files.pop(digest, None)

    def size(self, digest: Digest) -> int | None:
        """Bytes of the file when it was published; None when it is not."""
        known = self._files.get(digest)
        return None if known is None else known[1]

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        """Bytes from `offset`; OSError when the file is gone or shorter than it was."""
        path, size = self._files[digest]
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            data = file.read(length)
        if len(data) < min(length, size - offset):
            raise OSError(f"{path} is shorter than when it was published")
        return data

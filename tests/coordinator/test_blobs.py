from collections.abc import Callable
from pathlib import Path

import pytest

from coordinator.blobs import BlobSource, FolderBlobs, MemoryBlobs
from protocols.ids import Digest, digest_of

DATA = bytes(range(256)) * 5
Published = tuple[BlobSource, Callable[[Digest], None]]


class BlobSourceContract:
    """What every source of blobs does; `publish` serves DATA and returns a way to withdraw it."""

    def publish(self, folder: Path) -> Published:
        raise NotImplementedError

    def test_pieces_make_the_file(self, tmp_path: Path) -> None:
        source, _ = self.publish(tmp_path)
        name = digest_of(DATA)
        assert source.size(name) == len(DATA)
        pieces = [bytes(source.read(name, offset, 100)) for offset in range(0, len(DATA), 100)]
        assert b"".join(pieces) == DATA
        assert bytes(source.read(name, len(DATA), 100)) == b""

    def test_only_what_is_published_is_served(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"secret")
        source, withdraw = self.publish(tmp_path)
        assert source.size(digest_of(b"secret")) is None
        withdraw(digest_of(b"secret"))
        withdraw(digest_of(DATA))
        assert source.size(digest_of(DATA)) is None
        with pytest.raises(KeyError):
            source.read(digest_of(DATA), 0, 1)


class TestMemoryBlobs(BlobSourceContract):
    def publish(self, folder: Path) -> Published:
        blobs = MemoryBlobs()
        assert blobs.publish(DATA) == digest_of(DATA)
        return blobs, blobs.withdraw


class TestFolderBlobs(BlobSourceContract):
    def publish(self, folder: Path) -> Published:
        (folder / "model").write_bytes(DATA)
        blobs = FolderBlobs()
        assert blobs.publish(folder / "model") == digest_of(DATA)
        return blobs, blobs.withdraw

    def test_a_file_that_is_cut_short_afterwards(self, tmp_path: Path) -> None:
        source, _ = self.publish(tmp_path)
        (tmp_path / "model").write_bytes(DATA[:50])
        assert bytes(source.read(digest_of(DATA), 0, 50)) == DATA[:50]
        with pytest.raises(OSError, match="shorter"):
            source.read(digest_of(DATA), 0, 100)
        (tmp_path / "model").unlink()
        with pytest.raises(OSError, match="model"):
            source.read(digest_of(DATA), 0, 1)


def test_what_is_pulled_is_counted() -> None:
    blobs = MemoryBlobs()
    name = blobs.publish(DATA)
    for offset in (0, 1000, 5000):
        blobs.read(name, offset, 500)
    assert blobs.served == 500 + len(DATA) - 1000

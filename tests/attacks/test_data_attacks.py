"""What hostile files, tables and patience cannot get out of a provider's data."""

import hashlib
import os
import pickle
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from provider.data.arrays import Arrays
from provider.data.image_folder import ImageFolder
from provider.data.source import RowError
from provider.data.store import SnapshotStore
from provider.data.tables import Columns, ImageTable
from provider.dataset import Float32
from synlearn.errors import InputError
from tests.provider.data.folders import RULES, SAME, SHAPE, folder_of, put

CALLED: list[str] = []


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return CALLED.append, ("ran",)


def sums(snapshots: SnapshotStore) -> Float32:
    """What an exact answer over a whole class reveals."""
    dataset = snapshots.current()
    total: Float32 = dataset.images(dataset.rows_of("ant")).sum(axis=0)
    return total


def test_difference_of_two_snapshots_that_one_row_joined(tmp_path: Path) -> None:
    snapshots = SnapshotStore(tmp_path / "store")
    source = folder_of(tmp_path / "data", ant=list(range(9)))
    snapshots.refresh(source, SAME, RULES)
    before = sums(snapshots)
    folder_of(tmp_path / "data", ant=[50])
    snapshots.refresh(source, SAME, RULES)
    np.testing.assert_array_equal(sums(snapshots), before)


def test_difference_of_two_snapshots_that_one_row_left(tmp_path: Path) -> None:
    snapshots = SnapshotStore(tmp_path / "store")
    source = folder_of(tmp_path / "data", ant=list(range(9)))
    snapshots.refresh(source, SAME, RULES)
    before = snapshots.current()
    (tmp_path / "data" / "ant" / "004.png").unlink()
    snapshots.refresh(source, SAME, RULES)
    assert before.rows - snapshots.current().rows >= RULES.min_rows


def test_difference_of_snapshots_far_apart(tmp_path: Path) -> None:
    """Three join, then one of these and two others leave: neighbours differ by three each."""
    snapshots = SnapshotStore(tmp_path / "store")
    source = folder_of(tmp_path / "data", ant=list(range(12)))
    snapshots.refresh(source, SAME, RULES)
    seen = [shown(snapshots)]
    folder_of(tmp_path / "data", ant=[20, 21, 22])
    snapshots.refresh(source, SAME, RULES)
    seen.append(shown(snapshots))
    for name in ("000", "001", "020"):
        (tmp_path / "data" / "ant" / f"{name}.png").unlink()
    snapshots.refresh(source, SAME, RULES)
    seen.append(shown(snapshots))
    for one in seen:
        for other in seen:
            assert not one - other or len(one - other) >= RULES.min_rows


def shown(snapshots: SnapshotStore) -> set[bytes]:
    dataset = snapshots.current()
    images = dataset.images(dataset.rows_of("ant"))
    return {hashlib.sha256(image.tobytes()).digest() for image in images}


def test_link_out_of_the_data_folder(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret.png", 1)
    folder_of(tmp_path / "data", ant=[1, 2, 3])
    (tmp_path / "data" / "ant" / "x.png").symlink_to(secret)
    with pytest.raises(InputError, match="outside the folder"):
        list(ImageFolder(tmp_path / "data", SHAPE).rows())


def test_link_to_a_folder(tmp_path: Path) -> None:
    folder_of(tmp_path / "elsewhere", ant=[1, 2, 3])
    folder_of(tmp_path / "data", ant=[1, 2, 3])
    (tmp_path / "data" / "more").symlink_to(tmp_path / "elsewhere" / "ant")
    (tmp_path / "data" / "ant" / "loop").symlink_to(tmp_path / "data")
    with pytest.raises(InputError, match="link to a folder"):
        list(ImageFolder(tmp_path / "data", SHAPE).rows())


@pytest.mark.parametrize("path", ["../secret.png", "/secret.png", "a/../../secret.png", "b/x.png"])
def test_path_traversal_in_a_table(tmp_path: Path, path: str) -> None:
    put(tmp_path / "secret.png", 1)
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "b").symlink_to(tmp_path)
    put(tmp_path / "x.png", 2)
    if path.startswith("/"):
        path = str(tmp_path / "secret.png")
    table = tmp_path / "data" / "t.csv"
    table.write_text(f"image,label\n{path},ant\n")
    source = ImageTable(table, "image", Columns("label"), SHAPE)
    with pytest.raises(InputError, match="outside the folder"):
        list(source.rows())


def test_pickle_in_an_array_file(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.array([Payload()], object), allow_pickle=True)
    np.save(tmp_path / "labels.npy", np.array([0]))
    with pytest.raises(InputError, match="damaged, or holds something other"):
        Arrays(tmp_path)
    (tmp_path / "images.npy").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(InputError, match="damaged, or holds something other"):
        Arrays(tmp_path)
    assert CALLED == []


def test_pipe_among_the_images(tmp_path: Path) -> None:
    """Whoever opens it for reading waits until somebody writes."""
    (tmp_path / "ant").mkdir()
    pipe = tmp_path / "ant" / "a.png"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b""))
    writer.start()
    (row,) = ImageFolder(tmp_path, SHAPE).rows()
    try:
        with pytest.raises(RowError, match="no ordinary file"):
            row.read()
    finally:
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        writer.join()
        os.close(reader)


def test_decompression_bomb(tmp_path: Path) -> None:
    """A small PNG that claims 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return len(data).to_bytes(4, "big") + checked + zlib.crc32(checked).to_bytes(4, "big")

    side = (60_000).to_bytes(4, "big")
    (tmp_path / "ant").mkdir()
    (tmp_path / "ant" / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", side + side + b"\x08\x02\x00\x00\x00")
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )
    (row,) = ImageFolder(tmp_path, SHAPE).rows()
    with pytest.raises(RowError, match="too many pixels") as raised:
        row.read()
    assert raised.value.__cause__ is not None
    assert isinstance(raised.value.__cause__.__cause__, Image.DecompressionBombError)

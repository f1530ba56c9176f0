import gzip
from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.idx import CLOTHES, load_idx, read_idx
from synlearn.errors import InputError
from tests.shared_data import shared_data

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 4), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 9], dtype=np.uint8)


def idx_bytes(array: np.ndarray) -> bytes:
    """Write the format from its description."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    images, labels = tmp_path / "images", tmp_path / "labels.gz"
    images.write_bytes(idx_bytes(IMAGES))
    labels.write_bytes(gzip.compress(idx_bytes(LABELS)))
    return images, labels


def test_plain_and_compressed_files_are_read(pair: tuple[Path, Path]) -> None:
    found = load_idx(*pair)
    assert np.array_equal(found.images[..., 0], IMAGES)
    assert found.labels.tolist() == LABELS.tolist()
    assert found.class_names[9] == "9"
    assert load_idx(*pair, CLOTHES).class_names[9] == "Ankle boot"


def test_damage_is_named(tmp_path: Path) -> None:
    whole = idx_bytes(IMAGES)
    for name, content, message in (
        ("cut", whole[:-1], "truncated or damaged"),
        ("long", whole + b"x", "truncated or damaged"),
        ("floats", whole[:2] + b"\x0d" + whole[3:], "no IDX file of unsigned bytes"),
        ("short", whole[:6], "no IDX file of unsigned bytes"),
        ("zipped", gzip.compress(whole)[:-9], "cannot be read"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"{name} .*{message}"):
            read_idx(path, dimensions=3)
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(tmp_path / "nothing", dimensions=3)


def test_mnist_itself() -> None:
    folder = shared_data() / "mnist"
    found = load_idx(folder / "t10k-images-idx3-ubyte.gz", folder / "t10k-labels-idx1-ubyte.gz")
    assert found.images.shape == (10_000, 28, 28, 1)
    # The published number of test images of each digit.
    assert np.bincount(found.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip

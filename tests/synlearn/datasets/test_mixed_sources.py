import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synlearn.datasets.mixed_plan import DOMAINS
from synlearn.datasets.mixed_sources import load_source
from synlearn.errors import InputError


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """A tiny version of every set, in its original format."""
    record = bytes(3072)
    folder = tmp_path / "cifar100" / "cifar-100-binary"
    put(folder / "train.bin", bytes((0, 0)) + record)
    put(folder / "test.bin", bytes((0, 0)) + record)
    put(folder / "fine_label_names.txt", b"bear\n")
    put(folder / "coarse_label_names.txt", b"mammals\n")
    folder = tmp_path / "cifar10" / "cifar-10-batches-bin"
    for name in [f"data_batch_{row}" for row in range(1, 6)] + ["test_batch"]:
        put(folder / f"{name}.bin", bytes((1,)) + record)
    put(folder / "batches.meta.txt", b"plane\ncar\n")
    picture(tmp_path / "omniglot" / "images_background" / "Latin" / "character01" / "1_01.png")
    picture(tmp_path / "omniglot" / "images_evaluation" / "Greek" / "character01" / "1_01.png")
    picture(tmp_path / "caltech101" / "101_ObjectCategories" / "watch" / "image_0001.jpg")
    for name in ("mnist", "fashion_mnist"):
        for part, count in (("train", 3), ("t10k", 2)):
            images = gzip.compress(idx(np.zeros((count, 28, 28), np.uint8)))
            put(tmp_path / name / f"{part}-images-idx3-ubyte.gz", images)
            put(
                tmp_path / name / f"{part}-labels-idx1-ubyte", idx(np.arange(count, dtype=np.uint8))
            )
    picture(tmp_path / "sign_digits" / "0" / "IMG_1.JPG")
    return tmp_path


def test_all_sets_are_found_in_their_original_formats(originals: Path) -> None:
    counts = {
        plan.name: (len(found), len(found.class_names), found.images.shape[1])
        for plan in DOMAINS
        for found in [load_source(plan.name, originals)]
    }
    assert counts == {
        "cifar100": (2, 1, 32),
        "cifar10": (6, 2, 32),
        "omniglot": (2, 2, 28),
        "caltech101": (1, 1, 32),
        "mnist": (5, 10, 28),
        "fashion_mnist": (5, 10, 28),
        "sign_digits": (1, 1, 32),
    }
    assert load_source("fashion_mnist", originals).class_names[0] == "T-shirt/top"


def test_what_is_missing_is_named(originals: Path) -> None:
    with pytest.raises(InputError, match="no image set 'kmnist'"):
        load_source("kmnist", originals)
    with pytest.raises(InputError, match="There is no folder"):
        load_source("mnist", originals / "elsewhere")
    (originals / "mnist" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="image files without label files"):
        load_source("mnist", originals)
    for file in (originals / "mnist").iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"has no \*-images-idx3"):
        load_source("mnist", originals)

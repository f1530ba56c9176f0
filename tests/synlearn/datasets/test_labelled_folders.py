from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synlearn.datasets.examples import ImageShape
from synlearn.datasets.labelled_folders import load_labelled_folders
from synlearn.datasets.loading import data_digest, load_examples
from synlearn.errors import InputError

SHAPE = ImageShape(channels=3, height=4, width=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, level in (("dog/b.png", 255), ("dog/a.png", 51), ("cat/a.png", 0)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8), level).save(tmp_path / name)
    (tmp_path / "README.md").write_text("no image")
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_labels_follow_folder_names(folder: Path) -> None:
    examples = load_examples(folder, SHAPE)
    assert examples.names == ("cat/a.png", "dog/a.png", "dog/b.png")
    assert examples.labels is not None
    assert examples.labels.tolist() == [0, 1, 1]
    assert examples.images.shape == (3, 3, 4, 4)
    np.testing.assert_allclose(examples.images.mean(axis=(1, 2, 3)), [0, 0.2, 1], rtol=1e-6)


def test_an_image_beside_the_folders_has_no_class(folder: Path) -> None:
    Image.new("L", (8, 8)).save(folder / "stray.png")
    with pytest.raises(InputError, match="beside its class folders"):
        load_examples(folder, SHAPE)


def test_a_folder_without_class_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folders of images"):
        load_labelled_folders(tmp_path, SHAPE)


def test_a_damaged_image_is_named(folder: Path) -> None:
    (folder / "cat" / "a.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"cat.a\.png is damaged"):
        load_examples(folder, SHAPE)


def test_the_digest_stands_for_images_and_classes(folder: Path) -> None:
    before = data_digest(folder)
    (folder / "dog" / "a.png").rename(folder / "cat" / "c.png")
    assert data_digest(folder) != before

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synlearn.datasets.class_folders import load_caltech101, load_class_folders
from synlearn.errors import InputError
from tests.shared_data import shared_data


def write(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((6, 8), value, np.uint8)).save(path)


def test_an_images_folder_is_its_class(tmp_path: Path) -> None:
    write(tmp_path / "top" / "zebra" / "2.png", 20)
    write(tmp_path / "top" / "zebra" / "1.png", 10)
    write(tmp_path / "top" / "ant" / "9.png", 90)
    found = load_class_folders(tmp_path, 4)
    assert found.class_names == ("ant", "zebra")
    assert found.labels.tolist() == [0, 1, 1]
    assert found.images.shape == (3, 4, 4, 3)
    assert found.images[:, 0, 0, 0].tolist() == [90, 10, 20]


def test_caltechs_background_is_no_class(tmp_path: Path) -> None:
    write(tmp_path / "BACKGROUND_Google" / "1.png", 1)
    write(tmp_path / "watch" / "1.png", 2)
    assert load_caltech101(tmp_path, 4).class_names == ("watch",)


def test_images_outside_of_class_folders_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "1.png", 1)
    with pytest.raises(InputError, match="outside of class folders"):
        load_class_folders(tmp_path, 4)


def test_the_sign_digits_themselves() -> None:
    found = load_class_folders(shared_data() / "sign_digits" / "sign_digits_60.zip", 32)
    assert found.class_names == tuple("0123456789")
    assert np.bincount(found.labels).tolist() == [60] * 10

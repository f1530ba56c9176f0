import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synlearn.datasets.class_arrays import load_omniglot_array
from synlearn.datasets.omniglot import load_omniglot
from synlearn.errors import InputError
from tests.shared_data import shared_data


def write(path: Path, ink: int) -> None:
    """A white drawing with `ink` black rows."""
    paper = np.full((105, 105), 255, np.uint8)
    paper[:ink] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(paper).convert("1").save(path)


def test_alphabets_of_several_parts_are_sorted(tmp_path: Path) -> None:
    background, evaluation = tmp_path / "images_background", tmp_path / "images_evaluation.zip"
    write(background / "Latin" / "character02" / "0002_02.png", 105)
    write(background / "Latin" / "character01" / "0001_01.png", 0)
    drawing = tmp_path / "drawing.png"
    write(drawing, 15)
    with zipfile.ZipFile(evaluation, "w") as archive:
        archive.write(drawing, "images_evaluation/Braille/character01/0003_01.png")
    found = load_omniglot([background, evaluation], side=7)
    assert found.class_names == (
        "Braille/character01",
        "Latin/character01",
        "Latin/character02",
    )
    assert found.groups == ("Braille", "Latin", "Latin")
    assert found.labels.tolist() == [0, 1, 2]
    assert found.images.shape == (3, 7, 7, 1)
    # Ink is bright: the first has one row of seven, the second none, the third nothing else.
    assert found.images[0, :, 0, 0].tolist() == [255] + [0] * 6
    assert (found.images[1].max(), found.images[2].min()) == (0, 255)


def test_a_drawing_without_an_alphabet_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "character01" / "1.png", 1)
    with pytest.raises(InputError, match="outside of alphabet and character folders"):
        load_omniglot([tmp_path])


def test_the_array_of_small_drawings_is_what_the_loader_makes_of_full_ones(tmp_path: Path) -> None:
    folder = shared_data() / "omniglot"
    small = load_omniglot_array(folder / "omniglot_shared40_28.npz")
    with np.load(folder / "omniglot_shared40_105_packed.npz", allow_pickle=False) as full:
        ink = np.unpackbits(full["ink_packed"][:3], axis=-1, count=105 * 105)
    for character, drawings in enumerate(ink.reshape(3, 20, 105, 105)):
        for drawer, drawing in enumerate(drawings):
            path = tmp_path / "all" / small.class_names[character] / f"{drawer:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 * (1 - drawing)).save(path)
    found = load_omniglot([tmp_path / "all"])
    difference = found.images.astype(int) - small.images[: 3 * 20]
    assert found.class_names == small.class_names[:3]
    assert np.abs(difference).max() <= 1  # rounding

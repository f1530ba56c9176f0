from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.class_arrays import load_class_arrays, load_omniglot_array
from synlearn.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 3, 3, 3), dtype=np.uint8)
GOOD: dict[str, np.ndarray] = {
    "images": IMAGES,
    "labels": np.array([0, 1, 1, 0], np.int16),
    "class_names": np.array(["cat", "dog"]),
}


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]  # its signature takes a flag by name, too
    return path


def test_parts_of_one_set_follow_one_another(tmp_path: Path) -> None:
    superclasses = np.array(["pet", "pet"])
    first = save(tmp_path / "a.npz", **GOOD, superclass_of_class=superclasses)
    second = save(tmp_path / "b.npz", **{**GOOD, "images": 255 - IMAGES})
    found = load_class_arrays(first, second)
    assert np.array_equal(found.images, np.concatenate([IMAGES, 255 - IMAGES]))
    assert found.labels.tolist() == [0, 1, 1, 0] * 2
    assert (found.class_names, found.groups) == (("cat", "dog"), ("pet", "pet"))


def test_mistakes_are_named(tmp_path: Path) -> None:
    good = save(tmp_path / "good.npz", **GOOD)
    other = save(tmp_path / "other.npz", **{**GOOD, "class_names": np.array(["cat", "cow"])})
    with pytest.raises(InputError, match="name other classes"):
        load_class_arrays(good, other)
    for name in GOOD:
        less = save(tmp_path / "less.npz", **{key: GOOD[key] for key in GOOD if key != name})
        with pytest.raises(InputError, match=f"has no array '{name}'"):
            load_class_arrays(less)
    with pytest.raises(InputError, match="is missing, damaged"):
        load_class_arrays(tmp_path / "nothing.npz")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "pickled.npz", **{**GOOD, "class_names": np.array([{}, []], object)})
    with pytest.raises(InputError, match="something other than plain arrays"):
        load_class_arrays(path)


def test_drawings_are_named_after_alphabet_and_number(tmp_path: Path) -> None:
    images = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    path = save(
        tmp_path / "omniglot.npz",
        images=images,
        alphabet_of_class=np.array(["Latin", "Braille"]),
        character_of_class=np.array([1, 12], np.int16),
    )
    found = load_omniglot_array(path)
    assert found.class_names == ("Latin/character01", "Braille/character12")
    assert found.groups == ("Latin", "Braille")
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(found.images[4, ..., 0], images[1, 1])
    with pytest.raises(InputError, match="has no array 'alphabet_of_class'"):
        load_omniglot_array(save(tmp_path / "less.npz", images=images))

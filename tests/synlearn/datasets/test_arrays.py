import zipfile
from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.arrays import load_arrays
from synlearn.datasets.examples import ImageShape
from synlearn.errors import InputError
from tests.damage import damaged

GREY = ImageShape(channels=1, height=4, width=6)
COLOUR = ImageShape(channels=3, height=4, width=6)


def saved(folder: Path, **arrays: np.ndarray) -> Path:
    path = folder / "examples.npz"
    np.savez(path, allow_pickle=True, **arrays)
    return path


def test_layouts_and_value_ranges_come_out_alike(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 6), dtype=np.uint8)
    expected = pixels.astype(np.float32) / 255
    for images in (pixels, pixels.transpose(0, 2, 3, 1), expected.astype(np.float64)):
        loaded = load_arrays(saved(tmp_path, images=images), COLOUR)
        np.testing.assert_array_equal(loaded.images, expected)
        assert loaded.images.flags.c_contiguous
        assert (loaded.targets, loaded.labels) == (None, None)


def test_zeros_and_ones_are_taken_as_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 2, (2, 4, 6), dtype=np.uint8)
    for images in (pixels, pixels.astype(bool)):
        loaded = load_arrays(saved(tmp_path, images=images), GREY)
        np.testing.assert_array_equal(loaded.images[:, 0], pixels)


def test_targets_labels_and_names(tmp_path: Path) -> None:
    images = np.zeros((3, 4, 6))
    path = saved(
        tmp_path, images=images, targets=np.arange(3), labels=np.array([2, 0, 1], np.int16)
    )
    loaded = load_arrays(path, GREY)
    assert loaded.targets is not None
    assert loaded.labels is not None
    assert loaded.targets.tolist() == [[0], [1], [2]]
    assert loaded.labels.tolist() == [2, 0, 1]
    assert loaded.names[1] == "examples.npz[1]"
    assert len(loaded) == 3


IMAGES = np.zeros((3, 4, 6), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": IMAGES}, "no array 'images'"),
        ({"images": IMAGES[:0]}, "no image in 'images'"),
        ({"images": IMAGES[:, :3]}, r"has shape \(3, 3, 6\); expected \(n, 4, 6\)"),
        ({"images": IMAGES.astype(np.int32)}, "are int32; save them as uint8"),
        ({"images": np.full((1, 4, 6), np.nan)}, "NaN or an infinity"),
        ({"images": np.full((1, 4, 6), 2.0)}, r"must lie in \[0, 1\]"),
        ({"images": np.array([{}], dtype=object)}, "other than plain arrays"),
        ({"images": IMAGES, "targets": np.zeros(2)}, "2 targets for 3 images"),
        ({"images": IMAGES, "targets": np.array([0, np.nan, 0])}, "row 1 is not a finite"),
        ({"images": IMAGES, "targets": np.array([0, 0, 1e300])}, "row 2 is not a finite"),
        ({"images": IMAGES, "targets": np.zeros((3, 0))}, "targets of no values"),
        ({"images": IMAGES, "targets": np.array(["a", "b", "c"])}, "must be numbers"),
        ({"images": IMAGES, "labels": np.array([0, 1])}, "2 labels for 3 images"),
        ({"images": IMAGES, "labels": np.array([0, -1, 1])}, "label of row 1 is negative"),
        ({"images": IMAGES, "labels": np.zeros(3)}, "must be whole numbers"),
    ],
)
def test_arrays_that_cannot_be_used(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_arrays(saved(tmp_path, **arrays), GREY)


def test_files_that_are_no_archive_of_arrays(tmp_path: Path) -> None:
    path = tmp_path / "examples.npz"
    with path.open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(InputError, match="is damaged"):
        load_arrays(path, GREY)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", b"not an array")
    with pytest.raises(InputError, match="is damaged"):
        load_arrays(path, GREY)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_random_damage_is_an_input_error_or_harmless(tmp_path: Path, save: object) -> None:
    path = tmp_path / "examples.npz"
    assert callable(save)
    save(path, images=IMAGES, targets=np.zeros((3, 2)))
    for data in damaged(path.read_bytes(), copies=150):
        path.write_bytes(data)
        try:
            loaded = load_arrays(path, GREY)
        except InputError as error:
            assert "examples.npz" in str(error)  # noqa: PT017
        else:
            assert np.isfinite(loaded.images).all()

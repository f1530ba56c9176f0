import numpy as np
import pytest

from synlearn.fusion.moved import COPIES, FEW, has_copies, moved, moved_pictures, with_copies

IMAGES = np.random.default_rng(0).random((3, 3, 32, 32), np.float32)
PICTURES = np.rint(255 * IMAGES).astype(np.uint8).transpose(0, 2, 3, 1)


def spot(x: int, y: int) -> np.ndarray:
    image = np.zeros((1, 1, 33, 33), np.float32)
    image[0, 0, y, x] = 1
    return image


def centre(image: np.ndarray) -> np.ndarray:
    """Where the light of a picture is, from its middle."""
    light = image[0, 0] / image.sum()
    down, across = (np.arange(33) - 16).astype(float), (np.arange(33) - 16).astype(float)
    return np.array([light.sum(axis=0) @ across, light.sum(axis=1) @ down])


def test_copies_are_other_pictures_within_the_range_of_the_first() -> None:
    copies = [moved(IMAGES, copy) for copy in range(COPIES)]
    assert all(copy.shape == IMAGES.shape and copy.dtype == np.float32 for copy in copies)
    for number, copy in enumerate(copies):
        assert copy.min() >= IMAGES.min()
        assert copy.max() <= IMAGES.max()
        assert all(np.abs(copy - other).mean() > 0.05 for other in [IMAGES, *copies[:number]])


def test_a_move_is_a_small_one_and_in_all_they_go_nowhere() -> None:
    middle = np.array([centre(moved(spot(16, 16), copy)) for copy in range(COPIES)])
    assert np.abs(middle).max() < 2
    assert np.abs(middle).min() > 1
    assert np.abs(middle.mean(axis=0)).max() < 0.2
    aside = np.array([centre(moved(spot(24, 16), copy)) for copy in range(COPIES)])
    assert (np.linalg.norm(aside - [8, 0], axis=1) < 4).all()


def test_the_moves_do_not_depend_on_the_other_images() -> None:
    for copy in range(COPIES):
        together, alone = moved(IMAGES, copy), moved(IMAGES[1:2], copy)
        np.testing.assert_allclose(together[1], alone[0], atol=1e-6)


def test_an_even_picture_stays_as_it_is() -> None:
    even = np.full((1, 3, 20, 24), 0.3, np.float32)
    np.testing.assert_allclose(moved(even, 0), even, rtol=1e-6)


def test_pictures_move_as_their_planes_do() -> None:
    for copy in range(COPIES):
        whole = PICTURES.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        planes = moved(whole, copy)
        found = moved_pictures(PICTURES, copy).astype(float) / 255
        assert np.abs(found.transpose(0, 3, 1, 2) - planes).max() <= 0.51 / 255


@pytest.mark.parametrize(("rows", "copies"), [(1, 1 + COPIES), (FEW, 1 + COPIES), (FEW + 1, 1)])
def test_few_pictures_have_copies_behind_them(rows: int, copies: int) -> None:
    pictures = np.repeat(PICTURES[:1], rows, axis=0)
    found = with_copies(pictures)
    assert len(found) == rows * copies
    assert has_copies(rows) == (copies > 1)
    np.testing.assert_array_equal(found[:rows], pictures)
    for copy in range(copies - 1):
        part = found[(1 + copy) * rows : (2 + copy) * rows]
        np.testing.assert_array_equal(part, moved_pictures(pictures, copy))

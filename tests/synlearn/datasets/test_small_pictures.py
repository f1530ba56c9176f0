import numpy as np
import pytest

from synlearn.datasets.small_pictures import moved_copy, to_pictures

RANDOM = np.random.default_rng(0)


def test_small_grey_images_get_a_dark_frame_and_three_equal_channels() -> None:
    images = RANDOM.integers(1, 256, (2, 28, 28, 1), dtype=np.uint8)
    found = to_pictures(images)
    assert found.shape == (2, 32, 32, 3)
    for channel in range(3):
        assert np.array_equal(found[:, 2:30, 2:30, channel], images[..., 0])
    frame = np.ones((32, 32), bool)
    frame[2:30, 2:30] = False
    assert found[:, frame].max() == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_are_averaged(channels: int) -> None:
    images = RANDOM.integers(0, 256, (2, 64, 64, channels), dtype=np.uint8)
    found = to_pictures(images).astype(float)
    blocks = images.reshape(2, 32, 2, 32, 2, channels).mean(axis=(2, 4))
    assert np.abs(found - blocks).max() <= 1


def test_images_of_the_size_stay_as_they_are() -> None:
    images = RANDOM.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    assert np.array_equal(to_pictures(images), images)


def test_a_copy_depends_on_its_name_and_moves_a_little() -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[12:20, 12:20] = 200
    copies = [moved_copy(picture, f"copy {number}") for number in range(30)]
    assert np.array_equal(copies[0], moved_copy(picture, "copy 0"))
    assert len({copy.tobytes() for copy in copies}) == 30
    y, x = np.mgrid[:32, :32] + 0.5
    for copy in copies:
        weight = copy[..., 0].astype(float)
        centre = (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()
        assert np.abs(np.array(centre) - 16).max() < 2.2
        assert 0.75 < weight.sum() / picture[..., 0].sum() < 1.35  # (1 +- 0.12)^2


def test_the_border_is_repeated() -> None:
    grey = np.full((32, 32, 3), 90, np.uint8)
    for number in range(10):
        assert np.array_equal(moved_copy(grey, f"{number}"), grey)

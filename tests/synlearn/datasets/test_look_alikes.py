import numpy as np

from synlearn.datasets.look_alikes import look_alikes

RANDOM = np.random.default_rng(0)
OTHERS = RANDOM.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def test_only_the_same_pictures_are_found_whatever_the_rounding() -> None:
    noise = RANDOM.integers(-2, 3, OTHERS.shape)
    rounded = (OTHERS + noise).clip(0, 255).astype(np.uint8)
    different = RANDOM.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    # The same block means, but other pixels.
    shuffled = OTHERS.reshape(5, 8, 4, 8, 4, 3)[:, :, ::-1].reshape(5, 32, 32, 3)
    found = look_alikes(np.concatenate([rounded, different, shuffled]), OTHERS)
    assert found.tolist() == [True] * 5 + [False] * 8


def test_a_small_change_of_much_is_more_than_rounding() -> None:
    assert not look_alikes(OTHERS[:1] // 2, OTHERS).any()


def test_nothing_looks_like_nothing() -> None:
    assert look_alikes(OTHERS, OTHERS[:0]).tolist() == [False] * 5
    assert look_alikes(OTHERS[:0], OTHERS).shape == (0,)

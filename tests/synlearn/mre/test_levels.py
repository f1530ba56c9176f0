import numpy as np

from synlearn.mre.levels import draw_instances, nearest_level


def test_few_examples_are_common() -> None:
    drawn = draw_instances(1, 10, 20_000, np.random.default_rng(0))
    assert (drawn.min(), drawn.max()) == (1, 10)
    share = np.bincount(drawn, minlength=11)[1:] / len(drawn)
    expected = np.log1p(1 / np.arange(1, 11)) / np.log(11)
    np.testing.assert_allclose(share, expected, atol=0.01)


def test_one_number_of_examples() -> None:
    assert draw_instances(7, 7, 5, np.random.default_rng(0)).tolist() == [7] * 5


def test_the_nearest_level_as_a_ratio() -> None:
    found = nearest_level(np.array([1, 2, 3, 5, 6, 20]), (1, 3, 10))
    assert found.tolist() == [0, 1, 1, 1, 2, 2]
    assert nearest_level(np.array([4, 9]), (0,)).tolist() == [0, 0]

"""Who is best, and who cannot be told apart, against simulation and against definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from synlearn.ranking_odds import SEPARATION, best_probability, cannot_separate, tiers


@pytest.mark.parametrize("models", [2, 5, 60])
def test_chances_are_those_of_a_simulation(models: int) -> None:
    random = np.random.default_rng(models)
    mean, deviation = random.normal(size=models), random.uniform(0.2, 0.9, models)
    drawn = mean + deviation * random.normal(size=(200_000, models))
    expected = np.bincount(drawn.argmax(axis=1), minlength=models) / len(drawn)
    np.testing.assert_allclose(best_probability(mean, deviation), expected, atol=0.004)


def test_of_two_it_is_the_probability_of_a_difference() -> None:
    found = best_probability(np.array([0.3, 0.0]), np.array([0.3, 0.4]))
    assert found[0] == pytest.approx(ndtr(0.3 / 0.5), abs=2e-3)


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0, 20)), min_size=1, max_size=30),
)
def test_chances_sum_to_one(models: list[tuple[float, float]]) -> None:
    mean, deviation = np.array(models).T
    found = best_probability(mean, deviation)
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0


def test_what_is_known_exactly_is_decided() -> None:
    found = best_probability(np.array([1.0, 2.0, 2.0]), np.zeros(3))
    assert found.tolist() == [0.0, 0.5, 0.5]


def test_one_that_is_sure_among_others_that_are_not() -> None:
    """The grid finds a peak that is narrower than its steps."""
    found = best_probability(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert found[0] == pytest.approx(ndtr(1.0), abs=0.03)


def test_a_shift_and_a_scale_change_no_chance() -> None:
    random = np.random.default_rng(0)
    mean, deviation = random.normal(size=20), random.uniform(0.2, 0.9, 20)
    moved = best_probability(1e3 + 7 * mean, 7 * deviation)
    np.testing.assert_allclose(moved, best_probability(mean, deviation), atol=1e-9)


def test_models_are_separated_from_the_stated_probability_on() -> None:
    gap = 1.2815515655446004 * np.sqrt(2)  # the 90 % quantile of a difference
    mean = np.array([0.0, -0.999 * gap, -1.001 * gap])
    assert cannot_separate(mean, np.ones(3), 0).tolist() == [True, True, False]
    assert SEPARATION == 0.9


def test_tiers_begin_where_their_first_is_better() -> None:
    mean = np.array([5.0, 4.9, 2.0, 1.9, 1.8, -9.0])
    assert tiers(mean, np.full(6, 0.2)).tolist() == [1, 1, 2, 2, 2, 3]
    assert tiers(mean, np.full(6, 100.0)).tolist() == [1] * 6
    assert tiers(mean, np.zeros(6)).tolist() == [1, 2, 3, 4, 5, 6]


def test_equal_models_are_tied_however_sure() -> None:
    assert tiers(np.array([1.0, 1.0, 0.5]), np.zeros(3)).tolist() == [1, 1, 2]

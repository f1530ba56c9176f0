"""Scores of models that the metric has chosen, placed among all candidates."""

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.fusion import standardised
from synlearn.fusion.shortlist import among_all
from synlearn.fusion.standard import Float64

RHO = np.array([1.0, 0.7, -0.3, 0.0])
ALL = 200_000


def drawn(count: int, seed: int = 0) -> Float64:
    """(4, count): the metric, and three sources that go with it so closely."""
    random = np.random.default_rng(seed)
    metric = random.normal(size=count)
    noise = random.normal(size=(4, count))
    standard = RHO[:, None] * metric + np.sqrt(1 - RHO**2)[:, None] * noise
    found: Float64 = standard * np.array([1.0, 5.0, 0.01, 2.0])[:, None] + np.array(
        [[0], [40], [-3], [7]]
    )
    return found


def test_mean_and_deviation_of_all_follow_from_those_of_the_chosen() -> None:
    values = drawn(ALL)
    prior = standardised(values[0])
    best = np.argsort(-prior)[: ALL // 20]
    found = among_all(values[:, best], prior[best], RHO)
    assert values[1, best].mean() > 44  # far from all candidates' 40
    np.testing.assert_allclose(found.mean[1:], [40, -3, 7], rtol=0.02)
    np.testing.assert_allclose(found.deviation[1:], [5, 0.01, 2], rtol=0.03)
    expected = (values[1, best] - 40) / 5
    np.testing.assert_allclose(found.standardised[1], expected, atol=0.15)


def test_the_metric_keeps_the_place_that_it_has_among_all() -> None:
    values = drawn(100)
    prior = standardised(values[0])
    best = np.argsort(-prior)[:10]
    found = among_all(values[:, best], prior[best], RHO)
    np.testing.assert_array_equal(found.standardised[0], prior[best])


def test_of_all_candidates_it_is_plain_standardisation() -> None:
    values = drawn(50)
    found = among_all(values, standardised(values[0]), RHO)
    np.testing.assert_allclose(found.standardised, standardised(values), atol=1e-12)


def test_constant_scores_say_nothing_and_infinite_ones_count_as_the_largest() -> None:
    values = np.array([[2.0, 1.0, 0.0], [5.0, 5.0, 5.0], [1.0, np.inf, 2.0], [0.0, 0.0, 0.0]])
    found = among_all(values, np.array([1.5, 1.2, 0.9]), RHO)
    np.testing.assert_array_equal(found.standardised[1], 0)
    assert found.mean[1] == 5
    assert found.standardised[2, 1] == found.standardised[2, 2]
    assert np.isfinite(found.standardised).all()


def test_one_chosen_model_is_known_by_the_metric_alone() -> None:
    found = among_all(np.array([[2.0], [5.0]]), np.array([1.5]), np.array([1.0, 0.5]))
    assert found.standardised.ravel().tolist() == [1.5, 0.0]


def test_a_source_that_only_repeats_the_metric_is_no_division_by_zero() -> None:
    found = among_all(np.array([[1.0, 1.0], [3.0, 4.0]]), np.array([1.0, 1.0]), np.ones(2))
    assert np.isfinite(found.standardised).all()


def test_nan_is_refused() -> None:
    with pytest.raises(InputError, match="not a number"):
        among_all(np.array([[1.0, np.nan]]), np.array([1.0, 0.0]), np.ones(1))

"""Every score of a stack is the score of each model alone."""

import numpy as np
import pytest

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels
from synlearn.scorers.knn import knn
from synlearn.scorers.leep import leep
from synlearn.scorers.logme import logme
from synlearn.scorers.nce import nce
from synlearn.scorers.ridge_loo import ridge_loo
from synlearn.scorers.stacked import (
    accuracies,
    leep_of_many,
    nce_of_many,
    nearest_neighbour,
    ridge_loo_errors,
    squared_errors,
)
from synlearn.scorers.stacked_evidence import logme_of_many

SHAPES = [(1, 7), (1, 32), (2, 12), (5, 16), (5, 64), (12, 20)]
"""Rows of a class, width: fewer rows than features, as many, and more."""


def stack(k: int, d: int, models: int = 9) -> tuple[Float64, Labels]:
    """Rectified features with dead units, copied rows, and a model that knows nothing."""
    random = np.random.default_rng(k * 1000 + d)
    y = np.repeat(np.arange(5), k)
    means = random.normal(size=(models, 5, d)) * random.uniform(0, 2, (models, 1, 1))
    x = np.maximum(random.normal(size=(models, 5 * k, d)) + means[:, y], 0)
    x[:, :, :2] = 0.0
    x[0, 1] = x[0, 0]
    x[1, :, 4:] = 0.0
    return x.astype(np.float16).astype(np.float64), y


def probabilities(n: int, models: int = 9) -> Float64:
    random = np.random.default_rng(n)
    found = random.dirichlet(np.full(6, 0.3), size=(models, n))
    found[0, :, 3:] = 0.0  # a model of three classes
    return np.asarray(found / found.sum(axis=2, keepdims=True))


@pytest.mark.parametrize(("k", "d"), SHAPES)
def test_ridge_is_that_of_each_model(k: int, d: int) -> None:
    x, y = stack(k, d)
    missed = ridge_loo_errors(x, y)
    alone = [ridge_loo(own, y, measure="squared_error") for own in x]
    np.testing.assert_allclose(squared_errors(missed), alone, rtol=1e-9)
    np.testing.assert_allclose(accuracies(missed, y), [ridge_loo(own, y) for own in x], atol=1e-12)


@pytest.mark.parametrize(("k", "d"), SHAPES)
def test_nearest_neighbour_is_that_of_each_model(k: int, d: int) -> None:
    x, y = stack(k, d)
    np.testing.assert_allclose(nearest_neighbour(x, y), [knn(own, y) for own in x], atol=1e-12)


@pytest.mark.parametrize("k", [1, 4])
def test_counts_are_those_of_each_model(k: int) -> None:
    y, p = np.repeat(np.arange(5), k), probabilities(5 * k)
    np.testing.assert_allclose(leep_of_many(p, y), [leep(own, y) for own in p], atol=1e-12)
    np.testing.assert_allclose(nce_of_many(p, y), [nce(own, y) for own in p], atol=1e-12)


@pytest.mark.parametrize(("k", "d"), SHAPES)
def test_logme_is_that_of_each_model(k: int, d: int) -> None:
    x, y = stack(k, d)
    alone = []
    for own in x:
        try:
            alone.append(logme(own, y))
        except ScoreInputError:  # its evidence has no bound
            alone.append(np.inf)
    np.testing.assert_allclose(logme_of_many(x, y), alone, rtol=1e-9)


def test_logme_of_features_that_are_all_zero_is_the_evidence_of_noise() -> None:
    y = np.repeat(np.arange(5), 2)
    found = logme_of_many(np.zeros((2, 10, 4)), y)
    np.testing.assert_allclose(found, logme(np.zeros((10, 4)), y))


def test_a_penalty_that_is_next_to_nothing_is_refused() -> None:
    x, y = stack(2, 64)
    with pytest.raises(ScoreInputError, match="penalty is so small"):
        ridge_loo_errors(x, y, penalty=1e-14)

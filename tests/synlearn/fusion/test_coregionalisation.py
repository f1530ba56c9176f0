import numpy as np
import pytest
from numpy.typing import NDArray

from synlearn.fusion.coregionalisation import (
    JITTER,
    Covariances,
    Directions,
    Moments,
    fit,
    posterior,
)

Float64 = NDArray[np.float64]

TRUE = Covariances(
    shared=np.array([[0.8, 0.7, 0.3], [0.7, 0.9, 0.2], [0.3, 0.2, 0.6]]),
    own=np.array([[0.5, 0.1, 0.3], [0.1, 0.7, 0.0], [0.3, 0.0, 0.9]]),
)


def candidates(m: int, seed: int = 0) -> Float64:
    """A kernel of m models in a few families."""
    loadings = np.random.default_rng(seed).normal(size=(m, 4))
    return np.asarray(loadings @ loadings.T / 4)


def draws(true: Covariances, kernel: Float64, tasks: int, seed: int = 0) -> Float64:
    """Tasks from the model's definition, entry by entry, (tasks, q, m), centred."""
    q, m = len(true.own), len(kernel)
    whole = np.kron(true.shared, kernel) + np.kron(true.own, np.eye(m))
    found = np.random.default_rng(seed).multivariate_normal(np.zeros(q * m), whole, tasks)
    rows = found.reshape(tasks, q, m)
    return np.asarray(rows - rows.mean(axis=2, keepdims=True))


def dense_posterior(
    true: Covariances, kernel: Float64, sources: Float64
) -> tuple[Float64, Float64]:
    """Condition the Gaussian of all q * m centred numbers, by pseudo-inverse."""
    q, m = len(true.own), len(kernel)
    centre = np.kron(np.eye(q), np.eye(m) - 1 / m)
    own = true.own + JITTER * np.eye(q)
    whole = centre @ (np.kron(true.shared, kernel) + np.kron(own, np.eye(m))) @ centre
    gain = whole[:m, m:] @ np.linalg.pinv(whole[m:, m:], rcond=1e-10)
    return gain @ sources.ravel(), whole[:m, :m] - gain @ whole[m:, :m]


def test_the_closed_form_is_the_conditional_gaussian() -> None:
    kernel = candidates(9)
    sources = draws(TRUE, kernel, 1)[0, 1:]
    mean, covariance = dense_posterior(TRUE, kernel, sources)
    found = posterior(TRUE, Directions.of(kernel), sources)
    np.testing.assert_allclose(found.mean, mean, atol=1e-9)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-9)


def test_a_kernel_of_zero_is_regression() -> None:
    m, sources = 30, draws(TRUE, candidates(30), 1)[0, 1:]
    weights = np.linalg.solve(TRUE.own[1:, 1:] + JITTER * np.eye(2), TRUE.own[1:, 0])
    found = posterior(TRUE, Directions.of(np.zeros((m, m))), sources)
    np.testing.assert_allclose(found.mean, weights @ sources, atol=1e-9)


def test_fitting_recovers_the_best_weights() -> None:
    kernel = candidates(25)
    directions = Directions.of(kernel)
    fitted = fit([Moments.of(directions, draws(TRUE, kernel, 3000))])
    tasks = draws(TRUE, kernel, 200, seed=1)
    ours = np.array([posterior(fitted, directions, task[1:]).mean for task in tasks])
    best = np.array([posterior(TRUE, directions, task[1:]).mean for task in tasks])
    lost = ((ours - tasks[:, 0]) ** 2).mean() / ((best - tasks[:, 0]) ** 2).mean() - 1
    assert np.corrcoef(ours.ravel(), best.ravel())[0, 1] > 0.998
    assert lost < 0.005


def test_intervals_of_what_was_fitted_cover() -> None:
    kernel = candidates(25)
    directions = Directions.of(kernel)
    fitted = fit([Moments.of(directions, draws(TRUE, kernel, 500))])
    tasks = draws(TRUE, kernel, 300, seed=2)
    deviation = np.sqrt(np.diag(posterior(fitted, directions, tasks[0, 1:]).covariance))
    miss = [np.abs(posterior(fitted, directions, t[1:]).mean - t[0]) for t in tasks]
    assert np.mean(np.array(miss) < 1.96 * deviation) == pytest.approx(0.95, abs=0.015)


def test_groups_of_different_candidates_are_fitted_together() -> None:
    parts = [(candidates(m, seed=m), m) for m in (8, 14)]
    fitted = fit([Moments.of(Directions.of(k), draws(TRUE, k, 2000, seed=m)) for k, m in parts])
    kernel = candidates(20, seed=9)
    task = draws(TRUE, kernel, 1, seed=5)[0, 1:]
    directions = Directions.of(kernel)
    ours, best = (posterior(each, directions, task).mean for each in (fitted, TRUE))
    assert np.corrcoef(ours, best)[0, 1] > 0.99


def test_a_source_of_noise_gets_no_weight() -> None:
    kernel, random = candidates(20), np.random.default_rng(3)
    tasks = draws(TRUE, kernel, 1500)
    noise = random.normal(size=(1500, 1, 20))
    noise -= noise.mean(axis=2, keepdims=True)
    directions = Directions.of(kernel)
    fitted = fit([Moments.of(directions, np.concatenate([tasks, noise], axis=1))])
    sources = np.concatenate([tasks[0, 1:], noise[0]])
    silent = sources.copy()
    silent[-1] = 0.0
    with_noise, without = (posterior(fitted, directions, s).mean for s in (sources, silent))
    assert np.abs(with_noise - without).max() < 0.05


def test_a_copy_of_a_source_changes_nothing() -> None:
    kernel = candidates(15)
    tasks, directions = draws(TRUE, kernel, 800), Directions.of(kernel)
    twice = np.concatenate([tasks, tasks[:, -1:]], axis=1)
    one = fit([Moments.of(directions, tasks)])
    two = fit([Moments.of(directions, twice)])
    for task, other in zip(tasks[:5], twice[:5], strict=True):
        ours = posterior(two, directions, other[1:]).mean
        np.testing.assert_allclose(ours, posterior(one, directions, task[1:]).mean, atol=0.03)


def test_directions_rebuild_the_centred_kernel() -> None:
    kernel = candidates(11)
    centre = np.eye(11) - 1 / 11
    found = Directions.of(kernel)
    rebuilt = (found.vectors * found.strengths) @ found.vectors.T
    np.testing.assert_allclose(rebuilt, centre @ kernel @ centre, atol=1e-10)
    np.testing.assert_allclose(found.vectors.sum(axis=0), 0, atol=1e-10)


def test_the_variance_of_a_difference_is_that_of_the_covariance() -> None:
    kernel = candidates(6)
    found = posterior(TRUE, Directions.of(kernel), draws(TRUE, kernel, 1)[0, 1:])
    contrast = np.eye(6)[4] - np.eye(6)[1]
    expected = contrast @ found.covariance @ contrast
    assert found.difference_variance(1)[4] == pytest.approx(expected)
    assert found.difference_variance(1)[1] == 0

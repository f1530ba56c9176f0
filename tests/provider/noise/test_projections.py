import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from provider.noise.projections import onto_ball, onto_moments, onto_simplex, onto_whole_simplex

VECTORS = st.lists(
    st.floats(-1e6, 1e6, allow_nan=False, width=32), min_size=1, max_size=9
).map(np.array)  # fmt: skip


@given(vector=VECTORS, rows=st.integers(0, 1000))
def test_probabilities_of_so_many_rows(vector: np.ndarray, rows: int) -> None:
    found = onto_simplex(vector[None], np.array([float(rows)]))[0]
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(rows, rel=1e-9)


def test_the_nearest_point_of_the_simplex() -> None:
    random = np.random.default_rng(0)
    for _ in range(10):
        vector = random.normal(size=5) * 3
        found = onto_simplex(vector[None], np.array([2.0]))[0]
        other = minimize(
            lambda point, own=vector: ((point - own) ** 2).sum(),
            np.full(5, 0.4),
            bounds=[(0, None)] * 5,
            constraints={"type": "eq", "fun": lambda point: point.sum() - 2.0},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        ).x
        np.testing.assert_allclose(found, other, atol=1e-5)


def test_what_is_allowed_stays() -> None:
    own = np.array([[[0.5, 1.5, 0.0], [0.0, 0.0, 0.0]]])
    np.testing.assert_allclose(onto_simplex(own, np.array([[2.0, 0.0]])), own, atol=1e-15)
    counts = np.array([[3, 0, 4]])
    np.testing.assert_array_equal(onto_whole_simplex(counts * 1.0, np.array([7])), counts)


@given(vector=VECTORS, rows=st.integers(0, 1000))
def test_counts_of_so_many_rows(vector: np.ndarray, rows: int) -> None:
    found = onto_whole_simplex(vector[None], np.array([rows]))[0]
    assert (found >= 0).all()
    assert found.sum() == rows
    assert np.abs(found - onto_simplex(vector[None], np.array([float(rows)]))[0]).max() <= 1 + 1e-6


def test_a_ball() -> None:
    found = onto_ball(np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]), 1.0)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]])


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), noise=st.floats(0, 1e4), rows=st.integers(0, 30))
def test_moments_that_rows_could_have(seed: int, noise: float, rows: int) -> None:
    random = np.random.default_rng(seed)
    width = 5
    upper = np.triu_indices(width)
    x = random.normal(size=(rows, width))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    sums = x.sum(axis=0) + noise * random.normal(size=width)
    packed = (x.T @ x)[upper] + noise * random.normal(size=len(upper[0]))
    found, products = onto_moments(sums[None], packed[None], np.array([float(rows)]))
    full = np.zeros((width, width))
    full[upper] = products[0]
    full = full + np.triu(full, 1).T
    moments = np.block([[np.array([[float(rows)]]), found], [found.T, full]])
    assert np.linalg.eigvalsh(moments).min() >= -1e-9 * max(rows, 1)
    assert np.trace(full) <= rows * (1 + 1e-9)
    if not noise:
        np.testing.assert_allclose(found[0], sums, atol=1e-12)
        np.testing.assert_allclose(products[0], packed, atol=1e-9)

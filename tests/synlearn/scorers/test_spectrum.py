"""The row spectrum, by the Gram matrix and by singular values, is that of the matrix."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from synlearn.scorers.inputs import Float64
from synlearn.scorers.spectrum import centred, contrasts, row_spectrum


def projections(x: Float64, y: Float64) -> tuple[Float64, Float64]:
    """Squared singular values and squared coordinates, which have no free sign."""
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    return singular**2, (left.T @ y) ** 2


@pytest.mark.parametrize(("n", "d"), [(30, 7), (7, 30), (9, 9), (1, 3), (3, 1)])
@pytest.mark.parametrize("gram", [True, False])
def test_full_rank(n: int, d: int, gram: bool) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, 2))
    found = row_spectrum(x, y, gram=gram)
    squares, powers = projections(x, y)
    order = np.argsort(found.squares)[::-1]
    assert_allclose(found.squares[order], squares, rtol=1e-9)
    assert_allclose(found.coordinates[order] ** 2, powers, rtol=1e-8, atol=1e-12)
    outside = (y**2).sum(axis=0) - powers.sum(axis=0)
    assert_allclose(found.residual, outside if d < n else np.zeros(2), atol=1e-12)


def test_rank_is_found_where_the_gram_matrix_cannot_tell() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3))
    wide = np.hstack((x, x @ rng.normal(size=(3, 4)), np.zeros((20, 2))))
    assert len(row_spectrum(wide, np.ones((20, 1))).squares) == 3
    small = x * [1.0, 1e-6, 1e-10]  # squares span 1e-20: below the precision of a Gram matrix
    found = row_spectrum(small, np.eye(20))
    assert_allclose(found.squares, np.linalg.svd(small, compute_uv=False) ** 2, rtol=1e-4)


def test_no_features_have_no_axes() -> None:
    found = row_spectrum(np.zeros((4, 3)), np.ones((4, 2)))
    assert found.squares.shape == (0,)
    assert found.coordinates.shape == (0, 2)
    assert_allclose(found.residual, 4.0)


def test_contrasts_keep_the_scatter() -> None:
    x = centred(np.random.default_rng(1).normal(size=(8, 3)))
    rest = contrasts(x)
    assert rest.shape == (7, 3)
    assert_allclose(rest.T @ rest, x.T @ x, rtol=1e-12, atol=1e-12)


def test_centring_removes_what_only_rounding_moves() -> None:
    x = np.full((1001, 2), 0.1)
    x[::2, 1] = np.nextafter(0.1, 1.0)
    assert not centred(x).any()


def test_what_underflows_has_no_axes() -> None:
    assert len(row_spectrum(np.array([[1e-200], [2e-200]]), np.ones((2, 1))).squares) == 0

"""The regularised H-score against golden vectors and against its definition with matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synlearn.errors import ScoreInputError
from synlearn.scorers.hscore import hscore
from synlearn.scorers.hscore_regularised import hscore_regularised
from synlearn.scorers.inputs import Float64, Labels
from tests.synlearn.scorers.golden import Expected, array, expected
from tests.synlearn.scorers.test_hscore import clusters


def with_matrices(x: Float64, y: Labels) -> float:
    """Ledoit and Wolf's estimator with its sums over rows written out, and an inverse."""
    n, d = x.shape
    f = x - x.mean(axis=0)
    scatter = f.T @ f / n
    identity = np.eye(d) * np.trace(scatter) / d
    distance = ((scatter - identity) ** 2).sum()
    spread = sum(((np.outer(row, row) - scatter) ** 2).sum() for row in f) / n**2
    shrinkage = min(spread, distance) / distance
    shrunk = (1 - shrinkage) * scatter + shrinkage * identity
    means = np.stack([f[y == c].mean(axis=0) for c in y])
    between = (1 - shrinkage) * np.cov(means, rowvar=False)
    return float(np.trace(np.linalg.solve(shrunk, between)))


@pytest.mark.parametrize("want", expected("hscore_reg", "exact"), ids=lambda e: e.case)
def test_golden(want: Expected) -> None:
    want.check(hscore_regularised(array(want.case, "X"), array(want.case, "y").astype(np.int64)))


@pytest.mark.parametrize(("n", "d"), [(40, 5), (15, 60), (20, 20)])
def test_equals_the_definition_with_matrices(n: int, d: int) -> None:
    x, y = clusters(n, n, d)
    assert hscore_regularised(x, y) == pytest.approx(with_matrices(x, y), rel=1e-10)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([(30, 6), (9, 40)]), st.floats(-250, 250))
def test_order_names_rotation_and_unit_do_not_matter(
    seed: int, shape: tuple[int, int], exponent: float
) -> None:
    x, y = clusters(seed, *shape)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))
    rotation = np.linalg.qr(rng.normal(size=(shape[1], shape[1])))[0]
    names = rng.choice(1000, size=4, replace=False)
    moved = hscore_regularised(x[rows] @ rotation * 10.0**exponent, names[y[rows]])
    assert moved == pytest.approx(hscore_regularised(x, y), rel=1e-9)


def test_few_rows_tell_the_classes_from_noise() -> None:
    x, y = clusters(3, 20, 100)
    noise = np.random.default_rng(0).normal(size=x.shape)
    assert hscore_regularised(x, y) > hscore_regularised(noise, y) + 0.2


def test_many_rows_approach_the_h_score() -> None:
    x, y = clusters(4, 20_000, 3)
    assert hscore_regularised(x, y) == pytest.approx(hscore(x, y), rel=2e-3)


def test_two_opposite_rows_are_not_shrunk() -> None:
    """All f_i f_i' are equal, so a = 0 and the covariance stays singular."""
    assert hscore_regularised([[1.0, 1.0], [-1.0, -1.0]], [0, 1]) == pytest.approx(2.0)


def test_nothing_to_compare_scores_zero() -> None:
    assert hscore_regularised([[1.0, 2.0]], [0]) == 0.0
    assert hscore_regularised(np.full((6, 3), 0.1), [0, 0, 0, 1, 1, 1]) == 0.0
    assert hscore_regularised([[1.0], [2.0], [4.0]], [5, 5, 5]) == 0.0


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ([[1.0], [np.inf]], [0, 1], "infinity"),
        ([[1.0], [2.0]], [0, 1, 2], "one for each row"),
        ([["a"]], [0], "numbers"),
    ],
)
def test_bad_input_is_named(x: object, y: list[int], says: str) -> None:
    with pytest.raises(ScoreInputError, match=says):
        hscore_regularised(x, y)  # type: ignore[arg-type]

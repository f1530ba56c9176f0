"""H-score against golden vectors and against the trace of its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synlearn.errors import ScoreInputError
from synlearn.scorers.hscore import hscore
from synlearn.scorers.inputs import Float64, Labels
from tests.synlearn.scorers.golden import Expected, array, expected


def clusters(seed: int, n: int, d: int, classes: int = 4) -> tuple[Float64, Labels]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return rng.normal(size=(classes, d))[y] + rng.normal(size=(n, d)), y


def hscore_by_trace(x: Float64, y: Labels) -> float:
    means = np.stack([x[y == c].mean(axis=0) for c in y])
    return float(np.trace(np.linalg.inv(np.cov(x, rowvar=False)) @ np.cov(means, rowvar=False)))


# Among them are badscale, where public cut-offs lose small columns, and onedim, where one raises.
@pytest.mark.parametrize("want", expected("hscore", "exact"), ids=lambda e: e.case)
def test_golden(want: Expected) -> None:
    want.check(hscore(array(want.case, "X"), array(want.case, "y").astype(np.int64)))


@pytest.mark.parametrize(("n", "d"), [(40, 5), (200, 30), (13, 8)])
def test_equals_the_trace(n: int, d: int) -> None:
    x, y = clusters(n, n, d)
    assert hscore(x, y) == pytest.approx(hscore_by_trace(x, y), rel=1e-10)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([(30, 6), (12, 11), (9, 40)]))
def test_order_names_and_linear_maps_do_not_matter(seed: int, shape: tuple[int, int]) -> None:
    x, y = clusters(seed, *shape)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))
    mixing = rng.normal(size=(shape[1], shape[1])) + 4 * np.eye(shape[1])
    units = 10.0 ** rng.integers(-9, 9, size=shape[1])
    names = rng.choice(1000, size=4, replace=False)
    expected_score = hscore(x, y)
    assert hscore(x[rows] * units + 3.0 * units, names[y[rows]]) == pytest.approx(expected_score)
    assert hscore(x @ mixing, y) == pytest.approx(expected_score, rel=1e-8)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_no_scale_overflows(scale: float) -> None:
    x, y = clusters(0, 20, 4)
    assert hscore(x * scale, y) == pytest.approx(hscore(x, y), rel=1e-12)


@pytest.mark.parametrize("constant", [0.1, 1e8 + 0.3, -7e-12])
def test_a_constant_feature_changes_nothing(constant: float) -> None:
    x, y = clusters(1, 57, 4)  # 57 times 0.1, summed and divided by 57, is not 0.1
    wider = np.insert(x, 2, constant, axis=1)
    assert hscore(wider, y) == pytest.approx(hscore(x, y), rel=1e-12)


def test_repeated_and_collinear_features_change_nothing() -> None:
    x, y = clusters(2, 40, 4)
    wider = np.hstack((x, x[:, :1], x[:, :2] @ [[1.0], [2.0]]))
    assert hscore(wider, y) == pytest.approx(hscore(x, y), rel=1e-10)


def test_few_rows_always_score_classes_minus_one() -> None:
    x, y = clusters(3, 12, 50)
    assert hscore(x, y) == hscore(x, np.roll(y, 1) * 2) == pytest.approx(3.0, rel=1e-12)


def test_one_row_or_one_class_scores_zero() -> None:
    assert hscore([[1.0, 2.0]], [0]) == 0.0
    assert hscore([[1.0], [2.0], [4.0]], [5, 5, 5]) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ([[1.0], [np.nan]], [0, 1], "NaN"),
        ([[1.0], [2.0]], [0], "one for each row"),
        ([1.0, 2.0], [0, 1], "matrix"),
    ],
)
def test_bad_input_is_named(x: object, y: list[int], says: str) -> None:
    with pytest.raises(ScoreInputError, match=says):
        hscore(x, y)  # type: ignore[arg-type]

"""Leave-one-out ridge against n refits, and by properties."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError
from synlearn.scorers.ridge_loo import PENALTY_GRID, ridge_loo
from tests.synlearn.scorers.golden import array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def task(n: int, d: int, classes: int, seed: int = 0) -> tuple[Floats, Ints]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return rng.normal(size=(n, d)) + 0.7 * rng.normal(size=(classes, d))[y] + 3, y


def refitted(x: Floats, y: Ints, penalty: float) -> tuple[float, float]:
    """Accuracy and squared error by fitting n times, with an explicit intercept column."""
    n, d = x.shape
    one_hot = np.eye(y.max() + 1)[y]
    strength = penalty * ((x - x.mean(axis=0)) ** 2).sum() / n
    hits, error = 0, 0.0
    for i in range(n):
        keep = np.arange(n) != i
        design = np.hstack([x[keep], np.ones((n - 1, 1))])
        ridge = strength * np.eye(d + 1)
        ridge[-1, -1] = 0
        weights = np.linalg.solve(design.T @ design + ridge, design.T @ one_hot[keep])
        guess = np.append(x[i], 1) @ weights
        hits += guess.argmax() == y[i]
        error += float(((one_hot[i] - guess) ** 2).sum())
    return hits / n, error / n


@pytest.mark.parametrize("penalty", [1e-4, 0.1, 1.0, 30.0])
@pytest.mark.parametrize(("n", "d"), [(40, 6), (21, 20), (20, 20), (15, 60), (16, 15)])
def test_it_is_refitting_n_times(n: int, d: int, penalty: float) -> None:
    x, y = task(n, d, 3, seed=n)
    accuracy, error = refitted(x, y, penalty)
    assert ridge_loo(x, y, penalty) == pytest.approx(accuracy, abs=1e-12)
    assert ridge_loo(x, y, penalty, measure="squared_error") == pytest.approx(-error, rel=1e-7)


@pytest.mark.parametrize("case", ["singleton", "imbalanced", "binary", "degenerate", "fewshot10"])
def test_it_is_refitting_n_times_on_odd_data(case: str) -> None:
    x, y = array(case, "X"), array(case, "y").astype(np.int64)
    x = x[:, :40]
    accuracy, error = refitted(x, y, 0.5)
    assert ridge_loo(x, y, 0.5) == pytest.approx(accuracy, abs=1e-12)
    assert ridge_loo(x, y, 0.5, measure="squared_error") == pytest.approx(-error, rel=1e-7)


@pytest.mark.parametrize(("n", "d"), [(60, 8), (20, 90)])
def test_the_chosen_penalty_has_the_least_error(n: int, d: int) -> None:
    x, y = task(n, d, 4)
    errors = [ridge_loo(x, y, p, measure="squared_error") for p in PENALTY_GRID]
    assert ridge_loo(x, y, "loo", measure="squared_error") == max(errors)
    assert ridge_loo(x, y, "loo") == ridge_loo(x, y, PENALTY_GRID[int(np.argmax(errors))])


@pytest.mark.parametrize(("n", "d"), [(60, 8), (20, 90)])
def test_what_does_not_matter(n: int, d: int) -> None:
    rng = np.random.default_rng(5)
    x, y = task(n, d, 4)
    score = ridge_loo(x, y, measure="squared_error")
    rows, columns = rng.permutation(n), rng.permutation(d)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    same = [
        (x[rows], y[rows]),
        (x[:, columns], y),
        (x, 7 - 2 * y),
        (x @ rotation, y),
        (x + 10, y),
        (x * 1e200, y),
        (x * 1e-200, y),
        (np.hstack([x, np.full((n, 1), 7.0)]), y),
    ]
    for features, labels in same:
        assert ridge_loo(features, labels, measure="squared_error") == pytest.approx(score)


def test_constant_features_predict_the_most_frequent_other_class() -> None:
    constant = np.full((7, 3), 0.3)
    assert ridge_loo(constant, [0, 0, 0, 0, 0, 1, 1]) == 5 / 7
    assert ridge_loo(constant[:6], [0, 0, 0, 1, 1, 1]) == 0.0
    # Without row 0 classes 0 and 1 tie; without one of class 1, class 0 leads.
    assert ridge_loo(constant[:5], [0, 0, 0, 1, 1]) == pytest.approx((3 * 0.5 + 0) / 5)


def test_one_sample_in_each_class() -> None:
    x, y = task(5, 12, 5)
    assert ridge_loo(x, y) == 0.0
    assert ridge_loo(x, y, measure="squared_error") < -1


def test_one_class() -> None:
    x, _ = task(9, 4, 1)
    assert ridge_loo(x, np.zeros(9, dtype=int)) == 1.0
    assert ridge_loo(x, np.zeros(9, dtype=int), measure="squared_error") == 0.0


def test_separable_classes_are_told_apart() -> None:
    x, y = task(12, 300, 3)
    assert ridge_loo(x + 5 * np.eye(3, 300)[y] * 10, y) == 1.0


def test_memory_is_linear_in_wide_features() -> None:
    x, y = task(10, 20_000, 2)  # d x d would be 3 GB
    tracemalloc.start()
    ridge_loo(x, y)
    assert tracemalloc.get_traced_memory()[1] < 8 * x.nbytes
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("rows", "penalty", "measure", "message"),
    [
        (1, 1.0, "accuracy", "one row"),
        (9, 0.0, "accuracy", "penalty is 0.0"),
        (9, float("nan"), "accuracy", "penalty is nan"),
        (9, "gcv", "accuracy", "penalty is 'gcv'"),
        (9, 1e-13, "accuracy", "so small"),
        (9, 1.0, "f1", "measure is 'f1'"),
    ],
)
def test_bad_input_is_said(rows: int, penalty: float, measure: str, message: str) -> None:
    x, y = task(9, 12, 2)
    with pytest.raises(ScoreInputError, match=message):
        ridge_loo(x[:rows], y[:rows], penalty, measure=measure)  # type: ignore[arg-type]

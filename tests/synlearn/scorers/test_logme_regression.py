"""LogME for regression against golden vectors and against a multivariate normal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64
from synlearn.scorers.logme import logme
from synlearn.scorers.logme_regression import logme_regression
from tests.synlearn.scorers.golden import Expected, array, expected
from tests.synlearn.scorers.test_logme import VARIANTS

GOLDEN = [e for variant in VARIANTS for e in expected("logme_regression", variant)]


def line(seed: int, n: int, d: int, k: int = 2) -> tuple[Float64, Float64]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, x @ rng.normal(size=(d, k)) + rng.normal(size=(n, k))


@pytest.mark.parametrize("want", GOLDEN, ids=lambda e: f"{e.case}-{e.variant}")
def test_golden(want: Expected) -> None:
    schedule, likelihood = VARIANTS[want.variant]
    x, y = array(want.case, "X"), array(want.case, "Y")
    if want.status == "ok":
        found = logme_regression(x, y, schedule=schedule, likelihood=likelihood)
        if want.stable:  # r_exactfit hangs on the constants
            want.check(found)
    else:  # alpha / beta runs to 0 or to infinity, or the evidence does (r_exactfit)
        with pytest.raises(ScoreInputError, match=r"converged|linear function"):
            logme_regression(x, y, schedule=schedule)


@pytest.mark.parametrize("want", expected("logme_regression", "converged"), ids=lambda e: e.case)
def test_the_default_is_the_supremum(want: Expected) -> None:
    x, y = array(want.case, "X"), array(want.case, "Y")
    if want.case == "r_exactfit":
        with pytest.raises(ScoreInputError, match="target column 0 is a linear function"):
            logme_regression(x, y)
        return
    found = logme_regression(x, y)
    for schedule in ("fixed_point", "icml"):
        assert found >= logme_regression(x, y, schedule=schedule, likelihood=True) - 1e-12
    if want.status == "ok":
        want.check(found)


def test_is_the_largest_density_of_a_multivariate_normal() -> None:
    x, y = line(seed=0, n=25, d=4, k=1)

    def cost(log_parameters: Float64) -> float:
        alpha, beta = np.exp(log_parameters)
        covariance = np.eye(25) / beta + x @ x.T / alpha
        return -float(multivariate_normal(cov=covariance).logpdf(y[:, 0])) / 25

    best = -minimize(cost, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8}).fun
    assert logme_regression(x, y[:, 0]) == pytest.approx(best, abs=1e-8)


def test_equals_logme_on_columns_of_zeros_and_ones() -> None:
    x, _ = line(1, 20, 6)
    y = np.arange(20) % 3
    assert logme_regression(x, np.eye(3)[y]) == pytest.approx(logme(x, y), rel=1e-12)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([(20, 5), (8, 30)]), st.floats(-200, 200))
def test_order_does_not_matter_and_units_shift(
    seed: int, shape: tuple[int, int], exponent: float
) -> None:
    x, y = line(seed, *shape)
    rows = np.random.default_rng(seed).permutation(len(y))
    unit = 10.0**exponent
    moved = logme_regression(5.0 * x[rows], unit * y[rows][:, ::-1])
    assert moved + np.log(unit) == pytest.approx(logme_regression(x, y), rel=1e-9, abs=1e-9)


def test_weak_noise_is_found() -> None:
    """The residual has 1e-8 of the targets' length, its square 1e-16: no digit may be lost."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(30, 3))
    y = x @ [1.0, -1.0, 2.0] + 1e-6 * rng.normal(size=30)
    left, singular, right = np.linalg.svd(x, full_matrices=False)
    outside = y - left @ (left.T @ y)
    weights = right.T @ ((left.T @ y) / singular)  # almost no shrinkage: the noise is far below
    alpha, beta = 3 / (weights @ weights), 27 / (outside @ outside)
    near = -0.5 * (np.log(2 * np.pi / beta) + np.log1p(singular**2 * beta / alpha).sum() / 30 + 1.0)
    assert logme_regression(x, y) == pytest.approx(near, rel=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.ones((3, 1)), [0.0, 0.0, 0.0], "target column 0 is a linear function"),
        (np.ones((3, 1)), [1.0, 2.0], "2 targets for 3 rows"),
        (np.ones((3, 1)), [1.0, np.inf, 0.0], "infinity"),
        (np.full((3, 1), np.nan), [1.0, 2.0, 3.0], "NaN"),
    ],
)
def test_bad_input_is_named(x: Float64, y: list[float], says: str) -> None:
    with pytest.raises(ScoreInputError, match=says):
        logme_regression(x, y)


def test_an_unknown_schedule_is_named() -> None:
    with pytest.raises(ScoreInputError, match="'fast'"):
        logme_regression([[1.0], [2.0]], [1.0, 3.0], schedule="fast")

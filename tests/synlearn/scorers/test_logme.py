"""LogME against golden vectors and against the density of a multivariate normal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels
from synlearn.scorers.logme import logme
from tests.synlearn.scorers.golden import Expected, array, details, expected

VARIANTS = {
    "exact_fixed_point": ("fixed_point", False),
    "exact_icml": ("icml", False),
    "exact_evidence_at_fixed_point_params": ("fixed_point", True),
    "exact_evidence_at_icml_params": ("icml", True),
    "converged": ("converged", False),
}
GOLDEN = [e for variant in VARIANTS for e in expected("logme", variant)]
SEVERAL_MAXIMA = "badscale"  # the iteration ends at -0.66, the highest maximum is -0.38


def inputs(case: str) -> tuple[Float64, Labels]:
    return array(case, "X"), array(case, "y").astype(np.int64)


def clusters(seed: int, n: int, d: int, classes: int = 3) -> tuple[Float64, Labels]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return rng.normal(size=(classes, d))[y] + rng.normal(size=(n, d)), y


def of_present_classes(want: Expected) -> Expected:
    """Without the evidence of the empty class 2 that the references count in the case `gap`."""
    if want.case != "gap":
        return want
    detail = "per_target" if "evidence" in want.variant else "per_class"
    values = details("logme")[f"gap.{want.variant}.{detail}"][[0, 1, 3]].astype(np.float64)
    return Expected("gap", want.variant, "ok", float(values.mean()), 1e-9, 1e-11, stable=True)


@pytest.mark.parametrize("want", GOLDEN, ids=lambda e: f"{e.case}-{e.variant}")
def test_golden(want: Expected) -> None:
    want = of_present_classes(want)
    schedule, likelihood = VARIANTS[want.variant]
    x, y = inputs(want.case)
    if want.status == "ok":
        want.check(logme(x, y, schedule=schedule, likelihood=likelihood))
    else:  # alpha / beta runs to 0 or to infinity
        with pytest.raises(ScoreInputError, match="converged"):
            logme(x, y, schedule=schedule)


@pytest.mark.parametrize("want", expected("logme", "converged"), ids=lambda e: e.case)
def test_the_default_is_the_supremum(want: Expected) -> None:
    """It has a value also where the iteration has none: the limit at t = 0 or t = infinity."""
    x, y = inputs(want.case)
    found = logme(x, y)
    for schedule in ("fixed_point", "icml"):
        assert found >= logme(x, y, schedule=schedule, likelihood=True) - 1e-12
    if want.status == "ok" and want.case != SEVERAL_MAXIMA:
        want.check(found)


@pytest.mark.parametrize(("n", "d"), [(30, 4), (12, 40), (15, 15)])
def test_is_the_largest_density_of_a_multivariate_normal(n: int, d: int) -> None:
    x, y = clusters(seed=n, n=n, d=d)

    def cost(log_parameters: Float64, target: Float64) -> float:
        alpha, beta = np.exp(np.clip(log_parameters, -20, 20))
        covariance = np.eye(n) / beta + x @ x.T / alpha
        return -float(multivariate_normal(cov=covariance, allow_singular=True).logpdf(target)) / n

    best = []
    for c in range(3):
        target = (y == c).astype(np.float64)
        runs = [
            minimize(cost, start, args=(target,), method="Nelder-Mead", options={"xatol": 1e-7})
            for start in ([0.0, 0.0], [4.0, 4.0], [2.0, 12.0])
        ]
        best.append(-min(run.fun for run in runs))
    assert logme(x, y) == pytest.approx(np.mean(best), abs=2e-6)


def test_is_a_log_likelihood_at_the_schedule_s_parameters() -> None:
    x, y = inputs("fewshot")
    alphas = details("logme")["fewshot.thuml_icml.alphas"].astype(np.float64)
    betas = details("logme")["fewshot.thuml_icml.betas"].astype(np.float64)
    logs = [
        multivariate_normal(cov=np.eye(len(y)) / b + x @ x.T / a).logpdf((y == c).astype(float))
        for c, (a, b) in enumerate(zip(alphas, betas, strict=True))
    ]
    found = logme(x, y, schedule="icml", likelihood=True)
    assert found == pytest.approx(np.mean(logs) / len(y), rel=1e-9)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([(20, 5), (8, 30), (6, 6)]))
def test_order_names_rotation_and_unit_do_not_matter(seed: int, shape: tuple[int, int]) -> None:
    x, y = clusters(seed, *shape)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))
    rotation = np.linalg.qr(rng.normal(size=(shape[1], shape[1])))[0]
    names = rng.choice(1000, size=3, replace=False) - 500
    moved = logme(37.0 * x[rows] @ rotation, names[y[rows]])
    assert moved == pytest.approx(logme(x, y), rel=1e-9, abs=1e-10)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(-300, 300))
def test_no_scale_overflows(seed: int, exponent: float) -> None:
    x, y = clusters(seed, 12, 5)
    assert logme(x * 10.0**exponent, y) == pytest.approx(logme(x, y), rel=1e-9, abs=1e-10)


def test_columns_that_are_zero_change_nothing() -> None:
    x, y = clusters(1, 20, 6)
    wider = np.insert(x, [0, 3, 6], 0.0, axis=1)
    assert logme(wider, y) == pytest.approx(logme(x, y), rel=1e-12)


def test_both_decompositions_agree() -> None:
    """Equal columns make the Gram matrix singular, so the singular values are used instead."""
    x, y = clusters(2, 40, 6)
    twice = np.hstack((x, x)) / np.sqrt(2)
    assert logme(twice, y) == pytest.approx(logme(x, y), rel=1e-11)


def test_features_without_information_score_the_best_noise() -> None:
    y = np.array([0, 0, 1, 1, 2])
    noise = [-0.5 * (np.log(2 * np.pi * (y == c).mean()) + 1) for c in range(3)]
    assert logme(np.zeros((5, 4)), y) == pytest.approx(np.mean(noise), rel=1e-12)


def test_a_class_that_no_feature_touches_is_scored_as_noise() -> None:
    x, y = np.array([[1.0], [-1.0], [0.0]]), np.array([0, 0, 1])
    noise = [-0.5 * (np.log(2 * np.pi * share) + 1) for share in (2 / 3, 1 / 3)]
    assert logme(x, y) == pytest.approx(np.mean(noise), rel=1e-12)


def test_one_row_in_each_class_is_scored() -> None:
    x, _ = clusters(3, 5, 20)
    assert np.isfinite(logme(x, np.arange(5)))


@pytest.mark.parametrize(
    ("x", "y", "options", "says"),
    [
        (np.ones((4, 1)), [7, 7, 7, 7], {}, "class 7 is a linear function"),
        (np.eye(4)[:, [0, 0, 1]], [1, 0, 0, 0], {}, "class 1 is a linear function"),
        (np.full((4, 2), 1e200), [0, 0, 1, 1], {"schedule": "icml"}, "cannot square"),
        (np.ones((4, 2)), [0, 0, 1, 1], {"schedule": "best"}, "'best'; use one of maximum"),
        (np.full((4, 2), np.nan), [0, 0, 1, 1], {}, "NaN"),
        (np.ones((4, 2)), [0, 0, 1], {}, "one for each row"),
    ],
)
def test_bad_input_is_named(x: Float64, y: list[int], options: dict[str, str], says: str) -> None:
    with pytest.raises(ScoreInputError, match=says):
        logme(x, y, schedule=options.get("schedule", "maximum"))

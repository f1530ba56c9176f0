import math

import numpy as np
import pytest

from synlearn.errors import ScoreInputError
from synlearn.scorers.etran import (
    Covariance,
    Tail,
    etran,
    etran_discriminant,
    etran_energy,
    etran_regression,
)
from tests.synlearn.scorers import golden
from tests.synlearn.scorers.golden import Expected
from tests.synlearn.scorers.tasks import Array, ClassScoreContract, Ints, task
from tests.synlearn.scorers.test_sfda import eigen_posteriors

COVARIANCE: dict[str, Covariance] = {
    "exact_lda_shrunk": "shrunk",
    "exact_identity_lda": "identity",
}
ENERGY = [
    (want, percent, tail)
    for percent in ("0.5", "10", "100")
    for tail in ("bot", "top")
    for want in golden.expected("etran_energy", f"exact_{percent}pct_{tail}")
]
REGRESSION = [
    e
    for variant in ("exact_lstsq", "exact_energy80")
    for e in golden.expected("etran_regression", variant)
]


@pytest.mark.parametrize(
    "want",
    [e for variant in COVARIANCE for e in golden.expected("etran", variant)],
    ids=lambda e: f"{e.case}-{e.variant}",
)
def test_golden_discriminant(want: Expected) -> None:
    x, y = golden.array(want.case, "X"), golden.array(want.case, "y").astype(np.int64)
    covariance = COVARIANCE[want.variant]
    if want.status == "ok":
        want.check(etran_discriminant(x, y, covariance=covariance))
    else:
        with pytest.raises(ScoreInputError, match="spread within classes"):
            etran_discriminant(x, y, covariance=covariance)


@pytest.mark.parametrize(("want", "percent", "end"), ENERGY)
def test_golden_energy(want: Expected, percent: str, end: str) -> None:
    logits = golden.array(want.case, "logits")
    tail: Tail = "lowest" if end == "bot" else "highest"
    if want.status == "ok":
        want.check(etran_energy(logits, percent=float(percent), tail=tail))
    else:  # 0.5 percent of 150 rows: the mean of an empty set
        with pytest.raises(ScoreInputError, match="no row"):
            etran_energy(logits, percent=float(percent), tail=tail)


@pytest.mark.parametrize("want", REGRESSION, ids=lambda e: f"{e.case}-{e.variant}")
def test_golden_regression(want: Expected) -> None:
    x, y = golden.array(want.case, "X"), golden.array(want.case, "Y")
    want.check(etran_regression(x, y, kept=1.0 if want.variant == "exact_lstsq" else 0.8))


@pytest.mark.parametrize(("n", "d"), [(60, 5), (30, 30), (24, 50)])
def test_discriminant_equals_the_eigen_route(n: int, d: int) -> None:
    x, y = task(n, d, 4, seed=n, signal=0.3)
    x = 0.1 * x
    p, _ = eigen_posteriors(x, y, None)
    assert etran_discriminant(x, y) == pytest.approx(p[np.arange(n), y].mean(), rel=1e-9)


def test_identity_covariance_is_a_nearest_mean_posterior() -> None:
    x, y = task(40, 6, 3, seed=1)
    total = 0.0
    for row, label in zip(x, y, strict=True):
        weights = [
            np.mean(y == c) * math.exp(-0.5 * ((row - x[y == c].mean(axis=0)) ** 2).sum())
            for c in range(3)
        ]
        total += weights[label] / sum(weights)
    assert etran_discriminant(x, y, covariance="identity") == pytest.approx(total / 40, rel=1e-12)


def test_energy_row_by_row() -> None:
    z = np.random.default_rng(0).normal(size=(37, 5))
    energies = sorted(math.log(sum(math.exp(v) for v in row)) for row in z)
    assert etran_energy(z) == pytest.approx(sum(energies) / 37, rel=1e-12)
    assert etran_energy(z, percent=30) == pytest.approx(sum(energies[:11]) / 11, rel=1e-12)
    assert etran_energy(z, percent=30, tail="highest") == pytest.approx(
        sum(energies[-12:]) / 12, rel=1e-12
    )
    assert etran_energy(1000 * z) == pytest.approx(1000 * z.max(axis=1).mean(), rel=1e-6)
    # 0.3 percent of 1000 rows are three rows, though 0.3 * 10 falls short of 3 in binary
    thousand = np.arange(1000.0)[:, None]
    assert etran_energy(thousand, percent=0.3) == 1.0
    for percent in (0.0, -1.0, 101.0, float("nan")):
        with pytest.raises(ScoreInputError, match="percent"):
            etran_energy(z, percent=percent)


@pytest.mark.parametrize(("n", "d"), [(50, 6), (12, 40)])
def test_regression_by_normal_equations_in_principal_directions(n: int, d: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, d)) * np.linspace(1, 3, d), rng.normal(size=(n, 2))
    values, vectors = np.linalg.eigh(x.T @ x)
    values, vectors = values[::-1], vectors[:, ::-1]
    r = next(r for r in range(1, d + 1) if values[:r].sum() >= 0.8 * values.sum())
    reduced = x @ vectors[:, :r]
    fit, *_ = np.linalg.lstsq(reduced, y, rcond=None)
    want = -np.mean((y - reduced @ fit) ** 2)
    assert etran_regression(x, y) == pytest.approx(want, rel=1e-9)
    full, *_ = np.linalg.lstsq(x, y, rcond=None)
    assert etran_regression(x, y, kept=1.0) == pytest.approx(
        -np.mean((y - x @ full) ** 2), rel=1e-9, abs=1e-20
    )


def test_regression_keeps_equal_singular_values_together() -> None:
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 5)))
    y = np.random.default_rng(1).normal(size=20)
    # five equal values: 80 percent would keep four, and rounding would say which
    assert etran_regression(q, y) == pytest.approx(etran_regression(q, y, kept=1.0), rel=1e-12)
    assert etran_regression(np.zeros((20, 3)), y) == pytest.approx(-np.mean(y**2))
    assert etran_regression(q, q @ np.arange(5.0), kept=1.0) == pytest.approx(0, abs=1e-25)
    for kept in (0.0, 1.5, float("nan")):
        with pytest.raises(ScoreInputError, match="kept"):
            etran_regression(q, y, kept=kept)
    with pytest.raises(ScoreInputError, match="targets"):
        etran_regression(q, y[:-1])


def test_regression_does_not_see_the_order_of_rows_or_the_unit_of_the_features() -> None:
    x, y = golden.array("r_well", "X"), golden.array("r_well", "Y")
    order = np.random.default_rng(0).permutation(len(x))
    want = etran_regression(x, y)
    assert etran_regression(x[order], y[order]) == pytest.approx(want, rel=1e-10)
    assert etran_regression(1e3 * x, y) == pytest.approx(want, rel=1e-10)
    assert etran_regression(x, 3 * y) == pytest.approx(9 * want, rel=1e-10)


def test_the_sum_of_the_parts() -> None:
    x, y = task(30, 5, 3, 0)
    logits = x[:, :2] * 2
    assert etran(x, y) == etran_energy(x) + etran_discriminant(x, y)
    assert etran(x, y, logits=logits, covariance="identity", percent=50, tail="highest") == (
        etran_energy(logits, percent=50, tail="highest")
        + etran_discriminant(x, y, covariance="identity")
    )


class TestEtran(ClassScoreContract):
    translation = False  # the energy moves with the features
    tolerance = 1e-8

    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return etran(x, y)


class TestEtranIdentity(ClassScoreContract):
    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return etran_discriminant(x, y, covariance="identity")

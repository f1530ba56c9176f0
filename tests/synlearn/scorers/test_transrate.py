import math
from fractions import Fraction
from typing import Literal

import numpy as np
import pytest

from synlearn.errors import ScoreInputError
from synlearn.scorers.transrate import transrate
from tests.synlearn.scorers import golden
from tests.synlearn.scorers.golden import Expected
from tests.synlearn.scorers.tasks import Array, ClassScoreContract, Ints, task

Weights = Literal["class_size", "uniform"]


def by_case(*variants: str) -> list[Expected]:
    return [e for variant in variants for e in golden.expected("transrate", variant)]


@pytest.mark.parametrize(
    "want", by_case("exact_uniform", "exact_weighted"), ids=lambda e: f"{e.case}-{e.variant}"
)
def test_golden(want: Expected) -> None:
    weights: Weights = "uniform" if want.variant == "exact_uniform" else "class_size"
    x, y = golden.array(want.case, "X"), golden.array(want.case, "y").astype(np.int64)
    want.check(transrate(x, y, weights=weights))


@pytest.mark.parametrize("want", by_case("huang_eig_l2rows"), ids=lambda e: f"{e.case}-{e.variant}")
def test_golden_with_rows_of_unit_length(want: Expected) -> None:
    x, y = golden.array(want.case, "X"), golden.array(want.case, "y").astype(np.int64)
    got = transrate(x, y, unit_rows=True)
    if want.status == "ok":
        want.check(got)
    else:
        # the authors' code fails on rows of length zero (constant) and on gaps in the labels
        assert np.isfinite(got)


def rate(z: Array, eps: float) -> float:
    eigenvalues = np.linalg.eigvalsh(np.eye(z.shape[1]) + z.T @ z / (len(z) * eps))
    return 0.5 * float(np.log(eigenvalues).sum())


@pytest.mark.parametrize(("n", "d"), [(60, 5), (30, 30), (20, 70)])
@pytest.mark.parametrize("eps", [1e-4, 0.5])
def test_equals_the_definition(n: int, d: int, eps: float) -> None:
    x, y = task(n, d, 4, seed=n + d)
    z = x - x.mean(axis=0)
    entropy = [np.mean(y == c) * rate(z[y == c], eps) for c in range(4)]
    assert transrate(x, y, eps=eps) == pytest.approx(rate(z, eps) - sum(entropy), rel=1e-9)
    uniform = np.mean([rate(z[y == c], eps) for c in range(4)])
    assert transrate(x, y, eps=eps, weights="uniform") == pytest.approx(
        rate(z, eps) - uniform, rel=1e-9
    )


def exact_rate(z: list[list[Fraction]], eps: Fraction) -> float:
    """log det in rational arithmetic, by elimination."""
    n, d = len(z), len(z[0])
    m = [[(i == j) + sum(r[i] * r[j] for r in z) / (n * eps) for j in range(d)] for i in range(d)]
    log_det = 0.0
    for k in range(d):
        log_det += math.log(m[k][k])
        for i in range(k + 1, d):
            factor = m[i][k] / m[k][k]
            m[i] = [a - factor * b for a, b in zip(m[i], m[k], strict=True)]
    return 0.5 * log_det


@pytest.mark.parametrize(("n", "d"), [(6, 9), (12, 4)])
def test_large_features_do_not_drown_the_small_directions(n: int, d: int) -> None:
    x, y = task(n, d, 2, seed=0)
    x[:, 0] *= 1e7
    x[:, 1] *= 1e-3
    rows = [[Fraction(float(v)) for v in row] for row in x]
    means = [sum(column, Fraction(0)) / n for column in zip(*rows, strict=True)]
    z = [[v - m for v, m in zip(row, means, strict=True)] for row in rows]
    eps = Fraction(1e-4)
    want = exact_rate(z, eps)
    for c in range(2):
        members = [row for row, label in zip(z, y, strict=True) if label == c]
        want -= len(members) / n * exact_rate(members, eps)
    assert transrate(x, y) == pytest.approx(want, rel=1e-7)


def test_one_class_constant_features_and_one_row_a_class() -> None:
    x, y = task(20, 4, 2, 0)
    assert transrate(x, np.zeros_like(y)) == pytest.approx(0, abs=1e-12)
    for unit_rows in (False, True):
        constant = np.full((21, 3), 0.1)
        assert transrate(constant, np.arange(21) % 3, unit_rows=unit_rows) == 0
    assert transrate(x, np.arange(20)) > 0
    for eps in (0.0, -1.0, float("nan")):
        with pytest.raises(ScoreInputError, match="eps"):
            transrate(x, y, eps=eps)


@pytest.mark.parametrize("seed", range(10))
def test_never_negative_with_class_sizes_as_weights(seed: int) -> None:
    # log det is concave and the covariance of all rows is the weighted mean of the classes'
    x, y = task(30, 8, 5, seed, signal=0.0)
    assert transrate(x, y) >= -1e-10


class TestTransrate(ClassScoreContract):
    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return transrate(x, y)


class TestTransrateOfUnitRows(ClassScoreContract):
    scale = True

    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return transrate(x, y, unit_rows=True, weights="uniform")

import math
from itertools import permutations

import numpy as np
import pytest

from synlearn.errors import ScoreInputError
from synlearn.scorers.gbc import Covariance, gbc
from tests.synlearn.scorers import golden
from tests.synlearn.scorers.golden import Expected
from tests.synlearn.scorers.tasks import Array, ClassScoreContract, Ints, task

COVARIANCE: dict[str, Covariance] = {
    "exact_diagonal": "diagonal",
    "exact_spherical": "spherical_released",
    "paper_spherical": "spherical",
    "log_neg_diagonal": "diagonal",
    "log_neg_spherical": "spherical_released",
    "log_neg_paper_spherical": "spherical",
}
CASES = [e for variant in COVARIANCE for e in golden.expected("gbc", variant)]


@pytest.mark.parametrize("want", CASES, ids=lambda e: f"{e.case}-{e.variant}")
def test_golden(want: Expected) -> None:
    x, y = golden.array(want.case, "X"), golden.array(want.case, "y").astype(np.int64)
    covariance = COVARIANCE[want.variant]
    if want.status != "ok":  # log of the overlap of a single class, -inf in the vectors
        with pytest.raises(ScoreInputError, match="needs 2"):
            gbc(x, y, covariance=covariance)
    elif want.variant.startswith("log_neg"):
        want.check(-gbc(x, y, covariance=covariance))
    else:
        want.check(gbc(x, y, covariance=covariance, scale="linear"))


def gbc_by_definition(x: Array, y: Ints, *, diagonal: bool) -> float:
    """The paper's formula for general Gaussians, with determinants and inverses."""
    total = 0.0
    for i, j in permutations(range(int(y.max()) + 1), 2):
        mu, cov = [], []
        for c in (i, j):
            v = np.maximum(x[y == c].var(axis=0), 1e-4)
            mu.append(x[y == c].mean(axis=0))
            cov.append(np.diag(v if diagonal else np.full_like(v, v.mean())))
        middle = (cov[0] + cov[1]) / 2
        delta = mu[0] - mu[1]
        distance = delta @ np.linalg.inv(middle) @ delta / 8 + 0.5 * math.log(
            np.linalg.det(middle) / math.sqrt(np.linalg.det(cov[0]) * np.linalg.det(cov[1]))
        )
        total -= math.exp(-distance)
    return total


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize(("n", "d"), [(50, 3), (12, 15)])
def test_equals_the_definition(n: int, d: int, diagonal: bool) -> None:
    x, y = task(n, d, 4, seed=d, signal=0.5)
    x[:, 0] = 0.3  # a constant feature has the variance floor
    want = gbc_by_definition(x, y, diagonal=diagonal)
    covariance: Covariance = "diagonal" if diagonal else "spherical"
    assert gbc(x, y, covariance=covariance, scale="linear") == pytest.approx(want, rel=1e-9)
    assert gbc(x, y, covariance=covariance) == pytest.approx(-math.log(-want), rel=1e-9)


def test_the_default_ranks_where_the_sum_underflows() -> None:
    x, y = task(40, 200, 4, seed=0)
    near, far, farther = (x + shift * np.eye(4, 200)[y] for shift in (10, 1000, 2000))
    assert gbc(far, y, scale="linear") == gbc(farther, y, scale="linear") == 0
    assert gbc(near, y) < gbc(far, y) < gbc(farther, y)


def test_equal_classes_overlap_wholly_and_one_class_with_none() -> None:
    x = np.tile(np.random.default_rng(0).normal(size=(6, 4)), (3, 1))
    y = np.repeat([0, 1, 2], 6)
    assert gbc(x, y, scale="linear") == pytest.approx(-6)
    assert gbc(x, y) == pytest.approx(-math.log(6))
    assert gbc(x, np.zeros(18, dtype=int), scale="linear") == 0
    with pytest.raises(ScoreInputError, match="needs 2"):
        gbc(x, np.zeros(18, dtype=int))


@pytest.mark.parametrize("floor", [0.0, -1.0, float("nan"), float("inf")])
def test_the_floor_is_a_variance(floor: float) -> None:
    with pytest.raises(ScoreInputError, match="floor"):
        gbc(*task(10, 3, 2, 0), floor=floor)


class TestGbc(ClassScoreContract):
    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return gbc(x, y)


class TestGbcDiagonal(ClassScoreContract):
    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return gbc(x, y, covariance="diagonal", scale="linear")

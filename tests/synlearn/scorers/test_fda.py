import numpy as np
import pytest
from scipy.linalg import eigh

from synlearn.errors import ScoreInputError
from synlearn.scorers.fda import fda
from tests.synlearn.scorers import golden
from tests.synlearn.scorers.golden import Expected
from tests.synlearn.scorers.tasks import Array, ClassScoreContract, Ints, task


@pytest.mark.parametrize("want", golden.expected("fda", "exact"), ids=lambda e: e.case)
def test_golden(want: Expected) -> None:
    x, y = golden.array(want.case, "X"), golden.array(want.case, "y").astype(np.int64)
    if want.status == "ok" and want.stable:
        want.check(fda(x, y))
    else:
        # `square` is "ok" only in name: its S_w has rank n - c < d and the reference's 1.0 comes
        # from a rounding error, which the vectors themselves mark as unstable
        with pytest.raises(ScoreInputError, match="non-singular scatter"):
            fda(x, y)


def fda_by_definition(x: Array, y: Ints) -> float:
    """Equations 2-3 of the paper: U with U' S_w U = I, one row at a time."""
    classes = range(int(y.max()) + 1)
    means = np.array([x[y == c].mean(axis=0) for c in classes])
    s_w = (x - means[y]).T @ (x - means[y]) / len(x)
    s_b = np.cov(x.T, bias=True) - s_w
    _, u = eigh(s_b, s_w)
    total = 0.0
    for row, label in zip(x, y, strict=True):
        scores = [
            row @ u @ u.T @ means[c] - means[c] @ u @ u.T @ means[c] / 2 + np.log(np.mean(y == c))
            for c in classes
        ]
        total += 1 / sum(np.exp(s - scores[label]) for s in scores)
    return total / len(x)


@pytest.mark.parametrize(("n", "d"), [(60, 2), (40, 12), (30, 26)])
def test_equals_the_definition(n: int, d: int) -> None:
    x, y = task(n, d, 4, seed=d, signal=0.4)
    assert fda(x, y) == pytest.approx(fda_by_definition(x, y), rel=1e-9)


def test_every_invertible_map_of_the_features_gives_the_same() -> None:
    x, y = task(50, 6, 3, seed=1, signal=0.5)
    turn = np.random.default_rng(2).normal(size=(6, 6)) * np.logspace(-3, 3, 6)
    assert fda(x @ turn + 4, y) == pytest.approx(fda(x, y), rel=1e-7)


def test_principal_components_first() -> None:
    # The golden `fennec_pca32` is no oracle for wide inputs: it uses a randomised, inexact PCA.
    x, y = task(40, 90, 3, seed=5, signal=0.5)
    left, values, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    assert fda(x, y, components=7) == pytest.approx(
        fda_by_definition(left[:, :7] * values[:7], y), rel=1e-9
    )
    tall, y = task(80, 20, 3, seed=6, signal=0.5)
    left, values, _ = np.linalg.svd(tall - tall.mean(axis=0), full_matrices=False)
    assert fda(tall, y, components=7) == pytest.approx(
        fda_by_definition(left[:, :7] * values[:7], y), rel=1e-9
    )
    with pytest.raises(ScoreInputError, match="at least 1"):
        fda(tall, y, components=0)


def test_collinear_constant_and_nearly_collinear_features() -> None:
    x, y = task(60, 5, 3, seed=2)
    for extra in (x[:, 0] + 2 * x[:, 1], np.full(60, 0.1), x[:, 2], 1.0 * y):
        with pytest.raises(ScoreInputError, match="non-singular scatter"):
            fda(np.column_stack([x, extra]), y)
    # independent by a millionth is still independent: it equals the feature without its twin part
    other = np.random.default_rng(0).normal(size=60)
    near = np.column_stack([x, x[:, 0] + 1e-6 * other])
    assert fda(near, y) == pytest.approx(fda(np.column_stack([x, other]), y), rel=1e-6)


class TestFda(ClassScoreContract):
    scale = True

    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return fda(x, y)

    def defined_for_wide(self) -> bool:
        return False

import tracemalloc

import numpy as np
import pytest
from scipy.linalg import eigh

from synlearn.errors import ScoreInputError
from synlearn.scorers.sfda import sfda
from tests.synlearn.scorers import golden
from tests.synlearn.scorers.golden import Expected
from tests.synlearn.scorers.tasks import Array, ClassScoreContract, Ints, task


@pytest.mark.parametrize("want", golden.expected("sfda", "exact"), ids=lambda e: e.case)
def test_golden(want: Expected) -> None:
    x, y = golden.array(want.case, "X"), golden.array(want.case, "y").astype(np.int64)
    if want.status == "ok":
        want.check(sfda(x, y))
    else:
        with pytest.raises(ScoreInputError):
            sfda(x, y)


def eigen_posteriors(x: Array, y: Ints, shrinkage: float | None) -> tuple[Array, float]:
    """The paper's route: U from the generalised eigenproblem of S_b and the shrunk S_w."""
    n, d = x.shape
    classes = range(int(y.max()) + 1)
    means = np.array([x[y == c].mean(axis=0) for c in classes])
    s_w = sum((len(x[y == c]) / n) * np.cov(x[y == c].T, bias=True) for c in classes)
    s_t = np.cov(x.T, bias=True)
    if shrinkage is None:
        left = s_w.sum(axis=1)
        right = left
        for _ in range(3):
            right = s_w @ left / np.linalg.norm(s_w @ left)
            left = s_w @ right / np.linalg.norm(s_w @ right)
        shrinkage = max(float(np.exp(-5 * left @ s_w @ right)), 1e-10)
    shrunk = (1 - shrinkage) * s_w + shrinkage * np.trace(s_w) / d * np.eye(d)
    _, u = eigh(s_t - shrunk, shrunk)
    z, m = x @ u, means @ u
    priors = np.array([np.mean(y == c) for c in classes])
    scores = z @ m.T - 0.5 * (m**2).sum(axis=1) + np.log(priors)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True), shrinkage


def sfda_by_definition(x: Array, y: Ints) -> Array:
    """(n,) true-class posteriors of the second stage."""
    p, shrinkage = eigen_posteriors(x, y, None)
    classes = range(int(y.max()) + 1)
    means = [x[y == c].mean(axis=0) for c in classes]
    mixed = np.empty_like(x)
    for i, c in enumerate(y):
        confidence = np.exp(p[i, c]) / np.exp(p[i]).sum()
        others = np.mean([means[o] for o in classes if o != c], axis=0)
        mixed[i] = confidence * x[i] + (1 - confidence) * others
    p, _ = eigen_posteriors(mixed, y, shrinkage)
    return p[np.arange(len(y)), y]


@pytest.mark.parametrize(("n", "d"), [(60, 5), (40, 12), (30, 30), (24, 50)])
def test_equals_the_eigen_route(n: int, d: int) -> None:
    # small features: shrinkage near 1, so that n < d is not saturated and can be compared
    x, y = task(n, d, 4, seed=n + d, signal=0.3)
    x = 0.1 * x
    probabilities = sfda_by_definition(x, y)
    assert 0.1 < probabilities.mean() < 1
    assert sfda(x, y) == pytest.approx(probabilities.mean(), rel=1e-9)
    assert sfda(x, y, log=True) == pytest.approx(np.log(probabilities).mean(), rel=1e-8)


def test_rows_that_all_sum_to_the_same_have_no_start_for_the_power_steps() -> None:
    rng = np.random.default_rng(3)
    y = np.arange(60) % 3
    x = rng.dirichlet(np.ones(6), size=60) + 0.2 * np.eye(6)[y]
    assert 0.3 < sfda(x, y) <= 1
    # the largest eigenvalue does not see the order of the features, as a rounding error would
    assert sfda(x[:, ::-1], y) == pytest.approx(sfda(x, y), rel=1e-9)


def test_a_log_orders_models_that_saturate() -> None:
    x, y = task(200, 3, 3, seed=0, signal=1.0)
    apart = x + 60 * np.eye(3)[y]
    farther = x + 90 * np.eye(3)[y]
    assert sfda(apart, y) == sfda(farther, y) == 1.0
    assert sfda(apart, y, log=True) <= 0


def test_one_class_or_one_row_a_class() -> None:
    x, y = task(10, 4, 2, 0)
    with pytest.raises(ScoreInputError, match="needs 2"):
        sfda(x, np.zeros_like(y))
    with pytest.raises(ScoreInputError, match="spread within classes"):
        sfda(x, np.arange(10))
    # equal rows in every class, whose mean is not exact in binary
    with pytest.raises(ScoreInputError, match="spread within classes"):
        sfda(np.repeat([[0.1, 0.3], [0.7, 1 / 3]], 7, axis=0), np.repeat([0, 1], 7))


def test_wide_features_never_form_a_square_matrix() -> None:
    x, y = task(10, 20_000, 3, 0)
    tracemalloc.start()
    sfda(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * x.nbytes  # d x d would be 3.2 GB


class TestSfda(ClassScoreContract):
    tolerance = 1e-8

    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return sfda(x, y)

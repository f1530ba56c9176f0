import math
from typing import Literal

import numpy as np
import pytest

from synlearn.errors import ScoreInputError
from synlearn.scorers.ncti import NctiParts, ncti, ncti_parts
from synlearn.scorers.principal import principal_components
from tests.synlearn.scorers import golden
from tests.synlearn.scorers.tasks import Array, ClassScoreContract, Ints, task

CASES = ["large", "pca64", "large_scaled", "pca64_scaled"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("within", ["n", "n_minus_c"])
def test_golden(case: str, within: Literal["n", "n_minus_c"]) -> None:
    stored = golden.details("ncti")
    source = case.removesuffix("_scaled")
    x = golden.array(source, "X") * float(stored[f"{case}.exact.scale"])
    y = golden.array(source, "y").astype(np.int64)
    parts = ncti_parts(x, y, within=within)
    want = stored[f"{case}.exact" if within == "n" else f"{case}.exact_within_n_minus_c"]
    got = np.array([parts.seli, parts.ncc, parts.variability])
    np.testing.assert_allclose(got, want.astype(np.float64), rtol=1e-9)
    assert parts.shrinkage == pytest.approx(float(stored[f"{case}.exact.shrinkage"]), rel=1e-9)
    assert ncti(x, y, within=within) == parts.seli + parts.ncc - parts.variability


@pytest.mark.parametrize("case", ["well", "fewshot"])
def test_a_value_where_the_reference_raises(case: str) -> None:
    # The authors' code demands 64 components; with fewer in the data we keep what there is.
    parts = ncti_parts(golden.array(case, "X"), golden.array(case, "y").astype(np.int64))
    assert 0.9 < parts.ncc <= 1
    assert parts.seli > 0


def ncti_by_definition(x: Array, y: Ints) -> NctiParts:
    """From a full singular value decomposition and unsymmetric eigenvectors of S_w^-1 S_b."""
    n, c = len(x), int(y.max()) + 1
    left, values, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    k = min(64, int((values > 1e-10).sum()))
    z = left[:, :k] * values[:k]
    shrinkage = max(math.exp(-(values[:32] ** 2).sum() / (n - 1)), 1e-10)
    means = np.array([z[y == label].mean(axis=0) for label in range(c)])
    s_w = (z - means[y]).T @ (z - means[y]) / n
    s_t = z.T @ z / n
    s_b = s_t - s_w
    if shrinkage > 1e-10:
        draw = [(1 - shrinkage) * s + shrinkage * np.trace(s) / k * np.eye(k) for s in (s_w, s_t)]
        s_w, s_b = draw[0], draw[1] - draw[0]
    inverse = np.linalg.inv(s_w)
    ratios, vectors = np.linalg.eig(inverse @ s_b)
    order = np.argsort(-ratios.real)[: c - 1]
    u = vectors.real[:, order]
    u = u / np.sqrt(np.diag(u.T @ s_w @ u))
    seli = np.linalg.norm(z @ u - (z @ u).mean(axis=0), ord="nuc")
    priors = np.array([np.mean(y == label) for label in range(c)])
    scores = z @ inverse @ means.T - 0.5 * np.diag(means @ inverse @ means.T) + np.log(priors)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    nuclear = sum(np.linalg.norm(p[y == label], ord="nuc") for label in range(c))
    return NctiParts(float(seli), float(p[np.arange(n), y].mean()), math.log(nuclear), shrinkage)


# unshrunk and n < d has a singular within-class scatter: the plain definition cannot invert it
@pytest.mark.parametrize(
    ("n", "d", "factor"),
    [(120, 10, 0.03), (120, 10, 10.0), (60, 30, 0.03), (60, 30, 10.0), (40, 90, 0.03)],
)
def test_equals_the_definition(n: int, d: int, factor: float) -> None:
    x, y = task(n, d, 4, seed=n)
    got, want = ncti_parts(factor * x, y), ncti_by_definition(factor * x, y)
    assert (got.shrinkage > 1e-10) == (factor < 1)
    for name in ("seli", "ncc", "variability", "shrinkage"):
        assert getattr(got, name) == pytest.approx(getattr(want, name), rel=1e-7), name


def test_bounds() -> None:
    x, y = task(200, 12, 5, seed=0, signal=3.0)
    parts = ncti_parts(x, y)
    counts = np.bincount(y)
    assert 0 <= parts.ncc <= 1
    assert parts.variability >= math.log(np.sqrt(counts / 5).sum()) - 1e-12


def test_equal_class_means_leave_no_direction() -> None:
    half = np.random.default_rng(0).normal(size=(20, 6)) * 10
    x = np.concatenate([half, half])
    parts = ncti_parts(x, np.repeat([0, 1], 20))
    assert parts.seli == pytest.approx(0, abs=1e-9)
    assert parts.ncc == pytest.approx(0.5)


@pytest.mark.parametrize("factor", [0.01, 1.0, 100.0])
def test_where_it_is_not_defined(factor: float) -> None:
    x, y = task(12, 5, 3, 0)
    x = factor * x
    with pytest.raises(ScoreInputError, match="needs 2"):
        ncti(x, np.zeros(12, dtype=int))
    with pytest.raises(ScoreInputError, match="spread within classes"):
        ncti(x, np.arange(12))
    with pytest.raises(ScoreInputError, match="spread within classes"):
        ncti(x[:3][y], y)
    with pytest.raises(ScoreInputError, match="all rows are equal"):
        ncti(np.full((12, 5), 0.1 * factor), y)
    with pytest.raises(ScoreInputError, match="at least 1"):
        ncti(x, y, components=0)


@pytest.mark.parametrize(("n", "d"), [(30, 80), (80, 30), (30, 30), (2, 5), (5, 1)])
@pytest.mark.parametrize("stretch", [1.0, 1e7])
def test_principal_components_equal_a_singular_value_decomposition(
    n: int, d: int, stretch: float
) -> None:
    x = np.random.default_rng(n).normal(size=(n, d))
    x[:, 0] *= stretch  # beyond what a product of the rows resolves
    got = principal_components(x, 200, "test")
    left, values, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    k = min(n - 1, d)
    want = left[:, :k] * values[:k]
    assert got.scores.shape == (n, k)
    np.testing.assert_allclose(np.abs(got.scores), np.abs(want), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(got.variances, values[:k] ** 2 / (n - 1), rtol=1e-7)


class TestNcti(ClassScoreContract):
    tolerance = 1e-7

    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return ncti(x, y)

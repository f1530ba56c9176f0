"""RSA against golden vectors, scipy's Spearman, and by properties."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import rankdata, spearmanr

from synlearn.errors import ScoreInputError
from synlearn.scorers.pairs import standard_columns, tied_ranks
from synlearn.scorers.rsa import rsa
from tests.synlearn.scorers.golden import Expected, array, expected


@pytest.mark.parametrize("case", expected("rsa", "exact"))
def test_golden(case: Expected) -> None:
    x, reference = array(case.case, "X"), array(case.case, "R")
    if case.status == "nan":
        with pytest.raises(ScoreInputError, match="constant"):
            rsa(x, reference)
    else:  # where the reference is unstable, its tolerance says by how much
        case.check(rsa(x, reference))


@pytest.mark.parametrize(("n", "d"), [(30, 6), (12, 100), (3, 4)])
def test_it_is_spearman_on_condensed_distances(n: int, d: int) -> None:
    rng = np.random.default_rng(d)
    x = rng.normal(size=(n, d))
    reference = x[:, : d // 2] + rng.normal(size=(n, d // 2))
    sides = [pdist(standard_columns(side), "correlation") for side in (x, reference)]
    assert rsa(x, reference) == pytest.approx(100 * spearmanr(*sides).statistic, abs=1e-9)


def test_equal_rows_tie_whatever_the_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    x, reference = rng.normal(size=(20, 90)), rng.normal(size=(20, 70))
    x[10:] = x[:10]
    scores = set()
    for seed in range(10):
        rows = np.random.default_rng(seed).permutation(20)
        scores.add(round(rsa(x[rows], reference[rows]), 9))
    assert len(scores) == 1


def test_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    x, reference = rng.normal(size=(15, 7)), rng.normal(size=(15, 9))
    score = rsa(x, reference)
    assert rsa(reference, x) == pytest.approx(score)
    assert rsa(x[:, ::-1] * np.geomspace(1e-200, 1e200, 7) + 3e-201, reference) == pytest.approx(
        score
    )
    assert rsa(x, x * 5 - 2) == pytest.approx(100)


def test_a_constant_feature_changes_nothing_but_the_rows_mean() -> None:
    rng = np.random.default_rng(2)
    x, reference = rng.normal(size=(15, 7)), rng.normal(size=(15, 9))
    by_zeros = standard_columns(np.hstack([x, np.zeros((15, 1))]))
    expected_score = spearmanr(
        pdist(by_zeros, "correlation"), pdist(standard_columns(reference), "correlation")
    ).statistic
    with_constant = np.hstack([x, np.full((15, 1), 0.1)])  # whose standard deviation is not 0
    assert rsa(with_constant, reference) == pytest.approx(100 * expected_score)


def test_bad_input_is_said() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 4))
    for features, reference, message in [
        (x, x[:5], "6 rows and reference 5"),
        (x[:2], x[:2], "needs 3"),
        (np.ones((6, 4)), x, "features: once columns are standardised, row 0 is constant"),
        (x, x[:, :1], "reference: once"),
        (np.full((6, 4), np.nan), x, "NaN"),
        (np.eye(6), x, "features: all pairs of rows are equally alike"),
    ]:
        with pytest.raises(ScoreInputError, match=message):
            rsa(features, reference)


@pytest.mark.parametrize("levels", [1, 5, 1000])
def test_ranks_are_scipys(levels: int) -> None:
    values = np.random.default_rng(0).integers(0, levels, 300) / 7
    assert np.array_equal(tied_ranks(values) + 1, rankdata(values))

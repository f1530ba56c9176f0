import numpy as np
import pytest
from scipy.stats import spearmanr

from synlearn.errors import ScoreInputError
from synlearn.scorers.parc import parc, spearman_with_binary
from tests.synlearn.scorers import golden
from tests.synlearn.scorers.golden import Expected
from tests.synlearn.scorers.tasks import Array, ClassScoreContract, Ints, task


@pytest.mark.parametrize("want", golden.expected("parc", "exact"), ids=lambda e: e.case)
def test_golden(want: Expected) -> None:
    x, y = golden.array(want.case, "X"), golden.array(want.case, "y").astype(np.int64)
    if want.status == "ok":
        want.check(parc(x, y))
    else:
        with pytest.raises(ScoreInputError):
            parc(x, y)


def parc_by_definition(x: Array, y: Ints) -> float:
    """Pair by pair, with the label side from one-hot rows as the paper has it, rounded."""
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    one_hot = np.eye(int(y.max()) + 1)[y]
    a, b = [], []
    for i in range(len(x)):
        for j in range(i):
            a.append(round(1 - float(np.corrcoef(z[i], z[j])[0, 1]), 9))
            b.append(round(1 - float(np.corrcoef(one_hot[i], one_hot[j])[0, 1]), 9))
    return 100 * float(spearmanr(a, b).statistic)


@pytest.mark.parametrize(("n", "d", "classes"), [(30, 8, 2), (24, 60, 5), (20, 2, 3), (12, 3, 11)])
def test_equals_the_definition(n: int, d: int, classes: int) -> None:
    x, y = task(n, d, classes, seed=n)
    assert parc(x, y) == pytest.approx(parc_by_definition(x, y), rel=1e-9)


def test_equals_the_definition_after_principal_components() -> None:
    # The golden `parc_pca32` is no oracle: it has the reference's split ties, and a randomised PCA.
    x, y = task(30, 50, 3, seed=8)
    left, values, right = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    signs = [1 if max(row, key=abs) > 0 else -1 for row in right]
    scores = left * values * signs
    for components, rank in ((6, 6), (32, 29)):
        # beyond the rank are rounding errors, which standardisation would blow up
        want = parc_by_definition(scores[:, :rank], y)
        assert parc(x, y, components=components) == pytest.approx(want, rel=1e-9)


def test_equal_rows_and_two_features_are_ties_in_every_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    for x in (np.repeat(rng.normal(size=(8, 30)), 4, axis=0), rng.normal(size=(32, 2))):
        y = rng.integers(0, 3, 32)
        want = parc(x, y)
        for _ in range(5):
            order = rng.permutation(32)
            assert parc(x[order], y[order]) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_spearman_with_an_indicator_equals_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, 40).astype(float)
    larger = rng.random(40) < (seed + 0.5) / 5
    want = spearmanr(values, larger).statistic
    assert spearman_with_binary(values, larger) == pytest.approx(want, rel=1e-12)


def test_perfect_separation_and_constant_columns() -> None:
    y = np.arange(12) % 3
    assert parc(np.eye(3)[y], y) == pytest.approx(100)
    noisy, _ = task(12, 5, 3, 0)
    with_constant = np.column_stack([noisy, np.full(12, 0.1)])
    assert np.isfinite(parc(with_constant, y))


def test_where_it_is_not_defined() -> None:
    x, y = task(12, 4, 3, 0)
    for labels in (np.zeros(12, dtype=int), np.arange(12)):
        with pytest.raises(ScoreInputError, match="pairs of rows of one class"):
            parc(x, labels)
    for flat in (x[:, :1], np.full((12, 4), 0.1), np.repeat(x[:, :1], 4, axis=1)):
        with pytest.raises(ScoreInputError, match="features that vary"):
            parc(flat, y)
    with pytest.raises(ScoreInputError, match="all pairs"):
        parc(np.eye(3), np.array([0, 0, 1]))


class TestParc(ClassScoreContract):
    scale = True

    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return parc(x, y)


class TestParcOfComponents(ClassScoreContract):
    scale = True

    @staticmethod
    def score(x: Array, y: Ints) -> float:
        return parc(x, y, components=4)

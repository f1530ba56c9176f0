"""Nearest neighbours against golden vectors, a naive loop, and by properties."""

import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError
from synlearn.scorers.knn import Metric, knn
from tests.synlearn.scorers.golden import Expected, array, expected

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

VARIANTS: dict[str, tuple[int, Metric]] = {
    "parc_knn1_l2": (1, "l2"),
    "parc_knn3_l2": (3, "l2"),
    "parc_knn1_cosine": (1, "cosine"),
}


def task(n: int, d: int, classes: int, seed: int = 0) -> tuple[Floats, Ints]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return rng.normal(size=(n, d)) + rng.normal(size=(classes, d))[y], y


def naive(x: Floats, y: Ints, k: int) -> float:
    """The definition, for distances that are all different; votes that tie share the point."""
    hits = 0.0
    for i in range(len(x)):
        others = sorted((float(((x[i] - x[j]) ** 2).sum()), y[j]) for j in range(len(x)) if j != i)
        votes = [label for _, label in others[:k]]
        most = max(votes.count(label) for label in votes)
        winners = {label for label in votes if votes.count(label) == most}
        hits += (y[i] in winners) / len(winners)
    return hits / len(x)


@pytest.mark.parametrize("case", [c for v in VARIANTS for c in expected("proxies", v) if c.stable])
def test_golden_leave_one_out(case: Expected) -> None:
    k, metric = VARIANTS[case.variant]
    case.check(100 * knn(array(case.case, "X"), array(case.case, "y"), k, metric=metric))


@pytest.mark.parametrize("case", expected("proxies", "split_half_1nn_acc"))
def test_golden_halves(case: Expected) -> None:
    if not case.stable:
        pytest.skip("the reference itself moves")
    case.check(knn(array(case.case, "X"), array(case.case, "y"), protocol="halves"))


@pytest.mark.parametrize("k", [1, 2, 3, 7])
@pytest.mark.parametrize(("n", "d"), [(60, 5), (25, 200)])
def test_it_is_the_naive_loop(n: int, d: int, k: int) -> None:
    x, y = task(n, d, 4, seed=k)
    assert knn(x, y, k) == pytest.approx(naive(x, y, k), abs=1e-12)


def test_cosine_is_the_naive_loop_on_unit_rows() -> None:
    x, y = task(40, 6, 3)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert knn(x, y, 3, metric="cosine") == pytest.approx(naive(unit, y, 3), abs=1e-12)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = task(50, 8, 3)
    whole = [knn(x, y, k) for k in (1, 3)]
    # By its module: the package's attribute of this name is the function.
    monkeypatch.setattr(sys.modules["synlearn.scorers.knn"], "BLOCK", 120)
    assert [knn(x, y, k) for k in (1, 3)] == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_order_of_rows_columns_and_classes_and_scale_do_not_matter(k: int, metric: Metric) -> None:
    rng = np.random.default_rng(3)
    x, y = task(60, 12, 4)
    x = np.round(x * 2) + 0.1  # many equal distances
    score = knn(x, y, k, metric=metric)
    rows, columns = rng.permutation(60), rng.permutation(12)
    assert knn(x[rows], y[rows], k, metric=metric) == pytest.approx(score, abs=1e-12)
    assert knn(x[:, columns], y, k, metric=metric) == pytest.approx(score, abs=1e-12)
    assert knn(x * 3.7e150, 10 - 3 * y, k, metric=metric) == pytest.approx(score, abs=1e-12)


def test_equal_rows_tie_exactly() -> None:
    rng = np.random.default_rng(0)
    twins = np.repeat(rng.normal(size=(1, 300)), 3, axis=0)
    far = rng.normal(size=(1, 300))
    # Each of the first three has two equal neighbours; the last has three, two of its class.
    assert knn(np.vstack([twins, far]), [0, 0, 1, 0]) == pytest.approx((0.5 + 0.5 + 0 + 2 / 3) / 4)


def test_distances_that_differ_by_rounding_tie() -> None:
    line = np.array([[0.1], [0.2], [0.3], [1.5]])
    assert 0.2 - 0.1 != 0.3 - 0.2
    assert knn(line, [0, 1, 1, 1]) == pytest.approx((0 + 1 / 2 + 1 + 1) / 4)


def test_a_far_point_does_not_blur_near_ones() -> None:
    near = np.array([[0.0], [1.0], [3.0], [3.5], [1e9]])
    assert knn(near, [0, 0, 1, 1, 1]) == 1.0


def test_constant_features_give_chance() -> None:
    y = np.repeat([0, 1], 10)
    assert knn(np.full((20, 3), 0.75), y) == pytest.approx(9 / 19)
    assert knn(np.full((20, 3), 0.75), y, 3) == 0.0


def test_a_constant_feature_changes_nothing() -> None:
    x, y = task(30, 5, 3)
    assert knn(np.hstack([x, np.full((30, 1), 7.0)]), y) == knn(x, y)


def test_odd_labels() -> None:
    x, y = task(30, 5, 3)
    assert knn(x, 5 * y - 3) == knn(x, y)
    assert knn(x, np.zeros(30, dtype=int)) == 1.0
    assert knn(x[:3], [0, 1, 2]) == 0.0


@pytest.mark.parametrize(
    ("k", "options", "message"),
    [
        (0, {}, "k is 0"),
        (10, {}, "choose from 1 to 9"),
        (1.5, {}, "k is 1.5"),
        (6, {"protocol": "halves"}, "choose from 1 to 5"),
        (1, {"metric": "l1"}, "metric is 'l1'"),
        (1, {"protocol": "thirds"}, "protocol is 'thirds'"),
        (1, {"metric": "cosine"}, "row 4 is zero"),
    ],
)
def test_bad_input_is_said(k: int, options: dict[str, str], message: str) -> None:
    x, y = task(10, 3, 2)
    x[4] = 0
    with pytest.raises(ScoreInputError, match=message):
        knn(x, y, k, **options)  # type: ignore[arg-type]

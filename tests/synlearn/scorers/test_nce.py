"""NCE against golden vectors and against counting, pair by pair."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels
from synlearn.scorers.nce import nce
from tests.synlearn.scorers.golden import Expected, array, expected


def task(seed: int, n: int = 30) -> tuple[Float64, Labels]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(6, 0.5), size=n), rng.integers(4, size=n)


def nce_by_counting(probs: Float64, y: Labels) -> float:
    pairs = list(zip(y.tolist(), probs.argmax(axis=1).tolist(), strict=True))
    total = 0.0
    for label, prediction in set(pairs):
        together = pairs.count((label, prediction))
        alone = sum(z == prediction for _, z in pairs)
        total += together / len(pairs) * math.log(together / alone)
    return total


@pytest.mark.parametrize("want", expected("nce", "exact"), ids=lambda e: e.case)
def test_golden(want: Expected) -> None:
    want.check(nce(array(want.case, "P"), array(want.case, "y").astype(np.int64)))


@pytest.mark.parametrize("seed", range(5))
def test_equals_counting(seed: int) -> None:
    probs, y = task(seed)
    assert nce(probs, y) == pytest.approx(nce_by_counting(probs, y), rel=1e-12)


@given(st.integers(0, 10_000))
def test_order_and_names_do_not_matter(seed: int) -> None:
    probs, y = task(seed)  # no two probabilities of a row are equal, so columns may move too
    rng = np.random.default_rng(seed + 1)
    rows, columns = rng.permutation(len(y)), rng.permutation(probs.shape[1])
    names = rng.choice(100, size=4, replace=False)
    shuffled = nce(probs[rows][:, columns], names[y[rows]])
    assert shuffled == pytest.approx(nce(probs, y), rel=1e-12)


@given(st.integers(0, 10_000))
def test_only_the_predicted_class_matters(seed: int) -> None:
    probs, y = task(seed)
    sharper = probs**2 / (probs**2).sum(axis=1, keepdims=True)
    assert nce(sharper, y) == nce(probs, y)


def test_the_first_of_equal_probabilities_is_the_prediction() -> None:
    assert nce([[0.5, 0.5], [1.0, 0.0]], [0, 1]) == pytest.approx(-math.log(2))


@pytest.mark.parametrize(
    ("probs", "labels", "says"),
    [
        ([[0.5, 0.6]], [0], "summing to 1"),
        ([[np.inf, 1.0]], [0], "infinity"),
        ([0.5, 0.5], [0, 1], "matrix"),
        ([[0.5, 0.5]], [[0]], "labels have shape"),
    ],
)
def test_bad_input_is_named(probs: object, labels: object, says: str) -> None:
    with pytest.raises(ScoreInputError, match=says):
        nce(probs, labels)  # type: ignore[arg-type]

"""LEEP against golden vectors, its definition in loops, and NCE on hard predictions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels
from synlearn.scorers.leep import leep
from synlearn.scorers.nce import nce
from tests.synlearn.scorers.golden import Expected, array, expected


def task(seed: int, n: int = 30, sources: int = 7, classes: int = 4) -> tuple[Float64, Labels]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(sources, 0.3), size=n), rng.integers(classes, size=n)


def leep_in_loops(probs: Float64, y: Labels) -> float:
    n, sources = probs.shape
    joint = {(c, z): 0.0 for c in set(y.tolist()) for z in range(sources)}
    for i in range(n):
        for z in range(sources):
            joint[int(y[i]), z] += probs[i, z] / n
    total = 0.0
    for i in range(n):
        predicted = 0.0
        for z in range(sources):
            mass = sum(joint[c, z] for c in set(y.tolist()))
            predicted += joint[int(y[i]), z] / mass * probs[i, z] if mass else 0.0
        total += math.log(predicted) / n
    return total


# Among them are p_onehot and p_zerocol, where the public references return NaN.
@pytest.mark.parametrize("want", expected("leep", "exact"), ids=lambda e: e.case)
def test_golden(want: Expected) -> None:
    want.check(leep(array(want.case, "P"), array(want.case, "y").astype(np.int64)))


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_definition(seed: int) -> None:
    probs, y = task(seed)
    assert leep(probs, y) == pytest.approx(leep_in_loops(probs, y), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_equals_nce_on_hard_predictions(seed: int) -> None:
    probs, y = task(seed)
    hard = np.eye(probs.shape[1])[probs.argmax(axis=1)]
    assert leep(hard, y) == pytest.approx(nce(hard, y), rel=1e-12)


@given(st.integers(0, 10_000))
def test_order_and_names_do_not_matter(seed: int) -> None:
    probs, y = task(seed)
    rng = np.random.default_rng(seed + 1)
    rows, columns = rng.permutation(len(y)), rng.permutation(probs.shape[1])
    names = rng.choice(100, size=4, replace=False)
    shuffled = leep(probs[rows][:, columns], names[y[rows]])
    assert shuffled == pytest.approx(leep(probs, y), rel=1e-11)


@given(st.integers(0, 10_000))
def test_lies_between_the_label_entropy_and_zero(seed: int) -> None:
    probs, y = task(seed, n=8)
    shares = np.unique(y, return_counts=True)[1] / len(y)
    assert (shares * np.log(shares)).sum() - 1e-12 <= leep(probs, y) <= 0


def test_equal_rows_tell_nothing() -> None:
    assert leep(np.full((4, 3), 1 / 3), [0, 0, 5, 5]) == pytest.approx(-math.log(2))


def test_vanishing_probabilities_are_counted_without_underflow() -> None:
    assert leep([[1.0, 1e-310], [1.0, 0.0]], [0, 1]) == pytest.approx(-math.log(2))


@pytest.mark.parametrize(
    ("probs", "labels", "says"),
    [
        ([[0.5, 0.6]], [0], "summing to 1"),
        ([[1.5, -0.5]], [0], "not below 0"),
        ([[np.nan, 1.0]], [0], "NaN"),
        ([[0.5, 0.5]], [0, 1], "one for each row"),
        ([[0.5, 0.5]], [0.5], "whole numbers"),
        (np.empty((0, 3)), [], "n, d >= 1"),
    ],
)
def test_bad_input_is_named(probs: object, labels: object, says: str) -> None:
    with pytest.raises(ScoreInputError, match=says):
        leep(probs, labels)  # type: ignore[arg-type]

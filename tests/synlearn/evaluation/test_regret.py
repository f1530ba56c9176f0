"""Regret against golden vectors, by hand, and by properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError
from synlearn.evaluation.regret import (
    hybrid_picks,
    regret,
    relative_delta,
    relative_regret,
    top_picks,
)
from tests.synlearn.scorers.golden import details

Floats = NDArray[np.float64]


def golden(key: str) -> Floats:
    return details("regret")[key].astype(np.float64)


@pytest.mark.parametrize("budget", [1, 2, 3, 4])
def test_golden_simple(budget: int) -> None:
    accuracy, case = golden("simple.accuracy"), f"simple.b{budget}"
    picks = top_picks(golden("simple.proxy"), budget)
    assert picks.tolist() == golden(f"{case}.selected").tolist()
    assert regret(accuracy, picks) == pytest.approx(golden(f"{case}.absolute_regret"), abs=1e-12)
    assert relative_regret(accuracy, picks) == pytest.approx(
        golden(f"{case}.relative_regret"), abs=1e-12
    )


@pytest.mark.parametrize("budget", [2, 3])
def test_golden_hybrid(budget: int) -> None:
    accuracy, case = golden("simple.accuracy"), f"simple.hybrid_b{budget}"
    picks = hybrid_picks(golden("simple.agnostic"), golden("simple.proxy"), budget)
    assert picks.tolist() == golden(f"{case}.selected").tolist()
    assert regret(accuracy, picks) == pytest.approx(golden(f"{case}.absolute_regret"), abs=1e-12)
    assert relative_regret(accuracy, picks) == pytest.approx(
        golden(f"{case}.relative_regret"), abs=1e-12
    )


def test_golden_pool() -> None:
    accuracy, proxy = golden("pool20.accuracy"), golden("pool20.proxy")
    picks = [top_picks(proxy, budget) for budget in range(1, 21)]
    assert [regret(accuracy, p) for p in picks] == pytest.approx(
        golden("pool20.absolute_regret_by_budget").tolist(), abs=1e-12
    )
    assert [relative_regret(accuracy, p) for p in picks] == pytest.approx(
        golden("pool20.relative_regret_by_budget").tolist(), abs=1e-12
    )


def test_golden_delta() -> None:
    for first, second, value in zip(
        golden("delta.s1"), golden("delta.s2"), golden("delta.value"), strict=True
    ):
        if np.isnan(value):
            with pytest.raises(ScoreInputError, match="no errors"):
                relative_delta(first, second)
        else:
            assert relative_delta(first, second) == pytest.approx(value, abs=1e-12)


def test_golden_expectations() -> None:
    runs = golden("expect.runs").T  # stored as (models, runs)
    picks = details("regret")["expect.selections"]
    oracle, strategy = golden("expect.oracle"), golden("expect.strategy")
    assert runs.mean(axis=0).max() == pytest.approx(oracle)
    assert regret(runs, picks) == pytest.approx(oracle - strategy, abs=1e-12)
    assert regret(runs, picks) == pytest.approx(golden("expect.absolute_regret"), abs=1e-12)
    assert relative_regret(runs, picks) == pytest.approx(
        golden("expect.relative_regret"), abs=1e-12
    )


def test_the_expectation_is_outside_the_picks_maximum() -> None:
    runs = [[0.9, 0.5, 0.1], [0.5, 0.9, 0.1]]
    assert regret(runs, [0, 1]) == pytest.approx(0.7 - 0.9)  # each run keeps its own best
    assert regret(runs, [[0], [1]]) == pytest.approx(0.7 - 0.9)
    assert regret(runs, [2]) == pytest.approx(0.7 - 0.1)


@given(
    st.lists(st.floats(0, 0.99), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_one_run(accuracies: list[float], random: object) -> None:
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    order = rng.permutation(len(accuracies))
    regrets = [regret(accuracies, order[: b + 1]) for b in range(len(order))]
    assert all(0 <= r <= 1 for r in regrets)
    assert regrets == sorted(regrets, reverse=True)  # a larger budget never hurts
    assert regrets[-1] == 0
    renamed = np.argsort(order)
    shuffled = np.asarray(accuracies)[order]
    picks = rng.choice(len(order), size=rng.integers(1, len(order) + 1), replace=False)
    assert regret(shuffled, renamed[picks]) == regret(accuracies, picks)
    assert 0 <= relative_regret(accuracies, picks) <= 1


def test_picks_of_equal_scores_come_in_order() -> None:
    assert top_picks([1, 3, 3, -np.inf], 3).tolist() == [1, 2, 0]
    assert hybrid_picks([1, 2, 9], [5, 5, 5], 3).tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("accuracies", "picks", "message"),
    [
        ([], [0], "neither empty"),
        ([[[0.1]]], [0], "neither empty"),
        ([70.0, 80.0], [0], "divide percentages"),
        ([0.5, np.nan], [0], "must lie in"),
        ([0.5, 0.6], [], "B >= 1"),
        ([0.5, 0.6], [[0], [1], [0]], "for 1 runs"),
        ([0.5, 0.6], [2], "from 0 to 1"),
        ([0.5, 0.6], [-1], "from 0 to 1"),
        ([0.5, 0.6], [0.0], "whole numbers"),
        ([0.5, 0.6], [True, False], "whole numbers"),
        ([0.5, 0.6], [1, 1], "twice"),
    ],
)
def test_bad_input_is_said(accuracies: object, picks: object, message: str) -> None:
    for metric in (regret, relative_regret):
        with pytest.raises(ScoreInputError, match=message):
            metric(accuracies, picks)  # type: ignore[arg-type]


def test_bad_scores_are_said() -> None:
    with pytest.raises(ScoreInputError, match="budget is 0"):
        top_picks([1, 2], 0)
    with pytest.raises(ScoreInputError, match="without NaN"):
        top_picks([1, np.nan], 1)
    with pytest.raises(ScoreInputError, match="budget 3"):
        hybrid_picks([1, 2], [1, 2], 3)
    with pytest.raises(ScoreInputError, match="two scores for each"):
        hybrid_picks([1, 2, 3], [1, 2], 2)
    with pytest.raises(ScoreInputError, match="must lie in"):
        relative_delta(float("nan"), 0.5)

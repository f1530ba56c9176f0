"""Rows kept as columns are the same rows, however they are looked at."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synlearn.ranked_models import RankedModel, RankedModels, best_first

ROWS = RankedModels(
    models=["c", "a", "d", "b"],
    scores=np.array([2.0, 1.0, 1.0, 1.0]),
    tied=np.array([True, False, False, True]),
    lows=np.array([1.5, 0.0, 0.0, 0.5]),
    highs=np.array([2.5, 2.0, 2.0, 1.5]),
    tiers=np.array([1, 2, 2, 2]),
    odds=np.array([0.7, 0.1, 0.1, 0.1]),
    run=3,
)
BARE = RankedModels(["a"], np.array([1.0]), np.array([True]))


def test_a_row_has_what_the_columns_have() -> None:
    first = RankedModel("c", 2.0, 1.5, 2.5, 1, True, 1, 0.7, was_run=True)
    last = RankedModel("b", 1.0, 0.5, 1.5, 4, True, 2, 0.1, was_run=False)
    assert ROWS[0] == first
    assert ROWS[-1] == last


def test_equal_scores_share_a_rank_within_their_part() -> None:
    """The last one has not been run: what it has is another kind of score."""
    assert [row.rank for row in ROWS] == [1, 2, 2, 4]
    assert [row.rank for row in replace(ROWS, run=0)] == [1, 2, 2, 2]
    assert [row.rank for row in replace(ROWS, run=4)] == [1, 2, 2, 2]


def test_without_members_there_are_no_intervals() -> None:
    assert BARE[0] == RankedModel("a", 1.0, None, None, 1, tied_with_best=True)


@pytest.mark.parametrize("rows", [ROWS, BARE])
def test_rows_are_the_same_one_by_one_and_all_at_once(rows: RankedModels) -> None:
    assert list(rows) == [rows[place] for place in range(len(rows))]
    for row in rows:
        kinds = (type(row.score), type(row.rank), type(row.tied_with_best), type(row.was_run))
        assert kinds == (float, int, bool, bool)


def test_it_is_a_sequence_like_a_tuple() -> None:
    rows = tuple(ROWS)
    assert len(ROWS) == len(rows) == 4
    assert ROWS[:2] == rows[:2]
    assert ROWS[::-1] == rows[::-1]
    assert rows == ROWS
    assert hash(ROWS) == hash(rows)
    assert rows[1] in ROWS
    assert rows[:2] != ROWS
    with pytest.raises(IndexError):
        ROWS[4]


@given(st.dictionaries(st.text("abAB09._-", min_size=1), st.integers(-2, 2), min_size=1))
def test_best_first_is_by_score_then_id(scores: dict[str, int]) -> None:
    models = list(scores)
    found = best_first(models, np.array([float(scores[name]) for name in models]))
    assert [models[place] for place in found] == sorted(models, key=lambda n: (-scores[n], n))

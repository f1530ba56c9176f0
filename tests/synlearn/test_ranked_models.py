"""Rows made on demand are the rows that would have been made at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synlearn.ranked_models import RankedModel, RankedModels, best_first

ROWS = RankedModels(
    models=["c", "a", "b"],
    scores=np.array([2.0, 1.0, 1.0]),
    margins=np.array([0.5, 0.25, 1.0]),
    tied=np.array([True, False, True]),
    tiers=np.array([1, 2, 2]),
)


def test_a_row_has_what_the_columns_say() -> None:
    assert ROWS[0] == RankedModel("c", 2.0, 1.5, 2.5, 1, tied_with_best=True, tier=1)
    assert ROWS[-1] == RankedModel("b", 1.0, 0.0, 2.0, 2, tied_with_best=True, tier=2)
    assert ROWS[1].rank == 2


BARE = RankedModels(["a"], np.array([1.0]), None, np.array([True]))


def test_without_margins_and_tiers_there_are_none() -> None:
    assert BARE[0] == RankedModel("a", 1.0, None, None, 1, tied_with_best=True)


@pytest.mark.parametrize("rows", [ROWS, BARE])
def test_rows_are_the_same_one_by_one_and_all_at_once(rows: RankedModels) -> None:
    assert list(rows) == [rows[place] for place in range(len(rows))]
    for row in rows:
        kinds = (type(row.score), type(row.rank), type(row.tied_with_best))
        assert kinds == (float, int, bool)


def test_it_is_a_sequence_like_a_tuple() -> None:
    rows = tuple(ROWS)
    assert len(ROWS) == len(rows) == 3
    assert ROWS[:2] == rows[:2]
    assert ROWS[::-1] == rows[::-1]
    assert rows == ROWS
    assert hash(ROWS) == hash(rows)
    assert rows[1] in ROWS
    assert rows[:2] != ROWS
    with pytest.raises(IndexError):
        ROWS[3]


@given(st.dictionaries(st.text("abAB09._-", min_size=1), st.integers(-2, 2), min_size=1))
def test_best_first_is_by_score_then_id(scores: dict[str, int]) -> None:
    models = list(scores)
    found = best_first(models, np.array([float(scores[name]) for name in models]))
    assert [models[place] for place in found] == sorted(models, key=lambda n: (-scores[n], n))

import numpy as np
import pytest
from scipy.special import expit

from synlearn.ranking_beliefs import Beliefs, rows_of

MEAN = np.array([0.0, 1.0, 0.9, -3.0])
BELIEFS = Beliefs(MEAN, np.array([0.3, 0.4, 0.4, 0.3]), shared=0.3, reach=1.5, logistic=True)
IDS = ["a", "b", "c", "d"]


def test_scores_and_intervals_are_accuracies() -> None:
    rows = rows_of(BELIEFS, IDS)
    assert [row.model for row in rows] == ["b", "c", "a", "d"]
    best = rows[0]
    assert best.score == pytest.approx(expit(1.0))
    assert best.low == pytest.approx(expit(1.0 - 1.5 * 0.5))
    assert best.high == pytest.approx(expit(1.0 + 1.5 * 0.5))
    assert rows.lows is not None
    assert rows.highs is not None
    assert (rows.lows >= 0).all()
    assert (rows.lows <= rows.scores).all()
    assert (rows.scores <= rows.highs).all()
    assert (rows.highs <= 1).all()


def test_on_its_own_scale_a_score_is_the_mean() -> None:
    plain = Beliefs(MEAN, np.full(4, 0.3), shared=0.0, reach=2.0, logistic=False)
    row = rows_of(plain, IDS)[0]
    assert row.score == 1.0
    assert row.low == pytest.approx(0.4)
    assert row.high == pytest.approx(1.6)


def test_what_is_shared_widens_intervals_and_separates_no_worse() -> None:
    unsure = Beliefs(MEAN, BELIEFS.own, shared=9.0, reach=1.5, logistic=True)
    one, other = rows_of(BELIEFS, IDS), rows_of(unsure, IDS)
    assert other[0].low is not None
    assert other[0].low < 0.01
    assert [row.best_probability for row in one] == [row.best_probability for row in other]
    assert [row.tier for row in one] == [row.tier for row in other]


def test_models_that_were_run_come_first() -> None:
    rows = rows_of(BELIEFS, IDS, np.array([True, False, False, True]))
    assert [row.model for row in rows] == ["a", "d", "b", "c"]
    assert [row.was_run for row in rows] == [True, True, False, False]
    assert [row.rank for row in rows] == [1, 2, 3, 4]
    assert rows[2].tied_with_best  # what it may be is better than the first
    chances = {row.model: row.best_probability for row in rows_of(BELIEFS, IDS)}
    assert {row.model: row.best_probability for row in rows} == chances


def test_groups_are_of_those_that_cannot_be_separated() -> None:
    rows = rows_of(BELIEFS, IDS)
    assert [row.tier for row in rows] == [1, 1, 2, 3]
    assert [row.tied_with_best for row in rows] == [True, True, False, False]

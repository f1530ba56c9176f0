import numpy as np
import pytest

from synlearn.errors import ScoreInputError
from synlearn.evaluation.rank_correlation import kendall_tau, weighted_kendall_tau
from synlearn.evaluation.ranking_quality import QUALITIES, ranking_quality
from synlearn.evaluation.regret import regret, top_picks

RANDOM = np.random.default_rng(0)


def test_each_task_is_measured_as_alone() -> None:
    scores, truth = RANDOM.normal(size=(3, 4, 9)), RANDOM.uniform(size=(4, 9))
    found = ranking_quality(scores, truth)
    for seed in range(3):
        for task in range(4):
            own, true = scores[seed, task], truth[task]
            assert found.kendall_tau[seed, task] == kendall_tau(own, true)
            assert found.weighted_kendall_tau[seed, task] == weighted_kendall_tau(own, true)
            assert found.regret[seed, task] == pytest.approx(regret(true, top_picks(own, 1)))


def test_scores_that_order_nothing_have_tau_0_and_the_mean_regret() -> None:
    found = ranking_quality(np.ones((1, 4)), np.array([0.2, 0.4, 0.6, 0.8]))
    assert [found.named(name)[0] for name in QUALITIES] == pytest.approx([0, 0, 0.3])


def test_models_tied_for_the_first_place_share_the_regret() -> None:
    found = ranking_quality(np.array([[2.0, 2.0, 1.0]]), np.array([0.5, 0.7, 0.9]))
    assert found.regret[0] == pytest.approx(0.3)


def test_infinities_are_ranks_like_any_other() -> None:
    assert ranking_quality([[np.inf, 0.0, 1.0]], [3.0, 1.0, 2.0]).kendall_tau[0] == 1


def test_nan_is_refused() -> None:
    with pytest.raises(ScoreInputError, match="NaN"):
        ranking_quality([[np.nan, 0.0]], [1.0, 0.0])

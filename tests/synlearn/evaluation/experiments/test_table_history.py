import numpy as np
import pytest

from synlearn.evaluation.experiments.table_history import HIDDEN, _shown, complete, leave_out

RANDOM = np.random.default_rng(0)
TRUE = 0.5 + 0.2 * RANDOM.random((12, 2)) @ RANDOM.random((2, 8))
"""Two kinds of skill: a model's mean over targets is not all that there is to know."""


def test_hidden_entries_leave_something_of_each_model_and_target() -> None:
    for seed in range(5):
        shown = _shown(TRUE, np.random.default_rng(seed))
        assert np.isnan(shown).sum() == round(HIDDEN * TRUE.size)
        assert (~np.isnan(shown)).any(axis=1).all()
        assert ((~np.isnan(shown)).sum(axis=0) >= 2).all()


def test_factors_complete_what_a_mean_cannot() -> None:
    found = [complete(TRUE, seed) for seed in range(4)]
    for kind in ("overall", "within"):
        means = {
            name: np.mean([getattr(own, kind)[name] for own in found])
            for name in ("fennec", "model_mean", "additive")
        }
        assert means["fennec"] > means["additive"]
        assert means["fennec"] > means["model_mean"]


def test_the_target_that_is_left_out_is_not_looked_at() -> None:
    changed = TRUE.copy()
    changed[:, 3] = RANDOM.random(12)
    features = RANDOM.random((12, 2))
    for known in ([], [0, 5]):
        changed[known, 3] = TRUE[known, 3]
        one, other = (leave_out(own, 3, features, known, 0) for own in (TRUE, changed))
        assert sorted(one.asked.tolist()) == sorted(set(range(12)) - set(known))
        for name, values in one.scores.items():
            assert other.scores[name] == pytest.approx(values)


def test_the_mean_and_the_merge_are_what_they_are_called() -> None:
    found = leave_out(TRUE, 0, RANDOM.random((12, 2)), [], 1).scores
    assert found["model_mean"] == pytest.approx(TRUE[:, 1:].mean(axis=1))
    assert found["fennec"] == pytest.approx((found["fennec_transfer"] + found["fennec_meta"]) / 2)
    assert set(leave_out(TRUE, 0, None, [1], 1).scores) == {"fennec_transfer", "model_mean"}

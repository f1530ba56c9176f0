import numpy as np

from synlearn.zoo.few_shot_profile import (
    DRAWS,
    SHOTS,
    WAYS,
    anchor_tasks,
    few_shot_profile,
    few_shot_profile_width,
)
from tests.synlearn.zoo.test_feature_profile import ANCHORS

RANDOM = np.random.default_rng(0)
TASKS = anchor_tasks(ANCHORS)


def test_tasks_are_of_a_familys_groups_and_never_test_what_was_learned() -> None:
    kinds = [(groups, draws) for groups in ANCHORS.families().values() for draws in DRAWS]
    assert len(TASKS) == len(kinds) * len(SHOTS) == few_shot_profile_width(ANCHORS)
    for place, own in enumerate(TASKS):
        groups, draws = kinds[place // len(SHOTS)]
        assert len(own.heads) == draws
        assert own.heads.shape[1] == min(len(groups), WAYS)
        for heads, tests in zip(own.heads.numpy(), own.tests.numpy(), strict=True):
            assert len({*heads.ravel(), *tests.ravel()}) == heads.size + tests.size
            of_heads = ANCHORS.groups[heads]
            assert (of_heads == of_heads[:, :1]).all()
            assert (ANCHORS.groups[tests] == of_heads[:, :1]).all()
            assert set(of_heads[:, 0]) <= set(groups)


def test_features_that_tell_groups_apart_reach_more() -> None:
    apart = np.eye(6)[ANCHORS.groups] + 0.05 * RANDOM.normal(size=(22, 6))
    assert few_shot_profile(apart, TASKS).min() > 0.95
    blind = few_shot_profile(RANDOM.normal(size=(22, 6)), TASKS)
    assert blind.max() < 0.9
    assert ((blind >= 0) & (blind <= 1)).all()


def test_the_draws_are_the_same_for_ever() -> None:
    """Specifications of different builds are compared: these positions are a promise."""
    assert TASKS[0].heads[0].ravel().tolist() == [3, 7]
    assert np.isfinite(few_shot_profile(np.zeros((22, 6)), TASKS)).all()

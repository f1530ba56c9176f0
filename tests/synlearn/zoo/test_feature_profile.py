import numpy as np

from synlearn.scorers import ridge_loo
from synlearn.zoo.feature_profile import PENALTIES, feature_profile, profile_width
from synlearn.zoo.picture_anchors import anchor_set
from tests import mixed

PICTURES = mixed.pool().pictures
ANCHORS = anchor_set(
    {
        "glyph/a": PICTURES[:4],
        "glyph/b": PICTURES[4:9],
        "scene/a": PICTURES[9:12],
        "scene/b": PICTURES[12:15],
        "scene/c": PICTURES[15:19],
        "lonely/a": PICTURES[19:22],
    }
)
RANDOM = np.random.default_rng(0)


def test_families_of_one_group_say_nothing() -> None:
    assert {name: own.tolist() for name, own in ANCHORS.families().items()} == {
        "glyph": [0, 1],
        "scene": [2, 3, 4],
    }


def test_it_agrees_with_the_leave_one_out_ridge_score() -> None:
    features = RANDOM.normal(size=(22, 6))
    profile = feature_profile(features, ANCHORS)
    assert profile.shape == (profile_width(ANCHORS),)
    place = 0
    for groups in ANCHORS.families().values():
        rows = np.isin(ANCHORS.groups, groups)
        labels = ANCHORS.groups[rows]
        for penalty in PENALTIES:
            by_group = profile[place : place + len(groups)]
            mean, right = profile[place + len(groups) : place + len(groups) + 2]
            place += len(groups) + 2
            wanted = ridge_loo(features[rows], labels, penalty, measure="squared_error")
            np.testing.assert_allclose(mean, -wanted, rtol=1e-5)
            counts = [np.sum(labels == group) for group in groups]
            np.testing.assert_allclose(np.average(by_group, weights=counts), mean, rtol=1e-5)
            np.testing.assert_allclose(right, ridge_loo(features[rows], labels, penalty), rtol=1e-5)


def test_features_that_tell_groups_apart_have_smaller_errors() -> None:
    apart = np.eye(6)[ANCHORS.groups] + 0.05 * RANDOM.normal(size=(22, 6))
    assert feature_profile(apart, ANCHORS)[0] < 0.3
    assert feature_profile(RANDOM.normal(size=(22, 6)), ANCHORS)[0] > 0.3


def test_a_dead_model_has_a_profile_of_its_own() -> None:
    profile = feature_profile(np.zeros((22, 6)), ANCHORS)
    assert np.isfinite(profile).all()

import numpy as np

from synlearn.zoo.feature_similarity import SKETCH, feature_similarity
from tests.synlearn.zoo.test_feature_profile import ANCHORS

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(22, 6))


def gram(features: np.ndarray) -> np.ndarray:
    """Of the groups' means, as the sketch takes it, entry by entry."""
    x = features - features.mean(axis=0)
    x = x / np.sqrt((x**2).sum(axis=1).mean())
    means = np.stack([x[ANCHORS.groups == g].mean(axis=0) for g in range(len(ANCHORS.names))])
    entries: np.ndarray = (means @ means.T)[np.triu_indices(len(means))]
    return entries


def test_scale_shift_and_order_of_features_do_not_matter() -> None:
    turned = np.linalg.qr(RANDOM.normal(size=(6, 6)))[0]
    found = feature_similarity(FEATURES, ANCHORS)
    assert found.shape == (SKETCH,)
    np.testing.assert_allclose(
        feature_similarity(3 * FEATURES @ turned + 5, ANCHORS), found, atol=1e-6
    )


def test_differences_between_models_keep_their_size() -> None:
    """Signs are drawn once for all models: lengths hold within a few parts in ten."""
    others = [RANDOM.normal(size=(22, 6)) for _ in range(30)]
    base, sketch = gram(FEATURES), feature_similarity(FEATURES, ANCHORS)
    true = np.array([np.linalg.norm(gram(other) - base) for other in others])
    kept = [np.linalg.norm(feature_similarity(other, ANCHORS) - sketch) for other in others]
    assert 0.8 < np.mean(np.array(kept) / true) < 1.2


def test_a_dead_model_has_a_sketch_of_zeros() -> None:
    assert not feature_similarity(np.full((22, 6), 4.0), ANCHORS).any()

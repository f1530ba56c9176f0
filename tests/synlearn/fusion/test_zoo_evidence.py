"""What models make of the examples is what they make of each alone."""

import numpy as np
import pytest

from synlearn.fusion import METRIC, SMOOTHED
from synlearn.fusion.moved import with_copies
from synlearn.fusion.similarity import gram_directions, similarities
from synlearn.fusion.smoothing import smoothed
from synlearn.fusion.zoo_evidence import run_models
from synlearn.scorers.direct import Direct, ModelOutputs
from synlearn.scorers.ridge_loo import ridge_loo
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.feature_cache import compute_responses
from tests.synlearn.zoo.mixed_zoo import mixed_zoo

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
IMAGES = PICTURES.transpose(0, 3, 1, 2).astype(np.float32) / 255
LABELS = ("cat", "dog", "cat", "dog", "dog", "cat")


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return mixed_zoo(tmp_path_factory.mktemp("evidence") / "zoo", 3, 2)


def test_direct_scores_are_those_of_each_model(zoo: Zoo) -> None:
    chosen = [zoo.ids[3], zoo.ids[0], zoo.ids[4]]
    found = run_models(IMAGES, LABELS, zoo, chosen)
    assert set(found.direct) == set(Direct)
    numbers = [name == "dog" for name in LABELS]
    alone = dict(compute_responses(zoo, list(zoo), PICTURES))
    for place, model in enumerate(chosen):
        features = alone[model].features.astype(float)
        expected = ridge_loo(features, numbers, measure="squared_error")
        assert found.direct[Direct.RIDGE][place] == pytest.approx(expected)


def test_the_smoothed_metric_is_that_of_the_models_features(zoo: Zoo) -> None:
    prior = np.random.default_rng(1).normal(size=5)
    found = run_models(IMAGES, LABELS, zoo, zoo.ids).sources(prior)
    seen = dict(compute_responses(zoo, list(zoo), with_copies(PICTURES)))
    outputs = ModelOutputs.of(
        [seen[name].features for name in zoo], [seen[name].probabilities for name in zoo]
    )
    order = np.argsort([name == "dog" for name in LABELS], kind="stable")
    rows = (order + np.arange(0, 30, 6)[:, None]).ravel()
    expected = smoothed(prior, similarities(gram_directions(outputs.rows(rows))))
    np.testing.assert_allclose(found[SMOOTHED], expected, atol=1e-6)
    assert found[METRIC] is prior


def test_order_and_names_of_examples_do_not_matter(zoo: Zoo) -> None:
    one = run_models(IMAGES, LABELS, zoo, zoo.ids)
    order = np.array([5, 3, 1, 0, 4, 2])
    other = run_models(IMAGES[order], [3 * (LABELS[i] == "dog") for i in order], zoo, zoo.ids)
    for name in set(Direct) - {Direct.HELD_OUT}:  # that pairs examples by their order
        values = one.direct[name]
        np.testing.assert_allclose(values, other.direct[name], atol=1e-9)
    np.testing.assert_allclose(one.similarity, other.similarity, atol=1e-6)

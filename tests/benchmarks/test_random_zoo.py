"""The zoo of a benchmark is a zoo, and what runs all its models gives their LEEP."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.random_zoo import made_up_specifications, write_models, zoo_of
from benchmarks.run_all_models import AllModels
from synlearn.scorers.direct import Direct, ModelOutputs, direct_scores
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import Generator
from synlearn.zoo.feature_cache import compute_responses, planes


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    root = tmp_path_factory.mktemp("random") / "zoo"
    return zoo_of(root, write_models(root, 6), 5)


def test_models_are_whole_and_smaller_zoos_are_their_beginning(tmp_path: Path, zoo: Zoo) -> None:
    assert len(zoo) == 5
    assert [wrong for _, wrong in zoo.verify() if wrong] == []
    fewer = write_models(tmp_path, 2)
    assert {name: entry.model for name, entry in fewer.items()} == {
        name: zoo.model_digest(name) for name in zoo.ids[:2]
    }
    assert zoo_of(tmp_path, fewer, 2).digest != zoo.digest


def test_specifications_fit_the_models(zoo: Zoo) -> None:
    known = made_up_specifications(zoo)
    vectors = known.vectors(Generator.PROFILED)
    assert known.ids == zoo.ids
    assert [len(own) for own in vectors] == [len(zoo.card(model).outputs) for model in zoo]
    for own in known.probabilities:
        np.testing.assert_allclose(own.sum(axis=0), 1, rtol=1e-5)


def test_leep_of_all_models_at_once_is_that_of_their_responses(zoo: Zoo) -> None:
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (10, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(10) % 5
    found = AllModels([zoo.parse(model) for model in zoo]).leep(planes(pictures), labels)
    responses = dict(compute_responses(zoo, zoo.ids, pictures))
    outputs = ModelOutputs.of(
        [responses[model].features for model in zoo],
        [responses[model].probabilities for model in zoo],
    )
    expected = direct_scores(outputs, labels, [Direct.LEEP])[Direct.LEEP]
    np.testing.assert_allclose(found, expected, atol=2e-3)  # responses are kept as float16

"""The map of a task among models: what the metric measures, and nothing that moves by itself."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.task_map import MOST_MODELS, chosen_for_map, task_map
from synlearn.mre.task_means import TaskMeans
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import Generator, class_specifications_of
from tests.mre_models import classification_mre
from tests.synlearn.zoo.mixed_zoo import mixed_zoo

TASK = TaskMeans.of(np.eye(3, 6) * 0.5 + 0.1, [3, 4, 5])


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return mixed_zoo(tmp_path_factory.mktemp("map") / "zoo", 4, 3)


@pytest.fixture(scope="module")
def model(zoo: Zoo) -> ClassificationMRE:
    known, untrained = class_specifications_of(zoo), classification_mre()
    width = known.vectors(Generator.PROFILED)[0].shape[1]
    spec = replace(untrained.metric.spec, model_features=width)
    return replace(
        untrained,
        metric=ClassificationMetric(spec, torch.Generator().manual_seed(0)).eval(),
        provenance=replace(untrained.provenance, anchors=known.source(Generator.PROFILED)),
    )


def test_cosines_are_those_that_the_metric_ranks_by(model: ClassificationMRE, zoo: Zoo) -> None:
    found = task_map(model, TASK, zoo, zoo.ids)
    distances = model.compare_means(TASK, zoo).distances.mean(axis=0)
    np.testing.assert_allclose(1 - found.cosines, distances, atol=1e-5)
    assert found.places.shape == (8, 2)
    assert np.abs(found.places).max() == pytest.approx(1)
    np.testing.assert_array_equal(found.places, task_map(model, TASK, zoo, zoo.ids).places)


def test_too_few_models_or_another_backbone(model: ClassificationMRE, zoo: Zoo) -> None:
    with pytest.raises(InputError, match="5 to 150 models"):
        task_map(model, TASK, zoo, zoo.ids[:4])
    with pytest.raises(InputError, match="7 features"):
        task_map(model, TaskMeans.of(np.zeros((2, 7)), [1, 1]), zoo, zoo.ids)


def test_of_many_models_the_best_and_some_others_are_chosen() -> None:
    ids = [f"{number:05d}" for number in range(10_000)]
    found = chosen_for_map(ids)
    assert len(set(found)) == len(found) == MOST_MODELS
    assert list(found[:75]) == ids[:75]
    assert found[-1] == ids[-1]
    assert list(found) == sorted(found)


def test_means_that_are_none() -> None:
    cases: list[tuple[Any, Any, str]] = [
        ([[0.1, "a"]], [1], "not numbers"),
        ([0.1], [1], "shape"),
        ([[2.0]], [1], "of length"),
        ([[0.1]], [1.5], "whole numbers"),
        ([[0.1]], [0], "counts lie in"),
        ([[0.1], [0.2]], [1], "2 class means and 1 counts"),
    ]
    for means, counts, said in cases:
        with pytest.raises(InputError, match=said):
            TaskMeans.of(means, counts)
    with pytest.raises(InputError, match="same name"):
        TaskMeans.of([[0.1], [0.2]], [1, 1], ["a", "a"])
    assert TaskMeans.of([[0.1]], [1]).classes == ("1",)

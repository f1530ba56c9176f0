"""The metric laid out for ranking gives what the metric gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from synlearn.mre.blocks import RELEASED, TEXT, Blocks
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.distance import Distance
from synlearn.mre.packed_metric import PackedMetric

FEATURES, SPECIFIED = 6, 7
VARIANTS = (
    TEXT,
    replace(TEXT, projections="shared"),
    replace(TEXT, none_of_them="zero"),
    replace(TEXT, layer_norm="variance"),
    replace(TEXT, normalisation="batch"),
)


def metric(blocks: Blocks = TEXT, distance: Distance = "cosine") -> ClassificationMetric:
    """With everything random, statistics too, as after some training."""
    spec = ClassificationMetricSpec(
        FEATURES, SPECIFIED, width=8, hidden=5, members=3, distance=distance, blocks=blocks
    )
    generator = torch.Generator().manual_seed(0)
    made = ClassificationMetric(spec, generator).eval()
    with torch.no_grad():
        for own in (*made.parameters(), *made.buffers()):
            own.add_(torch.rand(own.shape, generator=generator) / 2)
    return made


def zoo(count: int, seed: int = 1) -> ClassSets:
    """Models of 1 to 9 classes."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 10, count)
    return ClassSets.of([random.normal(size=(size, SPECIFIED)) for size in sizes])


def tasks(count: int, ways: int, seed: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, ways, FEATURES, generator=generator)


def both(made: ClassificationMetric, models: ClassSets, means: Tensor) -> tuple[Tensor, Tensor]:
    """Distances by either way."""
    with torch.inference_mode():
        projected = made.project_models(models)
        packed = PackedMetric.of(made, projected)
        assert packed is not None
        found = packed.distance(means)
        assert found is not None
        return found, made.measure(ClassSets.full(means), projected).distance


@pytest.mark.parametrize("models", [1, 2, 39, 40, 41, 100])
@pytest.mark.parametrize(("count", "ways"), [(1, 5), (3, 2)])
def test_distances_are_those_of_the_metric(models: int, count: int, ways: int) -> None:
    found, expected = both(metric(), zoo(models), tasks(count, ways))
    assert found.shape == (3, count, models)
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=2e-5)


@pytest.mark.parametrize("blocks", VARIANTS)
@pytest.mark.parametrize("distance", ["cosine", "half_squared_l2"])
def test_other_blocks_and_distances(blocks: Blocks, distance: Distance) -> None:
    found, expected = both(metric(blocks, distance), zoo(33), tasks(2, 4))
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=5e-5)


def test_tasks_of_another_size_may_follow() -> None:
    made = metric()
    with torch.inference_mode():
        projected = made.project_models(zoo(30))
        packed = PackedMetric.of(made, projected)
        assert packed is not None
        for ways in (5, 3, 5):
            found = packed.distance(tasks(2, ways))
            expected = made.measure(ClassSets.full(tasks(2, ways)), projected).distance
            assert found is not None
            torch.testing.assert_close(found, expected, atol=2e-6, rtol=2e-5)


def test_blocks_that_compute_otherwise_have_no_layout() -> None:
    for blocks in (RELEASED, replace(TEXT, logits="cosine"), replace(TEXT, softmax="released")):
        made = metric(blocks)
        with torch.inference_mode():
            assert PackedMetric.of(made, made.project_models(zoo(3))) is None
    made = metric(replace(TEXT, normalisation="batch")).train()
    with torch.no_grad():  # its statistics are those of each batch
        assert PackedMetric.of(made, made.project_models(zoo(3))) is None


@pytest.mark.parametrize("factor", [1e4, float("nan")])
def test_large_logits_are_left_to_the_metric(factor: float) -> None:
    made = metric()
    with torch.inference_mode():
        made.model_transform.projections.query.weight.mul_(factor)
        packed = PackedMetric.of(made, made.project_models(zoo(30)))
        assert packed is not None
        assert packed.distance(tasks(1, 5)) is None


def test_little_is_padded() -> None:
    """Rows of blocks differ by little, however models' numbers of classes do."""
    made, models = metric(), zoo(1000)
    with torch.inference_mode():
        packed = PackedMetric.of(made, made.project_models(models))
    assert packed is not None
    _, blocks, _, rows = packed.models.keys.shape
    classes = int(models.present.sum()) + len(models)  # and "none of them" of each
    assert classes <= blocks * rows <= classes + 10 * blocks

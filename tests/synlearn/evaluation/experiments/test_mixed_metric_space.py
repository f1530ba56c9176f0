import numpy as np
import pytest
import torch

from synlearn.evaluation.experiments.mixed_metric_space import (
    KINDS,
    SpacePoints,
    set_agreement,
    space_figure,
    space_points,
)
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec


def points() -> SpacePoints:
    generator = torch.Generator().manual_seed(0)
    spec = ClassificationMetricSpec(6, 4, width=8, hidden=8, members=2)
    models = ClassSets.of([np.full((count, 4), count, np.float32) for count in (2, 3)])
    return space_points(
        ClassificationMetric(spec, generator).eval(),
        tasks=(torch.randn(4, 5, 6, generator=generator), ["a", "b", "a", "c"]),
        images=(torch.randn(7, 6, generator=generator), ["a"] * 7),
        classes=(models, ["a", "b", "b", "a", "b"]),
        member=1,
    )


def test_every_task_image_and_present_class_has_a_point() -> None:
    found = points()
    assert np.bincount(found.kinds).tolist() == [4, 7, 5]
    assert found.sets[-5:] == ("a", "b", "b", "a", "b")
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=1), 1, rtol=1e-5)


def test_the_nearest_class_decides_and_strange_sets_do_not_count() -> None:
    east, north = (1.0, 0.0), (0.0, 1.0)
    kinds = [KINDS.index(name) for name in ("task", "task", "task", "model class", "model class")]
    placed = SpacePoints(
        np.array([east, north, north, east, north]), np.array(kinds), ("a", "a", "z", "a", "b")
    )
    share, chance = set_agreement(placed, "task")
    assert share == pytest.approx(0.5)
    assert chance == pytest.approx(0.5)


def test_the_figure_shows_all_points() -> None:
    axes = space_figure(points(), perplexity=5).axes[0]
    assert sum(np.size(line.get_xdata()) for line in axes.lines) == 16

"""What a metric says of many tasks and models at once, for those who compare rankings."""

import numpy as np
import torch
from torch import Tensor

from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.compared import Float64, standard
from synlearn.mre.model_transform import ProjectedModels

_TASKS_AT_ONCE = 48
"""The attention of all models to a few dozen tasks fits in memory."""


def mean_scores(metric: ClassificationMetric, means: Tensor, models: ProjectedModels) -> Float64:
    """Score m models for n tasks, (n, m): the mean over members; higher is better.

    Args:
        metric: Several members.
        means: (n, l, f), mean feature of each class.
        models: m models, projected.
    """
    found: Float64 = standard(member_distances(metric, means, models)).mean(axis=0)
    return found


def member_distances(
    metric: ClassificationMetric, means: Tensor, models: ProjectedModels
) -> Float64:
    """Distances of n tasks to m models, (members, n, m) float64; arguments as `mean_scores`."""
    with torch.inference_mode():
        parts = [
            metric.measure(ClassSets.full(part), models).distance.numpy().astype(np.float64)
            for part in means.split(_TASKS_AT_ONCE)
        ]
    return np.concatenate(parts, axis=1)

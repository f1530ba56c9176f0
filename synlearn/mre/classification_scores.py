"""What a metric says of many tasks and models at once, for those who compare rankings."""

import numpy as np
import torch
from torch import Tensor

from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.model import Float64, standard_scores
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
    with torch.inference_mode():
        parts = [
            standard_scores(metric.measure(ClassSets.full(part), models).distance).mean(axis=0)
            for part in means.split(_TASKS_AT_ONCE)
        ]
    return np.concatenate(parts)

"""Held-out scores to fit the fusion on: metrics that saw neither the models nor the tasks.

The learning models and the tasks with evidence are divided into folds. For each fold a metric is
trained on all that was gathered without the fold's models, and without every task that shares more
than half of its classes with one of the fold's; what it says of the fold is then what a metric says
of new models and new tasks. Single classes may be known, as some of a downstream team's may be:
sets of few classes would otherwise be unknown altogether.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.fusion.fitting import HeldOutTasks
from synlearn.fusion.fused import METRIC
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_scores import mean_scores
from synlearn.mre.classification_training import GatheredClasses
from synlearn.mre.levels import nearest_level

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Indices = NDArray[np.int64]

Train = Callable[[GatheredClasses, ClassSets, int], ClassificationMetric]
"""Trains a metric on some answers and models, for a fold."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Small target datasets of learning tasks, with what direct scores say of the models.

    Attributes:
        tasks: (t, w) positions of classes of data.
        v_star: (levels, t, m) true reusability of the learning models, higher is better, from other
            rows than the target datasets'.
        levels: Numbers of examples that it is for.
        task: (n,) which task each target dataset is of.
        k: (n,) examples of a class.
        means: (n, w, f) float32, mean feature of each class.
        scores: (n, m) of each direct score, higher is better.
    """

    tasks: Indices
    v_star: Float64
    levels: tuple[int, ...]
    task: Indices
    k: Indices
    means: Float32
    scores: Mapping[str, Float64]


def held_out_tasks(
    gathered: GatheredClasses,
    models: ClassSets,
    evidence: Evidence,
    *,
    folds: int,
    train: Train,
    random: np.random.Generator,
) -> list[HeldOutTasks]:
    """Train a metric for each fold, and collect what all sources say of it.

    Args:
        gathered: All that the metric learns from.
        models: Specifications of the m models.
        evidence: Of tasks whose classes are among the gathered ones.
        folds: At least 2.
        train: As the metric itself is trained.
        random: Deals models to folds.

    Raises:
        InputError: There are too few models or tasks for so many folds.
    """
    if not 2 <= folds <= min(len(evidence.tasks), len(models) // 2):
        raise InputError(
            f"{folds} folds of {len(models)} models and {len(evidence.tasks)} tasks with evidence: "
            "each needs two models and a task; use fewer folds."
        )
    model_fold = random.permutation(np.arange(len(models)) % folds)
    task_fold = np.empty(len(evidence.tasks), np.int64)
    # Classes of one set are neighbours, so each fold has its share of every set's tasks.
    task_fold[np.lexsort(evidence.tasks.T[::-1])] = np.arange(len(evidence.tasks)) % folds
    found = []
    for fold in range(folds):
        held_models = np.flatnonzero(model_fold == fold)
        others = np.flatnonzero(model_fold != fold)
        kept = _without(gathered, evidence.tasks[task_fold == fold], others)
        metric = train(kept, models.select(others), fold)
        rows = np.flatnonzero(task_fold[evidence.task] == fold)
        level = nearest_level(evidence.k[rows], evidence.levels)
        scores = {METRIC: _scores(metric, evidence.means[rows], models.select(held_models))}
        for name, values in evidence.scores.items():
            scores[name] = values[np.ix_(rows, held_models)]
        true = evidence.v_star[level, evidence.task[rows]][:, held_models]
        found.append(HeldOutTasks(evidence.k[rows], true, scores))
    return found


def _without(gathered: GatheredClasses, held: Indices, models: Indices) -> GatheredClasses:
    """Keep these models alone, and no task that is much like one of those held out, (h, w).

    Where every task is, all are kept: then the fold's models alone are new.
    """
    present = gathered.task_classes.numpy()
    shared = np.array([[np.isin(own, task[task >= 0]).sum() for task in held] for own in present])
    tasks = 2 * shared.max(axis=1) <= (present >= 0).sum(axis=1)
    if not tasks.any():
        tasks[:] = True
    kept = tasks[gathered.feature_task.numpy()]
    number = torch.from_numpy(np.cumsum(tasks) - 1)
    chosen, rows = torch.from_numpy(tasks), torch.from_numpy(kept)
    columns = torch.from_numpy(models)
    return GatheredClasses(
        v_star=gathered.v_star[:, chosen][:, :, columns],
        responses=gathered.responses[:, columns],
        task_classes=gathered.task_classes[chosen],
        features=gathered.features[rows],
        feature_task=number[gathered.feature_task[rows]],
        feature_level=gathered.feature_level[rows],
    )


def _scores(metric: ClassificationMetric, means: Float32, models: ClassSets) -> Float64:
    """(n, m), higher is better."""
    with torch.inference_mode():
        projected = metric.project_models(models)
    return mean_scores(metric, torch.from_numpy(means), projected)

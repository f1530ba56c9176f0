"""Held-out scores to fit the fusion on: metrics that saw neither the models nor the tasks.

The learning models and the tasks with evidence are divided into folds. A fold's models are the
candidates, in blocks of a few dozen, of which is known how alike they see the examples. For each
fold a metric is trained on all that was gathered without the fold's models, and without every task
that shares more than half of its classes with one of the fold's; what it says of the fold is then
what a metric says of new models and new tasks. Single classes may be known, as some of a
downstream team's may be: sets of few classes would otherwise be unknown altogether.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.fusion.fitting import HeldOutTasks
from synlearn.fusion.fused import METRIC, SMOOTHED
from synlearn.fusion.held_out_accuracies import HeldOutAccuracies
from synlearn.fusion.similarity import from_triangle
from synlearn.fusion.smoothing import smoothed
from synlearn.fusion.task_traits import task_traits
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_scores import member_distances
from synlearn.mre.classification_training import GatheredClasses
from synlearn.mre.compared import standard, unrest
from synlearn.mre.example_spread import moved_means
from synlearn.mre.learned_tasks import LearnedTasks
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
        blocks: Positions of the models that are candidates together, as `deal_models` deals them.
        similarity: Of each block of b models, (n, b (b - 1) / 2) float32, see `triangle_of`.
    """

    tasks: Indices
    v_star: Float64
    levels: tuple[int, ...]
    task: Indices
    k: Indices
    means: Float32
    scores: Mapping[str, Float64]
    blocks: tuple[Indices, ...]
    similarity: tuple[Float32, ...]


def deal_models(
    models: int, folds: int, most: int, random: np.random.Generator
) -> tuple[Indices, ...]:
    """Deal models to blocks; number b is of fold b modulo `folds`, and folds have as many each.

    Args:
        models: How many there are.
        folds: At least 2.
        most: Models of a block, at least 2.
        random: Deals.

    Raises:
        InputError: A fold would have fewer than two models.
    """
    if not 2 <= folds <= models // 2:
        raise InputError(
            f"{folds} folds of {models} models: each needs two; use fewer folds, or more models."
        )
    count = blocks_of(models, folds, most)
    order = random.permutation(models)
    return tuple(np.sort(order[block::count]) for block in range(count))


def blocks_of(models: int, folds: int, most: int) -> int:
    """Return how many blocks of at most `most` models there are, as many for each fold.

    >>> blocks_of(models=24, folds=6, most=64)
    6
    """
    return folds * -(-models // (folds * most))


@dataclass(frozen=True, slots=True)
class KnownAccuracies:
    """What learning knows of accuracies.

    Attributes:
        logits: By K of the evidence, (t, m) logits of accuracies of its tasks.
        learned: What the metric will have seen.
        classes: (j,) which class of data each of its means is of.
        difficulty: (j,) of these.
    """

    logits: Mapping[int, Float64]
    learned: LearnedTasks
    classes: Indices
    difficulty: Float64

    def traits(self, means: torch.Tensor, tasks: Indices) -> Float64:
        """Traits of target datasets, (n, traits); a task's own classes do not count.

        Args:
            means: (n, w, f) mean feature of each class.
            tasks: (n, w) which classes these are.
        """
        own = (tasks[:, :, None] == self.classes).any(axis=1)
        return task_traits(means, self.learned.means, self.difficulty, own)


@dataclass(frozen=True, slots=True)
class HeldOutBlock:
    """What all sources say of a block of models that their metric has not seen, for such tasks.

    Attributes:
        tasks: For a fusion.
        accuracies: For its map to accuracies; None where learning knows of none.
    """

    tasks: HeldOutTasks
    accuracies: HeldOutAccuracies | None


def held_out_blocks(
    gathered: GatheredClasses,
    models: ClassSets,
    evidence: Evidence,
    *,
    folds: int,
    train: Train,
    known: KnownAccuracies | None = None,
) -> list[HeldOutBlock]:
    """Train a metric for each fold, and collect what all sources say of each of its blocks.

    Args:
        gathered: All that the metric learns from.
        models: Specifications of the m models.
        evidence: Of tasks whose classes are among the gathered ones.
        folds: That the evidence's blocks were dealt for.
        train: As the metric itself is trained.
        known: Accuracies for the evidence's tasks; None where there are none.

    Raises:
        InputError: There are too few tasks for so many folds.
    """
    if folds > len(evidence.tasks):
        raise InputError(
            f"{folds} folds of {len(evidence.tasks)} tasks with evidence: each needs one; use "
            "fewer folds."
        )
    task_fold = np.empty(len(evidence.tasks), np.int64)
    # Classes of one set are neighbours, so each fold has its share of every set's tasks.
    task_fold[np.lexsort(evidence.tasks.T[::-1])] = np.arange(len(evidence.tasks)) % folds
    found = []
    for fold in range(folds):
        others = np.setdiff1d(np.arange(len(models)), np.concatenate(evidence.blocks[fold::folds]))
        kept = _without(gathered, evidence.tasks[task_fold == fold], others)
        metric = train(kept, models.select(others), fold)
        rows = np.flatnonzero(task_fold[evidence.task] == fold)
        for block in range(fold, len(evidence.blocks), folds):
            own = models.select(evidence.blocks[block])
            found.append(_of_block(metric, own, evidence, (rows, block), known))
    return found


def _of_block(
    metric: ClassificationMetric,
    models: ClassSets,
    evidence: Evidence,
    asked: tuple[Indices, int],
    known: KnownAccuracies | None,
) -> HeldOutBlock:
    """What all sources say of a block's models, for some of the target datasets.

    Args:
        metric: That has seen neither.
        models: Of the block.
        evidence: Of all.
        asked: Which target datasets, and the block's number.
        known: See `held_out_blocks`.
    """
    rows, block = asked
    held = evidence.blocks[block]
    with torch.inference_mode():
        projected = metric.project_models(models)
    means, k = torch.from_numpy(evidence.means[rows]), evidence.k[rows]
    distances = member_distances(metric, means, projected)
    prior = standard(distances).mean(axis=0)
    similarity = from_triangle(evidence.similarity[block][rows], len(held))
    level, task = nearest_level(k, evidence.levels), evidence.task[rows]
    scores = {
        METRIC: prior,
        SMOOTHED: smoothed(prior, similarity),
        **{name: values[np.ix_(rows, held)] for name, values in evidence.scores.items()},
    }
    tasks = HeldOutTasks(k, evidence.v_star[level, task][:, held], scores)
    if known is None:
        return HeldOutBlock(tasks, None)
    counts = np.broadcast_to(k[:, None], means.shape[:2])
    moved = np.stack(
        [
            member_distances(metric, other, projected).mean(axis=0)
            for other in moved_means(means, counts, known.learned)
        ]
    )
    accuracies = HeldOutAccuracies(
        k=k,
        task=task,
        accuracies={own: logits[np.ix_(task, held)] for own, logits in known.logits.items()},
        scores=scores,
        traits=known.traits(means, evidence.tasks[task]),
        unrest=unrest(distances, moved, np.arange(len(held))),
    )
    return HeldOutBlock(tasks, accuracies)


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

"""Fitting the fusion that belongs to a learned metric (see `synlearn/fusion`)."""

import numpy as np

from coordinator.grouped_job import GroupedJob
from coordinator.metric_learning import learn_anew
from synlearn.fusion.cross_fitting import Evidence, held_out_tasks
from synlearn.fusion.fitting import fit_fusion
from synlearn.fusion.fused import METRIC, FittedFusion
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_training import GatheredClasses

_FOLDS = 6
"""Keeps the dealing of folds, and their metrics' draws, apart from others of a seed."""


def fit_from_evidence(
    job: GroupedJob,
    gathered: GatheredClasses,
    evidence: Evidence,
    *,
    specifications: ClassSets,
    kinds: tuple[int, ...],
    seed: int,
) -> FittedFusion:
    """Fit the fusion on what metrics say that have seen neither a fold's models nor its tasks.

    Args:
        job: Its [fusion], [metric] and [learning] say how.
        gathered: All that the metric has learned from.
        evidence: Of the providers' own tasks.
        specifications: Of the learning models.
        kinds: Numbers of each kind in a vector of theirs.
        seed: Of the folds and their metrics.

    Raises:
        InputError: There are too few models or tasks for the folds.
    """

    def train(answers: GatheredClasses, models: ClassSets, fold: int) -> ClassificationMetric:
        return learn_anew(job, answers, models, kinds, (seed, _FOLDS, fold))

    groups = held_out_tasks(
        gathered,
        specifications,
        evidence,
        folds=job.fusion.folds,
        train=train,
        random=np.random.default_rng([seed, _FOLDS]),
    )
    provenance: dict[str, str | int | float] = {
        "job": job.id,
        "seed": seed,
        "folds": job.fusion.folds,
        "tasks": len(evidence.tasks),
        "target_datasets": len(evidence.k),
    }
    return fit_fusion(groups, (METRIC, *evidence.scores), provenance)

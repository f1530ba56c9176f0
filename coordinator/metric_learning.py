"""How a job has its metric learned (Algorithm 1, line 11): round by round, or all at once."""

import numpy as np
import torch

from coordinator.grouped_job import GroupedJob
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_training import (
    ClassificationLearner,
    GatheredClasses,
    LearningPlan,
    Precision,
    StepLoss,
)
from synlearn.mre.supervision import AttentionRule

_UPDATES = 1
"""Keeps the minibatches apart from a job's other draws."""


def new_learner(job: GroupedJob, kinds: tuple[int, ...], seed: int) -> ClassificationLearner:
    """Return a metric that has learned nothing yet.

    Args:
        job: Its [metric] says how.
        kinds: Numbers of each kind in the vector that specifies a class of a model.
        seed: Of the metric's first weights.
    """
    settings = job.metric
    spec = ClassificationMetricSpec(
        task_features=job.pretraining.features,
        model_features=sum(kinds),
        width=settings.width,
        hidden=settings.hidden,
        members=settings.members,
        distance=settings.distance,  # type: ignore[arg-type]  # one of the setting's choices
        model_blocks=kinds,
    )
    metric = ClassificationMetric(spec, torch.Generator().manual_seed(seed))
    return ClassificationLearner(metric, settings.weight_decay, *_device(settings.device))


def learning_plan(job: GroupedJob) -> LearningPlan:
    """Return how the job's settings have the metric updated."""
    settings = job.metric
    return LearningPlan(
        total_updates=job.learning.updates_per_round * job.learning.rounds,
        batch_tasks=settings.batch_tasks,
        batch_models=settings.batch_models,
        margin=settings.margin,
        pairs=settings.pairs,  # type: ignore[arg-type]  # one of the setting's choices
        keep_triplets=settings.keep_triplets,
        attention_weight=settings.attention_weight,
        attention_rule=AttentionRule(settings.gamma_1, settings.gamma_2),
        learning_rate=settings.learning_rate,
        dropout=settings.dropout,
    )


def update_learner(
    job: GroupedJob,
    learner: ClassificationLearner,
    gathered: GatheredClasses,
    specifications: ClassSets,
    round_index: int,
) -> StepLoss:
    """Take one round's gradient steps.

    Args:
        job: Its [metric] and [learning] say how.
        learner: Changed in place.
        gathered: What to learn from.
        specifications: Of the models.
        round_index: Seeds the minibatches, with the job's seed.
    """
    random = np.random.default_rng([job.seed, _UPDATES, round_index])
    updates = job.learning.updates_per_round
    return learner.update(gathered, specifications, learning_plan(job), updates, random)


def learn_anew(
    job: GroupedJob,
    gathered: GatheredClasses,
    specifications: ClassSets,
    kinds: tuple[int, ...],
    seed: tuple[int, ...],
) -> ClassificationMetric:
    """Return a metric that took all of a job's gradient steps on what was gathered in the end.

    Args:
        job: Its [metric] and [learning] say how.
        gathered: What to learn from.
        specifications: Of the models.
        kinds: As `new_learner`.
        seed: Of first weights and minibatches.
    """
    random = np.random.default_rng([*seed, _UPDATES])
    learner = new_learner(job, kinds, int(random.integers(2**63)))
    plan = learning_plan(job)
    learner.update(gathered, specifications, plan, plan.total_updates, random)
    return learner.metric.cpu()


def _device(wanted: str) -> tuple[str, Precision]:
    """Where to learn, and with which precision: not all cards have bfloat16."""
    cuda = wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available())
    return ("cuda", "float16") if cuda else ("cpu", "float32")

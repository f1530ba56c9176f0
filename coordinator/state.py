"""All that a job has learned so far: what a checkpoint holds."""

from dataclasses import dataclass

import torch

from coordinator.job import Job
from coordinator.named_tensors import (
    Tensors,
    optimiser_tensors,
    prefixed,
    restore_optimiser,
    unprefixed,
)
from coordinator.pretraining import initial_backbone
from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone
from synlearn.mre.metric import Metric, MetricSpec
from synlearn.mre.training import Gathered, MetricLearner


@dataclass(slots=True)
class State:
    """Where a job stands, between two rounds.

    Attributes:
        pretraining_rounds: Rounds of feature pre-training done.
        learning_rounds: Rounds of metric learning done.
        backbone: `g_mu`.
        backbone_optimiser: Adam, at the coordinator.
        gathered: The providers' answers used for metric learning.
        learner: The metric and its optimiser.
    """

    pretraining_rounds: int
    learning_rounds: int
    backbone: Backbone
    backbone_optimiser: torch.optim.Adam
    gathered: Gathered
    learner: MetricLearner


def initial_state(job: Job, tasks: int, models: int, specification_length: int) -> State:
    """Return the state before the first round, drawn from the job's seed."""
    backbone = initial_backbone(job.pretraining, channels=1, seed=job.seed)
    spec = MetricSpec(
        task_features=job.pretraining.features,
        model_features=specification_length,
        hidden=job.metric.hidden,
        embedding=job.metric.embedding,
        members=job.metric.members,
        distance=job.metric.distance,  # type: ignore[arg-type]  # one of the setting's choices
    )
    metric = Metric(spec, torch.Generator().manual_seed(job.seed))
    return State(
        pretraining_rounds=0,
        learning_rounds=0,
        backbone=backbone,
        backbone_optimiser=torch.optim.Adam(backbone.parameters()),
        gathered=Gathered(tasks, models, job.pretraining.features),
        learner=MetricLearner(metric, job.metric.weight_decay),
    )


def state_tensors(state: State) -> Tensors:
    """Return the state as named tensors; `restore_state` takes them back."""
    gathered = state.gathered
    progress = [state.pretraining_rounds, state.learning_rounds, state.learner.done]
    return {
        "progress": torch.tensor(progress),
        "gathered.sums": gathered.sums,
        "gathered.counts": gathered.counts,
        "gathered.features": gathered.features,
        "gathered.feature_task": gathered.feature_task,
        **prefixed("backbone.", state.backbone.state_dict()),
        **prefixed("metric.", state.learner.metric.state_dict()),
        **optimiser_tensors("backbone_optimiser.", state.backbone_optimiser),
        **optimiser_tensors("metric_optimiser.", state.learner.optimiser),
    }


def restore_state(state: State, tensors: Tensors) -> None:
    """Make a fresh state what `state_tensors` was called on.

    Raises:
        InputError: A tensor is missing or does not fit the job.
    """
    try:
        _restore(state, tensors)
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            "the checkpoint does not fit the job: it is damaged, or another version wrote it; "
            "delete the run's folder and start the job again."
        ) from error


def _restore(state: State, tensors: Tensors) -> None:
    progress = tensors["progress"].tolist()
    state.pretraining_rounds, state.learning_rounds, state.learner.done = progress
    state.gathered.sums = tensors["gathered.sums"]
    state.gathered.counts = tensors["gathered.counts"]
    state.gathered.features = tensors["gathered.features"]
    state.gathered.feature_task = tensors["gathered.feature_task"]
    state.backbone.load_state_dict(unprefixed("backbone.", tensors))
    state.learner.metric.load_state_dict(unprefixed("metric.", tensors))
    restore_optimiser("backbone_optimiser.", state.backbone_optimiser, tensors)
    restore_optimiser("metric_optimiser.", state.learner.optimiser, tensors)

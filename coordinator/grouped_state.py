"""All that a job of grouped closures has learned so far: what a checkpoint holds."""

from dataclasses import dataclass

import numpy as np
import torch

from coordinator.class_answers import ClassAnswers
from coordinator.grouped_job import GroupedJob
from coordinator.holdings import Holdings
from coordinator.metric_learning import new_learner
from coordinator.named_tensors import (
    Tensors,
    optimiser_tensors,
    prefixed,
    restore_optimiser,
    unprefixed,
)
from coordinator.pretraining import initial_backbone
from coordinator.roll import Roll
from protocols.ids import ProviderId
from protocols.queries import pack_names
from protocols.queries.describe import unpack_names
from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone
from synlearn.mre.classification_training import ClassificationLearner, GatheredClasses


@dataclass(slots=True)
class GroupedState:
    """Where a job stands, between two rounds.

    Attributes:
        pretraining_rounds: Rounds of feature pre-training done.
        learning_rounds: Rounds of metric learning done.
        holdings: Who has which classes, as the present phase began.
        roll: Who of them, and of others, takes part.
        backbone: `g_mu`.
        backbone_optimiser: Adam, at the coordinator.
        answers: The providers' answers used for metric learning.
        learner: The metric and its optimiser.
    """

    pretraining_rounds: int
    learning_rounds: int
    holdings: Holdings
    roll: Roll
    backbone: Backbone
    backbone_optimiser: torch.optim.Adam
    answers: ClassAnswers
    learner: ClassificationLearner

    @property
    def participants(self) -> tuple[ProviderId, ...]:
        """Who is asked in the present phase, sorted."""
        absent = set(self.roll.absent)
        return tuple(name for name in self.holdings.providers if name not in absent)

    @property
    def repeats(self) -> int:
        """How many of those with whom the present phase began are gone: 0 at first, then more."""
        return len(self.holdings.providers) - len(self.participants)

    def gathered(self, labels: str) -> GatheredClasses:
        """What the metric learns from; see `ClassAnswers.gathered`."""
        return self.answers.gathered(labels, self.participants)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a job's settings do not say.

    Attributes:
        channels: Of the providers' images.
        models: How many models there are to learn with.
        outputs: Largest number of classes of a model.
        specification: Numbers of each kind in the vector that specifies a class of a model.
    """

    channels: int
    models: int
    outputs: int
    specification: tuple[int, ...]


def initial_grouped_state(
    job: GroupedJob, holdings: Holdings, sizes: Sizes, roll: Roll | None = None
) -> GroupedState:
    """Return the state before the first round, drawn from the job's seed; all take part."""
    backbone = initial_backbone(job.pretraining, sizes.channels, job.seed)
    return GroupedState(
        pretraining_rounds=0,
        learning_rounds=0,
        holdings=holdings,
        roll=roll or Roll(holdings.providers),
        backbone=backbone,
        backbone_optimiser=torch.optim.Adam(backbone.parameters()),
        answers=ClassAnswers.none(
            classes=len(holdings.classes),
            models=sizes.models,
            outputs=sizes.outputs,
            ways=job.learning.ways,
            width=job.pretraining.features,
            levels=len(job.validation.levels),
        ),
        learner=new_learner(job, sizes.specification, job.seed),
    )


def grouped_state_tensors(state: GroupedState) -> Tensors:
    """Return the state as named tensors; `restore_grouped_state` takes them back."""
    holdings, learner = state.holdings, state.learner
    scaler = {name: torch.tensor(value) for name, value in learner.scaler.state_dict().items()}
    tensors = {
        "progress": torch.tensor([state.pretraining_rounds, state.learning_rounds, learner.done]),
        "holdings.providers": torch.from_numpy(pack_names(holdings.providers).copy()),
        "holdings.classes": torch.from_numpy(pack_names(holdings.classes).copy()),
        "holdings.rows": torch.from_numpy(holdings.rows),
        **prefixed("roll.", state.roll.tensors()),
        **prefixed("answers.", state.answers.tensors()),
        **prefixed("backbone.", state.backbone.state_dict()),
        **prefixed("metric.", learner.metric.state_dict()),
        **optimiser_tensors("backbone_optimiser.", state.backbone_optimiser),
        **optimiser_tensors("metric_optimiser.", learner.optimiser),
        **prefixed("scaler.", scaler),
    }
    return {name: tensor.cpu() for name, tensor in tensors.items()}


def restore_grouped_state(job: GroupedJob, sizes: Sizes, tensors: Tensors) -> GroupedState:
    """Return what `grouped_state_tensors` was called on.

    Raises:
        InputError: A tensor is missing or does not fit the job.
    """
    try:
        return _restored(job, sizes, tensors)
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            "the checkpoint does not fit the job: it is damaged, or another version wrote it; "
            "delete the run's folder and start the job again."
        ) from error


def _restored(job: GroupedJob, sizes: Sizes, tensors: Tensors) -> GroupedState:
    providers, classes = (
        unpack_names(tensors[f"holdings.{name}"].numpy()) for name in ("providers", "classes")
    )
    rows = tensors["holdings.rows"].numpy().astype(np.int64)
    holdings = Holdings(tuple(map(ProviderId, providers)), classes, rows)
    roll = Roll.of(unprefixed("roll.", tensors))
    state = initial_grouped_state(job, holdings, sizes, roll)
    progress = tensors["progress"].tolist()
    state.pretraining_rounds, state.learning_rounds, state.learner.done = progress
    state.answers.restore(unprefixed("answers.", tensors))
    state.backbone.load_state_dict(unprefixed("backbone.", tensors))
    state.learner.metric.load_state_dict(unprefixed("metric.", tensors))
    restore_optimiser("backbone_optimiser.", state.backbone_optimiser, tensors)
    restore_optimiser("metric_optimiser.", state.learner.optimiser, tensors)
    scaler = {name: value.item() for name, value in unprefixed("scaler.", tensors).items()}
    if scaler:
        state.learner.scaler.load_state_dict(scaler)
    return state

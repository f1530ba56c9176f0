"""What a job of isolated closures asks: see `coordinator.run`."""

from collections.abc import Iterator

from coordinator.estimate.models import LearningZoo
from coordinator.estimate.participants import Participants
from coordinator.estimate.questions import (
    STAND_IN,
    Asked,
    Step,
    descriptions,
    parameters_of,
    pretraining_rounds,
    shape_of,
)
from coordinator.holdings import Counts
from coordinator.job import Job
from protocols.queries import SquaredError, TargetFeatures
from synlearn.tasks import TaskEnvironment


def isolated_questions(job: Job, participants: Participants, zoo: LearningZoo) -> Iterator[Asked]:
    """All questions of a job, in order.

    Raises:
        QueryError: A question would be larger than the closed list allows.
    """
    names, settings = participants.names, job.learning
    yield from descriptions(participants, len(zoo.shape))
    parameters = parameters_of(shape_of(job.pretraining, zoo.shape[0]))
    yield from pretraining_rounds(job.pretraining, names, parameters)
    environment = TaskEnvironment(len(names), len(zoo), job.seed)
    lengths = {"means": job.pretraining.features}
    for round_index in range(settings.rounds):
        sample = environment.sample(
            round_index, settings.tasks_per_round, settings.models_per_round
        )
        asked = [names[task] for task in sample.tasks]
        errors = SquaredError((STAND_IN,) * len(sample.models), settings.validation_rows)
        yield Asked(Step.VALIDATION, dict.fromkeys(asked, errors), {})
        targets = TargetFeatures(STAND_IN, settings.k, settings.draws)
        yield Asked(Step.TARGETS, dict.fromkeys(asked, targets), lengths)


def isolated_passes(job: Job, participants: Participants, zoo: LearningZoo) -> Iterator[Counts]:
    """Positions of the models that nodes look at, pass by pass."""
    environment = TaskEnvironment(len(participants), len(zoo), job.seed)
    for round_index in range(job.learning.rounds):
        yield environment.sample(
            round_index, job.learning.tasks_per_round, job.learning.models_per_round
        ).models

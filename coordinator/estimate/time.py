"""How long a job would take, step by step, by the measured costs of its parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from coordinator.estimate.cost_model import CostModel
from coordinator.estimate.files import Files
from coordinator.estimate.models import LearningZoo
from coordinator.estimate.participants import Participants
from coordinator.estimate.questions import Step
from coordinator.estimate.storage import checkpoint_bytes
from coordinator.estimate.tally import Load, Tally
from coordinator.grouped_job import GroupedJob
from coordinator.job import Job
from synlearn.validation.few_shot_accuracy import JUDGED

MEGABIT: Final = 1e6 / 8
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job would run.

    Attributes:
        cores: Of the coordinator's machine.
        workers: Local processes of an embedded federation's nodes; 0 where sites have nodes.
        uplink: Bytes a second that a site sends or receives.
        coordinator_link: Bytes a second that the coordinator sends or receives.
        latency: Seconds there and back between a site and the coordinator.
    """

    cores: int
    workers: int
    uplink: float = 100 * MEGABIT
    coordinator_link: float = 1000 * MEGABIT
    latency: float = 0.03


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long one step takes.

    Attributes:
        step: Its name.
        nodes: Processor seconds of all nodes together.
        coordinator: Processor seconds of the coordinator.
        wall: Seconds until it is over.
        questions: To all providers; an attempt at a masked sum is one for each of its parties.
        sent, received: Bytes of their bodies, to all providers and from all.
    """

    step: str
    nodes: float
    coordinator: float
    wall: float
    questions: int = 0
    sent: int = 0
    received: int = 0


class Clock:
    """Adds up seconds.

    Args:
        costs: Of the parts.
        place: Where the job would run.
        tally: What is asked.

    Attributes:
        costs: The same.
    """

    def __init__(self, costs: CostModel, place: Place, tally: Tally) -> None:
        self.costs = costs
        self._place = place
        self._tally = tally

    def joining(self, participants: Participants) -> StepTime:
        """Until everybody has an open session."""
        costs, place = self.costs, self._place
        own = costs.start_seconds + len(participants) * costs.join_seconds
        nodes = place.workers * costs.start_seconds
        wall = own + (costs.start_seconds if place.workers else place.latency * 4)
        return StepTime("joining", nodes, own, wall)

    def files(self, files: Files) -> StepTime:
        """All files that are pulled, as if they were pulled apart from everything else."""
        own = files.bytes * self.costs.file_byte_seconds
        if self._place.workers:
            return StepTime("files", own, own, 2 * own / self._shared)
        wire = max(
            files.holder_bytes / self._place.uplink, files.bytes / self._place.coordinator_link
        )
        return StepTime("files", own, own, max(own, wire))

    def step(self, step: Step, after: float = 0.0) -> StepTime:
        """Questions of a step, and what the coordinator computes while nobody is asked.

        Args:
            step: Which.
            after: Processor seconds of the coordinator, on one core.
        """
        loads, place = self._tally.of_step(step), self._place
        starts = self._starts(step)
        nodes = sum(load.seconds for load in loads.values()) + starts * len(loads)
        own = self._tally.seconds[step]
        waits = self._tally.waits[step]
        sent, received = (
            round(sum(getattr(load, name) for load in loads.values()))
            for name in ("sent", "received")
        )
        if place.workers:
            at_nodes = nodes / min(place.workers, place.cores)
            asking = max(at_nodes, (nodes + own) / place.cores)
            asking += waits * self.costs.question_seconds
        else:
            slowest = max(map(self._at_site, loads.values()), default=0.0)
            asking = max(slowest, own, (sent + received) / place.coordinator_link)
            asking += waits * place.latency + starts
        return StepTime(
            step,
            nodes,
            own + after,
            asking + after,
            sum(load.questions for load in loads.values()),
            sent,
            received,
        )

    def _starts(self, step: Step) -> float:
        """Seconds of a site until the process that runs models is there: at the first of them."""
        asked = (own for own in (Step.PRETRAINING, Step.VALIDATION) if self._tally.of_step(own))
        first = next(asked, None)
        return self.costs.start_seconds if step is first and not self._place.workers else 0.0

    @property
    def tasks_of_evidence(self) -> int:
        """How many providers are asked about a task of their own."""
        return len(self._tally.of_function("task_evidence"))

    @property
    def _shared(self) -> int:
        return min(self._place.cores, 1 + self._place.workers)

    def _at_site(self, load: Load) -> float:
        return load.seconds + (load.sent + load.received) / self._place.uplink


def grouped_times(
    job: GroupedJob, participants: Participants, zoo: LearningZoo, clock: Clock
) -> Iterator[StepTime]:
    """The steps of a job of grouped closures, after joining.

    Args:
        job: Its settings.
        participants: Who takes part.
        zoo: The models.
        clock: Knows what is asked, and what it costs.
    """
    learning, metric, costs = job.learning, job.metric, clock.costs
    drawn = min(len(zoo), learning.models_per_round)
    pairs = learning.rounds * learning.tasks_per_round * drawn
    classes = len({name for own in participants.counts.values() for name in own})
    yield clock.step(Step.DESCRIPTION)
    pretraining = 0 if job.pretraining.mode == "off" else job.pretraining.rounds
    first = pretraining * checkpoint_bytes(job, classes, zoo, 0)
    yield clock.step(Step.PRETRAINING, first * costs.checkpoint_seconds)
    yield clock.step(Step.VALIDATION, _judging(job, pairs) * _cost_of_judging(job, costs))
    yield clock.step(Step.TARGETS)
    step = metric.members * metric.batch_tasks * min(metric.batch_models, len(zoo))
    steps = learning.rounds * learning.updates_per_round
    updates = steps * (costs.step_seconds + step * costs.update_seconds)
    saved = sum(
        checkpoint_bytes(job, classes, zoo, number * learning.tasks_per_round)
        for number in range(1, learning.rounds + 1)
    )
    own = updates + saved * costs.checkpoint_seconds
    yield StepTime("learning", 0.0, own, own)
    if job.fusion.folds:
        heads = clock.tasks_of_evidence * len(zoo) * _numbers_of_head(job)
        yield clock.step(Step.EVIDENCE, heads * costs.synthetic_seconds)
        trained = job.fusion.folds * updates
        yield StepTime("fusion", 0.0, trained, trained)


def isolated_times(job: Job, zoo: LearningZoo, clock: Clock) -> Iterator[StepTime]:
    """The steps of a job of isolated closures, after joining."""
    learning, metric = job.learning, job.metric
    for step in (Step.DESCRIPTION, Step.PRETRAINING, Step.VALIDATION, Step.TARGETS):
        yield clock.step(step)
    step_size = metric.members * metric.batch_tasks * min(metric.batch_models, len(zoo))
    costs, steps = clock.costs, learning.rounds * learning.updates_per_round
    own = steps * (costs.isolated_step_seconds + step_size * costs.isolated_seconds)
    yield StepTime("learning", 0.0, own, own)


def _judging(job: GroupedJob, pairs: int) -> float:
    """Units of the work that turns sums into reusability, for so many tasks and models."""
    match job.validation.function:
        case "few_shot_accuracy":
            return pairs * _numbers_of_head(job)
        case "head_accuracy":
            return pairs * float(job.validation.width) ** 3
        case _:
            return 0.0


def _cost_of_judging(job: GroupedJob, costs: CostModel) -> float:
    few_shot = job.validation.function == "few_shot_accuracy"
    return costs.synthetic_seconds if few_shot else costs.head_seconds


def _numbers_of_head(job: GroupedJob) -> float:
    """Numbers of synthetic rows that the few-shot heads of one task and model are fitted on."""
    settings = job.validation
    rows = len(settings.examples) * job.learning.ways * (max(settings.examples) + JUDGED)
    return float(settings.draws * rows * settings.width)

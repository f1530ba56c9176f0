"""What a job of grouped closures asks: see `coordinator.grouped_run` and `fusion_evidence`."""

from collections.abc import Iterator

import numpy as np

from coordinator.aggregation_question import Terms, question_about
from coordinator.class_questions import ClassQuestions
from coordinator.drawing import environment_of, target_batches
from coordinator.estimate.models import LearningZoo
from coordinator.estimate.participants import Participants
from coordinator.estimate.questions import (
    STAND_IN,
    Asked,
    Step,
    Summed,
    alike,
    descriptions,
    nothing,
    parameters_of,
    pretraining_rounds,
    shape_of,
)
from coordinator.fusion_evidence import evidence_request, judged_holdings, task_draws
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_run import masked_id
from coordinator.holdings import Counts, Holdings
from coordinator.task_evidence import check_tasks, evidence_questions, own_tasks
from protocols.ids import digest_of
from protocols.secagg.keys import KEY_BYTES, Identity
from protocols.secagg.manifest import JobManifest
from synlearn.class_tasks import ClassSample
from synlearn.validation.head_accuracy import Heads


def grouped_questions(
    job: GroupedJob, participants: Participants, zoo: LearningZoo
) -> Iterator[Asked | Summed]:
    """All questions of a job, in order.

    Raises:
        InputError: The providers hold too few classes, or too many for the job's settings.
    """
    holdings = Holdings.of(participants.counts)
    yield from descriptions(participants, len(zoo.shape))
    parameters = parameters_of(shape_of(job.pretraining, zoo.shape[0]))
    yield from pretraining_rounds(job.pretraining, holdings.providers, parameters)
    manifest = _manifest(job, holdings)
    for round_index, (sample, new) in enumerate(_samples(job, holdings, zoo)):
        yield from _validation(job, holdings, zoo, sample, len(new))
        _, batches = target_batches(job, holdings, sample.tasks, round_index)
        for number, batch in enumerate(batches):
            query = batch.query(STAND_IN, job.pretraining.features, holdings)
            question = question_about(
                manifest,
                masked_id(round_index, number),
                1,
                query,
                tuple(holdings.providers[party] for party in batch.parties.tolist()),
                np.broadcast_to(np.int64(0), (len(batch.parties), len(batch.slots))),
                Terms(bound=float(batch.instances.max())),
            )
            yield Summed(Step.TARGETS, query, question, int(batch.instances.sum()))
    if job.fusion.folds:
        yield from _evidence(job, holdings, zoo)


def grouped_passes(
    job: GroupedJob, participants: Participants, zoo: LearningZoo
) -> Iterator[Counts]:
    """Positions of the models that nodes look at, pass by pass."""
    for sample, new in _samples(job, Holdings.of(participants.counts), zoo):
        yield new
        if job.validation.function != "nce":
            yield sample.models
        if job.validation.function == "head_accuracy":
            yield sample.models
    if job.fusion.folds:
        yield np.arange(len(zoo))
        yield np.arange(len(zoo))


def _samples(
    job: GroupedJob, holdings: Holdings, zoo: LearningZoo
) -> Iterator[tuple[ClassSample, Counts]]:
    """What each round draws, and which of its models no round drew before."""
    environment, settings = environment_of(job, holdings, len(zoo)), job.learning
    known = np.zeros(len(zoo), bool)
    for round_index in range(settings.rounds):
        sample = environment.sample(
            round_index, settings.tasks_per_round, settings.models_per_round
        )
        yield sample, sample.models[~known[sample.models]]
        known[sample.models] = True


def _validation(
    job: GroupedJob, holdings: Holdings, zoo: LearningZoo, sample: ClassSample, new: int
) -> Iterator[Asked]:
    """Line 9: see `GroupedRun.validate`."""
    function, questions = job.validation.function, ClassQuestions(job.validation, holdings)
    for models, times in alike(questions.output_parts(new, zoo.outputs)):
        own = questions.outputs((STAND_IN,) * models, zoo.outputs)
        yield Asked(Step.VALIDATION, own, {}, times)
    drawn = len(sample.models)
    if function in {"few_shot_accuracy", "head_accuracy"}:
        halves = function == "head_accuracy"
        yield from _statistics(questions, Step.VALIDATION, drawn, sample.tasks, halves=halves)
    if function == "head_accuracy":
        for models, times in alike(questions.statistics_parts(drawn)):
            sides = (models, *sample.tasks.shape)
            heads = Heads(nothing(*sides, job.validation.width), nothing(*sides))
            for parts in questions.task_parts(sample.tasks, heads.weights[:, 0].size):
                # One by one: such questions are large.
                for number, (name, part) in enumerate(parts.items()):
                    query = questions.correct((STAND_IN,) * models, part, heads)
                    yield Asked(Step.VALIDATION, {name: query}, {}, times, number > 0)
    if function == "leep":
        for models, times in alike(questions.likelihood_parts(drawn)):
            tables = np.broadcast_to(np.float64(0), (models, *sample.tasks.shape, zoo.outputs))
            for parts in questions.task_parts(sample.tasks, tables[:, 0].size):
                for number, (name, part) in enumerate(parts.items()):
                    query = questions.likelihood((STAND_IN,) * models, part, tables)
                    yield Asked(Step.VALIDATION, {name: query}, {}, times, number > 0)


def _statistics(
    questions: ClassQuestions, step: Step, count: int, tasks: Counts, *, halves: bool
) -> Iterator[Asked]:
    """Sums about all classes of some tasks, for `count` models."""
    for models, times in alike(questions.statistics_parts(count)):
        own = questions.statistics((STAND_IN,) * models, np.unique(tasks), halves=halves)
        yield Asked(step, own, {}, times)


def _evidence(job: GroupedJob, holdings: Holdings, zoo: LearningZoo) -> Iterator[Asked]:
    """After Algorithm 1: see `ask_for_evidence`."""
    request = evidence_request(job, (STAND_IN,) * len(zoo), STAND_IN)
    judged = judged_holdings(job, holdings)
    tasks = own_tasks(judged, request.ways, request.ks, task_draws(job))
    check_tasks(tasks, request)
    sizes = {len(block): block for block in request.blocks}
    for size, times in alike(slice(0, len(block)) for block in request.blocks):
        own = evidence_questions(request, judged, tasks, sizes[size])
        yield Asked(Step.EVIDENCE, own, {}, times)
    own_classes = np.array([task.classes for task in tasks], np.int64)
    questions = ClassQuestions(job.validation, holdings)
    yield from _statistics(questions, Step.EVIDENCE, len(zoo), own_classes, halves=False)


def _manifest(job: GroupedJob, holdings: Holdings) -> JobManifest:
    """Stands in for the job's manifest, of which a question holds name and digest alone."""
    return JobManifest(
        job=job.id,
        coordinator=Identity.from_bytes(bytes(KEY_BYTES)).public,
        roster=digest_of(b""),
        participants=holdings.providers,
        functions=frozenset(),
    )

"""What a job will ask one provider, at most: the plan that its owner agrees to.

Bounds from the job's settings alone, before anybody has said what it holds. A retry under the same
id gets the stored answer and counts once; attempts at masked sums count three times at most.
"""

import math
from collections.abc import Collection, Iterator

from coordinator.class_questions import models_of_statistics, tasks_of_question
from coordinator.fusion_evidence import models_of_block
from coordinator.grouped_job import GroupedJob
from coordinator.job import Job
from coordinator.pretraining import initial_backbone
from coordinator.target_datasets import pairs_of_sum
from protocols.ids import Digest
from protocols.job_plan import JobPlan, PlannedFunction
from protocols.queries import packed_length
from protocols.queries.spec import MAX_OUTPUTS
from protocols.secagg.member import Transport
from protocols.secagg.question import MAX_ATTEMPTS
from synlearn.fusion.cross_fitting import blocks_of

_OVERHEAD = 4096
"""Bytes of an answer beside its arrays."""
_REAL, _MASKED = 8, 8
"""Bytes of a number in an answer, and at most in a masked vector."""
_MORE = 2
"""Where a question's room depends on classes: a site may hold more than it has declared."""
_BY_HEADS = frozenset({"few_shot_accuracy", "head_accuracy"})
_SECOND = {"head_accuracy": "head_correct", "leep": "leep_likelihood"}
"""Validation functions that ask a second time, about single tasks."""


def plan_of(
    job: Job | GroupedJob,
    *,
    coordinator: bytes,
    purpose: str,
    models: Collection[Digest],
    classes: int,
    channels: int,
) -> JobPlan:
    """The plan of a job.

    Args:
        job: What will be run.
        coordinator: Public key of the coordinator that will sign the plan.
        purpose: Why, for the owners.
        models: Digests of the files that are known beforehand.
        classes: Most classes that one provider holds.
        channels: Of the images.
    """
    return JobPlan(
        job=job.id,
        coordinator=coordinator,
        purpose=purpose,
        functions=planned_functions(job, len(models), classes, channels),
        files=frozenset(models),
    )


def planned_functions(
    job: Job | GroupedJob, models: int, classes: int, channels: int
) -> tuple[PlannedFunction, ...]:
    """What a job asks one provider, at most, in ascending order of the functions' names.

    Args:
        job: What will be run.
        models: How many there are to learn with.
        classes: Most classes that one provider holds.
        channels: Of the images.

    Raises:
        InputError: A question has no room for one model's answer about so many classes.
    """
    asked = (
        _grouped(job, models, classes, channels)
        if isinstance(job, GroupedJob)
        else _isolated(job, models, channels)
    )
    return tuple(sorted(asked, key=lambda each: each.function))


def _grouped(
    job: GroupedJob, models: int, classes: int, channels: int
) -> Iterator[PlannedFunction]:
    learning, validation, fusion = job.learning, job.validation, job.fusion
    drawn = min(models, learning.models_per_round)
    yield from _common(job, channels)
    yield _plain("class_outputs", models, models * classes * 2 * MAX_OUTPUTS)
    if validation.function in _BY_HEADS or fusion.folds:
        handful = models_of_statistics(validation, classes)
        rounds = learning.rounds if validation.function in _BY_HEADS else 0
        numbers = classes * (packed_length(validation.width) + validation.width + 1)
        asked, shown = rounds * math.ceil(drawn / handful), rounds * drawn
        if fusion.folds:  # after learning, how reusable all models are by others' rows
            asked, shown = asked + math.ceil(models / handful), shown + models
        yield _plain("head_statistics", _MORE * asked, _MORE * shown * numbers)
    if validation.function in _SECOND:
        yield _second_pass(job, drawn, classes)
    if fusion.folds:
        targets = len(fusion.examples) * fusion.draws
        most = models_of_block(job)
        blocks = blocks_of(models, fusion.folds, most)
        means = blocks * learning.ways * (job.pretraining.features + 1)
        each = len(fusion.scores) + (most - 1) / 2  # and how alike each two of a block are
        yield _plain("task_evidence", blocks, targets * (means + math.ceil(models * each)))
    yield _sums(job)


def _second_pass(job: GroupedJob, drawn: int, classes: int) -> PlannedFunction:
    """What is asked about single tasks, once the first sums are there."""
    learning, validation = job.learning, job.validation
    if validation.function == "head_accuracy":
        handful, width = models_of_statistics(validation, classes), validation.width
    else:
        handful, width = validation.models_per_question, MAX_OUTPUTS
    tasks = learning.tasks_per_round
    parts = math.ceil(tasks / tasks_of_question(min(handful, drawn) * learning.ways * width))
    questions = learning.rounds * math.ceil(drawn / handful) * parts
    numbers = learning.rounds * drawn * tasks * learning.ways
    return _plain(_SECOND[validation.function], _MORE * questions, numbers)


def _isolated(job: Job, models: int, channels: int) -> Iterator[PlannedFunction]:
    learning = job.learning
    yield from _common(job, channels)
    yield _plain("squared_error", learning.rounds * 4, learning.rounds * models)
    numbers = learning.rounds * learning.draws * job.pretraining.features
    yield _plain("target_features", learning.rounds, numbers)


def _common(job: Job | GroupedJob, channels: int) -> Iterator[PlannedFunction]:
    yield _plain("describe", 4, 2**16)
    settings = job.pretraining
    if settings.mode == "off":
        return
    backbone = initial_backbone(settings, channels, job.seed)
    numbers = sum(parameter.numel() for parameter in backbone.parameters()) + 16
    name = "pretraining_gradient" if settings.mode == "gradient" else "pretraining_update"
    # Only the file tells how long the answer is, so a policy may charge the largest there is.
    yield PlannedFunction(
        name,
        settings.rounds,
        settings.rounds * max(_REAL * numbers + _OVERHEAD, 2**25),
        Transport.PLAIN,
    )


def _sums(job: GroupedJob) -> PlannedFunction:
    learning, features = job.learning, job.pretraining.features
    pairs = learning.tasks_per_round * learning.draws
    at_once = pairs_of_sum(learning.ways, features, learning.k_most)
    # A provider's classes are all of one closure. Some more: a job may be resumed within a sum.
    questions = learning.rounds * (32 + math.ceil(pairs / at_once)) * MAX_ATTEMPTS
    numbers = pairs * learning.ways * features
    return PlannedFunction(
        "class_feature_sums",
        questions,
        learning.rounds * MAX_ATTEMPTS * numbers * _MASKED + questions * _OVERHEAD,
        Transport.MASKED,
    )


def _plain(function: str, questions: int, numbers: int) -> PlannedFunction:
    size = _REAL * numbers + questions * _OVERHEAD
    return PlannedFunction(function, questions, size, Transport.PLAIN)

"""Evidence for a fusion: the same examples as the metric and as direct scores see them.

Every provider that holds enough classes of one set is asked about one task of its own, all at once.
Models are asked about block by block: how alike two of them are comes only where both are in one
question. Providers draw the rows by what is asked about, not by the question's id, so all blocks
are about the same rows.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coordinator.holdings import Counts, Holdings
from coordinator.questions import Questions
from protocols.ids import ProviderId, QueryId
from protocols.queries import Answer, Query, QueryError, TaskEvidence
from synlearn.class_tasks import sets_of
from synlearn.errors import InputError

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

AT_ONCE = 64
"""Most models in a block: a node that is busy with many others' questions still answers in time."""
_SAME = 1e-4
"""Means of the same rows differ by rounding alone; entries of unit vectors are at most 1."""


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """What is to be known of each task.

    Attributes:
        models: m digests of files, all published to the providers.
        blocks: Positions of models to ask about together; each model is in one.
        backbone: Digest of `g_mu`'s file, published as well.
        features: Of `g_mu`.
        ks: Rows of each class in a target dataset, rising.
        draws: Target datasets of a task for each K.
        scores: Names of direct scores, in the order of `protocols.queries.SCORES`.
        ways: Classes of a task, at least 2.
    """

    models: tuple[str, ...]
    blocks: tuple[Counts, ...]
    backbone: str
    features: int
    ks: tuple[int, ...]
    draws: int
    scores: tuple[str, ...]
    ways: int = 5


@dataclass(frozen=True, slots=True)
class OwnTask:
    """A task that one provider is asked about.

    Attributes:
        place: Position of the provider.
        classes: Positions of the task's classes, rising.
        ks: Those that the provider can answer.
    """

    place: int
    classes: tuple[int, ...]
    ks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GatheredEvidence:
    """What the providers answered: n target datasets of t tasks.

    Attributes:
        tasks: (t, w) int64 positions of classes.
        provider: (t,) int64 position of the provider whose task it is, rising.
        task: (n,) int64, rising: which task each target dataset is of.
        k: (n,) int64 rows of each class in it.
        means: (n, w, f) float32, mean feature of each class.
        scores: By name, (n, m) float64, higher is better; LogME may be infinite, never NaN.
        similarity: Of each block of b models, (n, b (b - 1) / 2) float32 in [0, 1]; see
            `synlearn.fusion.similarity.triangle_of`.
    """

    tasks: Counts
    provider: Counts
    task: Counts
    k: Counts
    means: Float32
    scores: Mapping[str, Float64]
    similarity: tuple[Float32, ...]


def gather_evidence(  # noqa: PLR0917 - who says what about which, as `ClassValidation` has it
    request: EvidenceRequest,
    holdings: Holdings,
    questions: Questions,
    ids: Iterator[QueryId],
    random: np.random.Generator,
    asked_of: Collection[ProviderId] | None = None,
) -> GatheredEvidence:
    """Ask every provider that can answer about a task of its own, and wait for all.

    Args:
        request: What to ask for.
        holdings: Who has which classes.
        questions: The way to the providers.
        ids: Of the questions to come, rising; one for each block.
        random: Draws the tasks; the same one gives the same tasks.
        asked_of: Who is asked; None for all. Tasks are drawn as if all were.

    Raises:
        InputError: No provider can answer.
        QueryError: A provider's answer is not what its question promises, or is about other rows
            than its answer about other models.
        QueryRefused, ProvidersGone: As `Questions.ask`.
    """
    tasks = own_tasks(holdings, request.ways, request.ks, random)
    if asked_of is not None:
        tasks = _of_those_here(tasks, holdings, asked_of)
    check_tasks(tasks, request)
    parts: list[dict[ProviderId, Answer]] = []
    for block in request.blocks:
        parts.append(questions.ask(next(ids), evidence_questions(request, holdings, tasks, block)))
    providers = [holdings.providers[task.place] for task in tasks]
    for provider in providers:
        _check_same_rows([part[provider] for part in parts], provider)
    return _gathered(request, tasks, [[part[provider] for provider in providers] for part in parts])


def own_tasks(
    holdings: Holdings, ways: int, ks: Sequence[int], random: np.random.Generator
) -> tuple[OwnTask, ...]:
    """Draw a task for each provider that can answer about one for any K.

    Its set is drawn from those of which the provider holds enough classes, then its classes.

    Args:
        holdings: Who has which classes.
        ways: Classes of a task.
        ks: Wished for, rising.
        random: Source of the draws.
    """
    found = []
    for place, held in enumerate(holdings.rows.tolist()):
        rows = np.array(held, np.int64)
        able = np.flatnonzero(rows >= min(ks)).tolist()
        sets = [own for own in sets_of(holdings.classes, able) if len(own) >= ways]
        if sets:
            among = sets[int(random.integers(len(sets)))]
            classes = np.sort(random.choice(among, ways, replace=False))
            fewest = int(rows[classes].min())
            own = tuple(k for k in ks if k <= fewest)
            found.append(OwnTask(place, tuple(classes.tolist()), own))
    return tuple(found)


def _of_those_here(
    tasks: Sequence[OwnTask], holdings: Holdings, here: Collection[ProviderId]
) -> tuple[OwnTask, ...]:
    """The tasks of providers that are here, where another one here holds each of the classes."""
    places = [place for place, name in enumerate(holdings.providers) if name in here]
    shared = np.flatnonzero((holdings.rows[places] > 0).sum(axis=0) > 1)
    return tuple(
        task for task in tasks if task.place in places and np.isin(task.classes, shared).all()
    )


def check_tasks(tasks: Sequence[OwnTask], request: EvidenceRequest) -> None:
    """Raise `InputError` where no provider has a task to be asked about."""
    if not tasks:
        raise InputError(
            f"no provider holds {request.ways} classes of one set with {min(request.ks)} rows or "
            "more of each; lower ways or K, or gather providers that hold more."
        )


def evidence_questions(
    request: EvidenceRequest, holdings: Holdings, tasks: Sequence[OwnTask], block: Counts
) -> dict[ProviderId, Query]:
    """What each provider is asked about its own task and one block of models."""
    return {
        holdings.providers[task.place]: TaskEvidence(
            models=tuple(request.models[place] for place in block),
            backbone=request.backbone,
            features=request.features,
            classes=tuple(holdings.classes[position] for position in task.classes),
            ks=np.array(task.ks, np.int32),
            draws=request.draws,
            scores=request.scores,
        )
        for task in tasks
    }


def _check_same_rows(parts: Sequence[Answer], provider: ProviderId) -> None:
    for other in parts[1:]:
        if not np.allclose(other["means"], parts[0]["means"], rtol=0, atol=_SAME):
            raise QueryError(f"provider {provider}: answers about some models are of other rows")


def _gathered(
    request: EvidenceRequest, tasks: Sequence[OwnTask], answers: Sequence[Sequence[Answer]]
) -> GatheredEvidence:
    """Lay the target datasets of all tasks one behind the other, by K and draw.

    Args:
        request: What was asked.
        tasks: Of each provider.
        answers: Of each block, those of the providers.
    """
    ks = [np.repeat(np.array(task.ks, np.int64), request.draws) for task in tasks]
    scores = np.empty((sum(map(len, ks)), len(request.scores), len(request.models)))
    for block, of_block in zip(request.blocks, answers, strict=True):
        scores[:, :, block] = _by_dataset(of_block, "scores")
    return GatheredEvidence(
        tasks=np.array([task.classes for task in tasks], np.int64),
        provider=np.array([task.place for task in tasks], np.int64),
        task=np.repeat(np.arange(len(tasks)), [len(own) for own in ks]),
        k=np.concatenate(ks),
        means=_by_dataset(answers[0], "means"),
        scores={name: scores[:, place] for place, name in enumerate(request.scores)},
        similarity=tuple(_by_dataset(of_block, "similarity") for of_block in answers),
    )


def _by_dataset(answers: Sequence[Answer], name: str) -> npt.NDArray[np.floating]:
    """An array (c, d, ...) of each answer as one (n, ...)."""
    return np.concatenate([row for own in answers for row in own[name]])

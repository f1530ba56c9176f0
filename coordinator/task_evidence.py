"""Evidence for a fusion: the same examples as the metric and as direct scores see them.

Every provider that holds enough classes of one set is asked about one task of its own, all at once.
Providers draw the rows by what is asked about, not by the question's id; so where models are too
many for one question, the next one is about the same rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coordinator.holdings import Counts, Holdings
from coordinator.questions import Questions
from protocols.ids import ProviderId, QueryId
from protocols.queries import (
    Answer,
    Query,
    QueryError,
    TaskEvidence,
    batches_of,
)
from synlearn.class_tasks import sets_of
from synlearn.errors import InputError

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

AT_ONCE = 64
"""Models in a question: a node that is busy with many others' questions still answers in time."""
_SAME = 1e-4
"""Means of the same rows differ by rounding alone; entries of unit vectors are at most 1."""


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """What is to be known of each task.

    Attributes:
        models: m digests of files, all published to the providers.
        backbone: Digest of `g_mu`'s file, published as well.
        features: Of `g_mu`.
        ks: Rows of each class in a target dataset, rising.
        draws: Target datasets of a task for each K.
        scores: Names of direct scores, in the order of `protocols.queries.SCORES`.
        ways: Classes of a task, at least 2.
    """

    models: tuple[str, ...]
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
    """

    tasks: Counts
    provider: Counts
    task: Counts
    k: Counts
    means: Float32
    scores: Mapping[str, Float64]


def gather_evidence(
    request: EvidenceRequest,
    holdings: Holdings,
    questions: Questions,
    ids: Iterator[QueryId],
    random: np.random.Generator,
) -> GatheredEvidence:
    """Ask every provider that can answer about a task of its own, and wait for all.

    Args:
        request: What to ask for.
        holdings: Who has which classes.
        questions: The way to the providers.
        ids: Of the questions to come, rising; one for each few dozen models.
        random: Draws the tasks; the same one gives the same tasks.

    Raises:
        InputError: No provider can answer.
        QueryError: A provider's answer is not what its question promises, or is about other rows
            than its answer about other models.
        QueryRefused, QueryTimedOut: As the session server has it.
    """
    tasks = own_tasks(holdings, request.ways, request.ks, random)
    if not tasks:
        raise InputError(
            f"no provider holds {request.ways} classes of one set with {min(request.ks)} rows or "
            "more of each; lower ways or K, or gather providers that hold more."
        )
    parts: list[dict[ProviderId, Answer]] = []
    sides = len(request.ks) * request.draws * len(request.scores)
    for part in batches_of(len(request.models), sides, AT_ONCE):
        asked: dict[ProviderId, Query] = {
            holdings.providers[task.place]: TaskEvidence(
                models=request.models[part],
                backbone=request.backbone,
                features=request.features,
                classes=tuple(holdings.classes[position] for position in task.classes),
                ks=np.array(task.ks, np.int32),
                draws=request.draws,
                scores=request.scores,
            )
            for task in tasks
        }
        parts.append(questions.ask(next(ids), asked))
    providers = [holdings.providers[task.place] for task in tasks]
    answers = [_joined([part[provider] for part in parts], provider) for provider in providers]
    return _gathered(request, tasks, answers)


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


def _joined(parts: Sequence[Answer], provider: ProviderId) -> Answer:
    """A provider's answers about several parts of the models as one."""
    first = parts[0]
    for other in parts[1:]:
        if not np.allclose(other["means"], first["means"], rtol=0, atol=_SAME):
            raise QueryError(f"provider {provider}: answers about some models are of other rows")
    return {**first, "scores": np.concatenate([part["scores"] for part in parts], axis=3)}


def _gathered(
    request: EvidenceRequest, tasks: Sequence[OwnTask], answers: Sequence[Answer]
) -> GatheredEvidence:
    """Lay the target datasets of all tasks one behind the other, by K and draw."""
    ks = [np.repeat(np.array(task.ks, np.int64), request.draws) for task in tasks]
    means = [answer["means"].reshape(-1, *answer["means"].shape[2:]) for answer in answers]
    scores = [answer["scores"].reshape(-1, *answer["scores"].shape[2:]) for answer in answers]
    every = np.concatenate(scores)
    return GatheredEvidence(
        tasks=np.array([task.classes for task in tasks], np.int64),
        provider=np.array([task.place for task in tasks], np.int64),
        task=np.repeat(np.arange(len(tasks)), [len(own) for own in ks]),
        k=np.concatenate(ks),
        means=np.concatenate(means),
        scores={name: every[:, place] for place, name in enumerate(request.scores)},
    )

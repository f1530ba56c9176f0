"""What a fusion is fitted on: tasks of single providers, scored by others' rows, kept in the run.

After Algorithm 1. Each provider is asked about one task of its own classes; how reusable models
truly are for it is taken from all *other* providers' rows of these classes.
"""

from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import torch

from coordinator.blobs import MemoryBlobs
from coordinator.class_validation import ClassValidation
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_state import GroupedState
from coordinator.holdings import Holdings
from coordinator.named_tensors import Tensors, prefixed
from coordinator.questions import Phase, Questions
from coordinator.task_evidence import EvidenceRequest, gather_evidence
from protocols.ids import QueryId
from protocols.queries import SCORES
from synlearn.fusion.cross_fitting import Evidence
from synlearn.mre.backbone import save_backbone

_TASKS, _SYNTHETIC = 4, 5
"""Keep these draws apart from each other and from those of Algorithm 1."""


@dataclass(frozen=True, slots=True)
class EvidenceSources:
    """Whom to ask, and how.

    Attributes:
        questions: The way to single providers.
        blobs: Where files for the providers are published.
        digests: Of the learning models, all published.
    """

    questions: Questions
    blobs: MemoryBlobs
    digests: tuple[str, ...]


def ask_for_evidence(job: GroupedJob, state: GroupedState, sources: EvidenceSources) -> Evidence:
    """Ask providers for evidence about tasks of their own, and all others how reusable models are.

    Args:
        job: Its [fusion] and [validation] say what to ask.
        state: Of the finished learning.
        sources: Whom to ask.

    Raises:
        InputError: No provider can answer.
        QueryError, QueryRefused, QueryTimedOut: As `Questions.ask`.
    """
    settings, holdings = job.fusion, state.holdings
    backbone = sources.blobs.publish(save_backbone(state.backbone))
    gathered = gather_evidence(
        EvidenceRequest(
            models=sources.digests,
            backbone=backbone,
            features=job.pretraining.features,
            ks=settings.examples,
            draws=settings.draws,
            scores=settings.scores,
            ways=job.learning.ways,
        ),
        _shared(job, holdings),
        sources.questions,
        (QueryId(Phase.EVIDENCE, 0, part) for part in count()),
        np.random.default_rng([job.seed, _TASKS]),
    )
    sources.blobs.withdraw(backbone)
    validation = ClassValidation(
        job.validation,
        holdings,
        sources.questions,
        (QueryId(Phase.EVIDENCE, 1, part) for part in count()),
    )
    seed = [job.seed, _SYNTHETIC]
    v_star = validation.scores_by_others(
        sources.digests, gathered.tasks, gathered.provider.tolist(), seed
    )
    return Evidence(
        tasks=gathered.tasks,
        v_star=v_star,
        levels=job.validation.examples,
        task=gathered.task,
        k=gathered.k,
        means=gathered.means,
        scores=gathered.scores,
    )


def evidence_tensors(evidence: Evidence) -> Tensors:
    """As named tensors; `evidence_of` takes them back."""
    return {
        "levels": torch.tensor(evidence.levels),
        **{
            name: torch.from_numpy(getattr(evidence, name))
            for name in ("tasks", "v_star", "task", "k", "means")
        },
        **prefixed(
            "scores.",
            {name: torch.from_numpy(own.copy()) for name, own in evidence.scores.items()},
        ),
    }


def evidence_of(tensors: Tensors) -> Evidence:
    """Undo `evidence_tensors`."""
    arrays = {name: value.numpy() for name, value in tensors.items()}
    return Evidence(
        tasks=arrays["tasks"],
        v_star=arrays["v_star"],
        levels=tuple(arrays["levels"].tolist()),
        task=arrays["task"],
        k=arrays["k"],
        means=arrays["means"],
        scores={name: arrays[f"scores.{name}"] for name in SCORES if f"scores.{name}" in arrays},
    )


def _shared(job: GroupedJob, holdings: Holdings) -> Holdings:
    """Leave out the classes with too few holders: only others' rows can judge a provider's task."""
    holders = job.providers.min_parties_per_class + job.providers.dropouts
    rows = np.zeros_like(holdings.rows)
    drawable = np.array(holdings.drawable(max(holders, 2), job.learning.k_most), np.int64)
    rows[:, drawable] = holdings.rows[:, drawable]
    return replace(holdings, rows=rows)

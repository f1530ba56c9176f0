"""What a fusion is fitted on: tasks of single providers, scored by others' rows, kept in the run.

After Algorithm 1. Each provider is asked about one task of its own classes; how reusable models
truly are for it is taken from all *other* providers' rows of these classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from coordinator.blobs import MemoryBlobs
from coordinator.class_validation import ClassValidation
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_state import GroupedState
from coordinator.holdings import Holdings
from coordinator.named_tensors import Tensors, prefixed
from coordinator.questions import Phase, Questions
from coordinator.step_ids import StepIds
from coordinator.task_evidence import AT_ONCE, EvidenceRequest, gather_evidence
from protocols.queries import MAX_GRAM, SCORES, Array, gram_entries
from synlearn.errors import InputError
from synlearn.fusion.cross_fitting import Evidence, deal_models
from synlearn.mre.backbone import save_backbone

_TASKS, _SYNTHETIC, _BLOCKS = 4, 5, 7
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
        QueryError, QueryRefused, ProvidersGone: As `Questions.ask`.
    """
    backbone = sources.blobs.publish(save_backbone(state.backbone))
    request = evidence_request(job, sources.digests, backbone)
    gathered = gather_evidence(
        request,
        judged_holdings(job, state.holdings),
        sources.questions,
        StepIds(Phase.EVIDENCE, 0),
        task_draws(job),
        state.participants,
    )
    sources.blobs.withdraw(backbone)
    validation = ClassValidation(
        job.validation,
        state.holdings,
        sources.questions,
        StepIds(Phase.EVIDENCE, 1),
        state.participants,
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
        blocks=request.blocks,
        similarity=gathered.similarity,
    )


def evidence_request(job: GroupedJob, digests: tuple[str, ...], backbone: str) -> EvidenceRequest:
    """What providers are asked about their own tasks.

    Args:
        job: Its [fusion] says what.
        digests: Of the learning models.
        backbone: Digest of `g_mu`'s file.

    Raises:
        InputError: There are too few models for the folds.
    """
    settings = job.fusion
    random = np.random.default_rng([job.seed, _BLOCKS])
    return EvidenceRequest(
        models=digests,
        blocks=deal_models(len(digests), settings.folds, models_of_block(job), random),
        backbone=backbone,
        features=job.pretraining.features,
        ks=settings.examples,
        draws=settings.draws,
        scores=settings.scores,
        ways=job.learning.ways,
    )


def models_of_block(job: GroupedJob) -> int:
    """Most models that providers are asked to compare with each other, 2 or more."""
    entries = gram_entries(job.learning.ways, job.fusion.examples, job.fusion.draws)
    return max(2, min(AT_ONCE, MAX_GRAM // entries))


def task_draws(job: GroupedJob) -> np.random.Generator:
    """Source of the providers' own tasks: always the same for a job."""
    return np.random.default_rng([job.seed, _TASKS])


def judged_holdings(job: GroupedJob, holdings: Holdings) -> Holdings:
    """Leave out the classes with too few holders: only others' rows can judge a provider's task."""
    holders = job.providers.min_parties_per_class + job.providers.dropouts
    rows = np.zeros_like(holdings.rows)
    drawable = np.array(holdings.drawable(max(holders, 2), job.learning.k_most), np.int64)
    rows[:, drawable] = holdings.rows[:, drawable]
    return replace(holdings, rows=rows)


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
        **{
            f"{name}.{number}": torch.from_numpy(own)
            for name in ("blocks", "similarity")
            for number, own in enumerate(getattr(evidence, name))
        },
    }


def evidence_of(tensors: Tensors) -> Evidence:
    """Undo `evidence_tensors`.

    Raises:
        InputError: An earlier version has gathered it.
    """
    if "blocks.0" not in tensors:
        raise InputError(
            "the evidence of this run does not say how alike models are, since an earlier version "
            "gathered it; run the job again in another folder."
        )
    arrays = {name: value.numpy() for name, value in tensors.items()}
    return Evidence(
        tasks=arrays["tasks"],
        v_star=arrays["v_star"],
        levels=tuple(arrays["levels"].tolist()),
        task=arrays["task"],
        k=arrays["k"],
        means=arrays["means"],
        scores={name: arrays[f"scores.{name}"] for name in SCORES if f"scores.{name}" in arrays},
        blocks=_numbered(arrays, "blocks"),
        similarity=_numbered(arrays, "similarity"),
    )


def _numbered(arrays: Mapping[str, Array], name: str) -> tuple[Array, ...]:
    count = sum(key.startswith(f"{name}.") for key in arrays)
    return tuple(arrays[f"{name}.{number}"] for number in range(count))

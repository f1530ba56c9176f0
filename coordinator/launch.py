"""Everything around Algorithm 1: open the zoo, gather the providers, run, keep the result."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from coordinator.algorithm import synergistic_learning
from coordinator.blobs import MemoryBlobs
from coordinator.checkpoint import RunFolder
from coordinator.enrolment import check_providers
from coordinator.federation import embedded_federation
from coordinator.job import Job
from coordinator.progress import Progress
from coordinator.questions import Questions
from coordinator.run import LearningModels, Run
from coordinator.state import initial_state, restore_state
from protocols.ids import ProviderId
from synlearn.datasets.dsprites import SPLIT_SEED
from synlearn.mre.storage import save_mre
from synlearn.tasks import split_domains
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.dsprites import zoo_domains
from synlearn.zoo.specification import specifications_of


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run has left behind.

    Attributes:
        model: Folder of the MRE model.
        digest: Stands for the whole model.
        asked: Questions asked by this process, answered anew or from a ledger.
        seconds: Since this process began.
        peak_memory: Bytes, coordinator and workers together.
    """

    model: Path
    digest: str
    asked: int
    seconds: float
    peak_memory: int


def run_embedded(
    job: Job,
    out: Path,
    *,
    resume: bool,
    workers: int,
    console: Console,
    clock: Callable[[], float] = time.time,
) -> Finished:
    """Run a job in an embedded federation; the MRE model is on disk when this returns.

    Args:
        job: What to run.
        out: Folder of the run.
        resume: Go on with the run in `out`.
        workers: Local processes that hold the providers' nodes.
        console: Where progress is shown.
        clock: Unix seconds, for the log.

    Raises:
        InputError: The zoo, the folder or a provider cannot be used for this job.
        ProvidersMissing, QueryRefused, QueryTimedOut, SessionsStopped: As the session server has
            it; the run can be resumed.
    """
    began = clock()
    zoo = Zoo.open(job.zoo)
    participants = learning_models(job, zoo)
    specifications = specifications_of(zoo)
    providers = {ProviderId(f"provider-{domain:03d}"): domain for domain in participants}
    ids = list(participants.values())
    blobs = MemoryBlobs()
    models = LearningModels(
        digests=tuple(blobs.publish(zoo.weights(model)) for model in ids),
        specifications=torch.from_numpy(specifications.select(ids).vectors),
        anchors=specifications.anchors,
    )
    # Only now: a zoo that cannot be used must leave no folder behind.
    folder = RunFolder(out)
    folder.open(job, zoo.digest, resume=resume)
    torch.set_num_threads(job.threads)
    state = initial_state(job, len(providers), len(ids), models.specifications.shape[1])
    saved = folder.load()
    if saved is not None:
        restore_state(state, saved)

    with Progress(job, folder.log, console, clock) as progress:
        progress.resumed(state.pretraining_rounds, state.learning_rounds)
        with embedded_federation(
            job.id,
            providers,
            blobs,
            folder=folder.nodes,
            seed=job.seed,
            split_seed=SPLIT_SEED,
            workers=workers,
            join_timeout=job.session.join_timeout,
            on_event=progress.session,
        ) as federation:
            questions = Questions(federation.server, job.session.question_timeout, progress.answers)
            if saved is None:  # else they were asked before, and have let their answers go
                check_providers(job, providers, questions)
            run = Run(
                job,
                list(providers),
                models,
                state,
                questions=questions,
                blobs=blobs,
                folder=folder,
                progress=progress,
            )
            model = synergistic_learning(run)
            peak_memory = federation.peak_memory()
        digest = save_mre(model, folder.model)
        seconds = clock() - began
        progress.write(
            "finished",
            mre=digest,
            questions=questions.asked,
            seconds=seconds,
            peak_memory_bytes=peak_memory,
        )
    return Finished(folder.model, digest, questions.asked, seconds, peak_memory)


def learning_models(job: Job, zoo: Zoo) -> dict[int, ModelId]:
    """Return the in-distribution domains of the job, and the model of each, by domain."""
    domains = zoo_domains(zoo)
    split = split_domains(len(domains), job.providers.count, job.providers.split_seed)
    chosen = [sorted(domains)[position] for position in split.in_distribution]
    return {domain: domains[domain] for domain in chosen}

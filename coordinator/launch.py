"""Everything around Algorithm 1: open the zoo, gather the providers, run, keep the result."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console

from coordinator.aggregation import Aggregations
from coordinator.blobs import MemoryBlobs
from coordinator.checkpoint import RunFolder
from coordinator.cost import Cost, cost_of
from coordinator.federation import embedded_federation
from coordinator.grouped_launch import GroupedLaunch
from coordinator.isolated_launch import IsolatedLaunch
from coordinator.job import GroupedJob, Job
from coordinator.kept_sums import KeptSums
from coordinator.progress import Progress
from coordinator.questions import Questions
from coordinator.room import Room


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run has left behind.

    Attributes:
        model: Folder of the MRE model.
        digest: Stands for the whole model.
        cost: What the providers were asked, by this process and those before it.
        seconds: Since this process began.
        peak_memory: Bytes, coordinator and workers together.
    """

    model: Path
    digest: str
    cost: Cost
    seconds: float
    peak_memory: int


def run_embedded(
    job: Job | GroupedJob,
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
        AggregationFailed, ProvidersMissing, QueryRefused, QueryTimedOut, SessionsStopped: As the
            aggregations and the session server have it; the run can be resumed.
    """
    began = clock()
    blobs = MemoryBlobs()
    launch = (
        GroupedLaunch(job, blobs) if isinstance(job, GroupedJob) else IsolatedLaunch(job, blobs)
    )
    # Only now: a zoo that cannot be used must leave no folder behind.
    folder = RunFolder(out)
    folder.open(job, launch.zoo_digest, resume=resume, split_digest=launch.split_digest)
    torch.set_num_threads(job.threads)
    launch.restore(folder.load())
    with Progress(job, len(launch.shares), folder.log, console, clock) as progress:
        progress.resumed(*launch.rounds)
        with embedded_federation(
            job.id,
            launch.shares,
            blobs,
            folder=folder.nodes,
            seed=job.seed,
            workers=workers,
            join_timeout=job.session.join_timeout,
            on_event=progress.session,
            min_parties_per_class=launch.min_parties_per_class,
        ) as federation:
            questions = Questions(
                federation.server,
                job.session.question_timeout,
                on_answer=progress.answers,
                on_answered=progress.answered,
            )
            masked = Aggregations(
                federation.server,
                federation.trust,
                deadline=job.session.aggregation_timeout,
                on_attempt=progress.aggregation,
                kept=KeptSums(folder.sums),
            )
            room = Room(questions, masked, blobs, folder, progress)
            digest = launch.learn(room)
            peak_memory = federation.peak_memory()
        progress.write("files", bytes=blobs.served)
        cost, seconds = cost_of(folder.log), clock() - began
        progress.write(
            "finished",
            mre=digest,
            seconds=seconds,
            peak_memory_bytes=peak_memory,
            **asdict(cost),
        )
    return Finished(folder.model, digest, cost, seconds, peak_memory)


def relearn_job(job: GroupedJob, run: Path, seed: int, out: Path) -> str:
    """Learn the metric anew from what a finished run has gathered; return the model's digest.

    Args:
        job: What was run.
        run: Folder of the run.
        seed: Of all that is random in it.
        out: Folder of the MRE model.

    Raises:
        InputError: The run is another job's, or has not come to its end.
    """
    launch, folder = GroupedLaunch(job, MemoryBlobs()), RunFolder(run)
    folder.open(job, launch.zoo_digest, resume=True, split_digest=launch.split_digest)
    torch.set_num_threads(job.threads)
    return launch.relearn(folder, seed, out)

"""Everything around Algorithm 1: open the zoo, gather the providers, run, keep the result."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.console import Console

from coordinator.aggregation import Aggregations
from coordinator.attendance import Attendance
from coordinator.blobs import MemoryBlobs
from coordinator.checkpoint import RunFolder
from coordinator.cost import Cost, cost_of
from coordinator.deployed import DeployedFederation, Venue, deployed_federation, members_of
from coordinator.federation import EmbeddedFederation, embedded_federation
from coordinator.grouped_launch import GroupedLaunch
from coordinator.isolated_launch import IsolatedLaunch
from coordinator.job import GroupedJob, Job
from coordinator.job_events import JobEvent, to_all
from coordinator.job_log import JobLog
from coordinator.job_sessions import JobSessions
from coordinator.kept_sums import KeptSums
from coordinator.planning import plan_of
from coordinator.progress import Progress
from coordinator.questions import Questions
from coordinator.room import Room
from coordinator.watched import WatchedBlobs, WatchedSessions


class Listener(Protocol):
    """Whoever follows a deployed job."""

    def opened(self, sessions: JobSessions) -> None:
        """The job's sessions are open; stopping them stops the job."""
        ...

    def event(self, event: JobEvent) -> None:
        """Something happened; called in the thread where it did."""
        ...

    def told(self, line: Mapping[str, Any]) -> None:
        """A line of the run's log was written."""
        ...


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
    blobs = MemoryBlobs()
    launch = (
        GroupedLaunch(job, blobs) if isinstance(job, GroupedJob) else IsolatedLaunch(job, blobs)
    )
    # Only now: a zoo that cannot be used must leave no folder behind.
    folder = _opened(launch, job, out, resume=resume)

    def gather(progress: Progress) -> AbstractContextManager[EmbeddedFederation]:
        return embedded_federation(
            job.id,
            launch.shares,
            WatchedBlobs(blobs, progress.event),
            folder=folder.nodes,
            seed=job.seed,
            workers=workers,
            on_event=progress.session,
            min_parties_per_class=launch.min_parties_per_class,
        )

    return _run(launch, job, blobs, folder, gather, console=console, clock=clock)


def run_deployed(
    job: GroupedJob,
    out: Path,
    venue: Venue,
    *,
    purpose: str,
    resume: bool,
    listener: Listener,
    clock: Callable[[], float] = time.time,
) -> Finished:
    """Run a job at sites that their owners run; the MRE model is on disk when this returns.

    Args:
        job: What to run.
        out: Folder of the run.
        venue: Where the sites meet.
        purpose: Why, for the sites' owners.
        resume: Go on with the run in `out`.
        listener: Told about everything.
        clock: Unix seconds, for the log.

    Raises:
        InputError: As `run_embedded`; or the federation has no member.
        AggregationFailed, ProvidersMissing, QueryRefused, QueryTimedOut, SessionsStopped: As there.
    """
    blobs = MemoryBlobs()
    federation = venue.federation
    roster = members_of(federation)
    launch = GroupedLaunch(job, blobs, sorted(roster.by_name))
    plan = plan_of(
        job,
        coordinator=federation.coordinator.public,
        purpose=purpose,
        models=launch.digests,
        classes=max(1, *(len(member.classes) for member in roster.members)),
        channels=launch.channels,
    )
    folder = _opened(launch, job, out, resume=resume)

    def gather(progress: Progress) -> AbstractContextManager[DeployedFederation]:
        return deployed_federation(
            plan,
            WatchedBlobs(blobs, progress.event),
            venue,
            out=out,
            on_event=progress.session,
            on_open=listener.opened,
        )

    return _run(launch, job, blobs, folder, gather, console=None, clock=clock, listener=listener)


def _opened(
    launch: GroupedLaunch | IsolatedLaunch, job: Job | GroupedJob, out: Path, *, resume: bool
) -> RunFolder:
    """The folder of a run, with what an earlier process has left there."""
    folder = RunFolder(out)
    folder.open(job, launch.zoo_digest, resume=resume, split_digest=launch.split_digest)
    torch.set_num_threads(job.threads)
    launch.restore(folder.load())
    return folder


def _run(
    launch: GroupedLaunch | IsolatedLaunch,
    job: Job | GroupedJob,
    blobs: MemoryBlobs,
    folder: RunFolder,
    gather: Callable[[Progress], AbstractContextManager[EmbeddedFederation | DeployedFederation]],
    *,
    console: Console | None,
    clock: Callable[[], float],
    listener: Listener | None = None,
) -> Finished:
    """Gather the providers and learn; `gather` is how."""
    began = clock()
    providers = len(launch.shares)
    heard = to_all(JobLog(job.id), *([listener.event] if listener else []))
    tell = listener.told if listener else _ignore
    with Progress(
        job, providers, folder.log, console, clock, tell=tell, listener=heard
    ) as progress:
        progress.resumed(*launch.rounds)
        with gather(progress) as federation:
            sessions = WatchedSessions(federation.server, progress.event)
            masked = Aggregations(
                sessions,
                federation.trust,
                deadline=job.session.aggregation_timeout,
                on_attempt=progress.aggregation,
                kept=KeptSums(folder.sums),
            )
            attendance = Attendance(
                sessions, federation, job.session.join_timeout, renewed=masked.renew
            )
            questions = Questions(
                sessions,
                job.session.question_timeout,
                on_answer=progress.answers,
                on_answered=progress.answered,
                gone=attendance.gone,
            )
            room = Room(questions, masked, blobs, folder, progress, attendance)
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


def _ignore(_: Mapping[str, Any]) -> None:
    """Take no notice."""


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

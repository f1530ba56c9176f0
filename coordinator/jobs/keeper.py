"""Runs the jobs of one coordinator, each in a thread, and takes them up again after a restart."""

import contextlib
import errno
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from coordinator.aggregation_events import AggregationFailed
from coordinator.grouped_job import GroupedJob
from coordinator.jobs.halt import Halt
from coordinator.jobs.record import JobRecord, Records, State, check_name, job_table
from coordinator.jobs.watch import JobWatch
from coordinator.session_questions import (
    ProvidersMissing,
    QueryRefused,
    QueryTimedOut,
    SessionsStopped,
)
from protocols.ids import JobId
from protocols.queries import QueryError
from synlearn.errors import InputError

_SHUTDOWN = "the coordinator shuts down"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """One job to be run.

    Attributes:
        job: What.
        out: Folder of the run.
        purpose: For the sites' owners.
        resume: Whether the folder holds a part of it.
        halt: Where a wish to stop comes from.
        watch: Listens.
    """

    job: GroupedJob
    out: Path
    purpose: str
    resume: bool
    halt: Halt
    watch: JobWatch


class Runner(Protocol):
    """What runs a job to its end."""

    def expect(self, job: JobId) -> None:
        """The job's nodes may come before it is open."""
        ...

    def run(self, task: Task) -> str:
        """Run it; returns what came of it, in a sentence."""
        ...


@dataclass(slots=True)
class _Running:
    """A job with a thread."""

    task: Task
    thread: threading.Thread = field(init=False)


class JobKeeper:
    """Keeps the jobs.

    Args:
        records: Where they are kept.
        runner: What runs one.
        clock: Unix seconds.
    """

    def __init__(
        self, records: Records, runner: Runner, clock: Callable[[], float] = time.time
    ) -> None:
        self._records = records
        self._runner = runner
        self._clock = clock
        self._lock = threading.Lock()
        self._known = records.all()
        self._running: dict[str, _Running] = {}

    def take_up(self) -> None:
        """Go on with the jobs that ran when the last process ended.

        Nodes of those that can be resumed are not sent away, either.
        """
        for record in self.records():
            if record.state in {State.RUNNING, State.STOPPED}:
                self._runner.expect(record.job.id)
        for record in self.records():
            if record.state is State.RUNNING:
                _log.info("run %s goes on", record.name, extra={"job": record.job.id})
                self._begin(record)

    def submit(self, name: str, job: GroupedJob, purpose: str, *, resume: bool) -> JobRecord:
        """Start a job, or go on with one.

        Raises:
            InputError: The name is taken, or there is nothing to resume.
        """
        check_name(name)
        with self._lock:
            before = self._known.get(name)
            if before is not None and before.state is State.RUNNING:
                raise InputError(f"{name} runs already; see: synlearn-coordinator status")
            if before is not None and not resume:
                raise InputError(
                    f"there is a run {name} already; add --resume to go on with it, or give "
                    "another --name."
                )
            if before is None and resume:
                raise InputError(f"there is no run {name} to resume; leave out --resume.")
            for other in self._known.values():
                if other.state is State.RUNNING and other.job.id == job.id:
                    raise InputError(f"the same job runs as {other.name}.")
            record = JobRecord(name, job_table(job), purpose, State.RUNNING, "", self._clock(), 0.0)
            self._keep(record)
        self._begin(record)
        return record

    def stop(self, name: str) -> None:
        """Stop a job at its next question; it can be resumed.

        Raises:
            InputError: It does not run.
        """
        with self._lock:
            running = self._running.get(name)
        if running is None:
            raise InputError(f"no job {name} runs; see: synlearn-coordinator status")
        running.task.halt.ask("stopped by its operator")

    def records(self) -> list[JobRecord]:
        """All jobs, by name."""
        with self._lock:
            return [self._known[name] for name in sorted(self._known)]

    def watch(self, name: str) -> JobWatch | None:
        """What is known of a running job."""
        with self._lock:
            running = self._running.get(name)
        return None if running is None else running.task.watch

    def shut_down(self) -> None:
        """Stop all jobs so that the next process takes them up again."""
        with self._lock:
            running = list(self._running.values())
        for each in running:
            each.task.halt.ask(_SHUTDOWN)
        for each in running:
            each.thread.join()

    def _begin(self, record: JobRecord) -> None:
        out = self._records.run_folder(record.name)
        task = Task(
            job=record.job,
            out=out,
            purpose=record.purpose,
            resume=(out / "job.json").exists(),
            halt=Halt(),
            watch=JobWatch(self._clock),
        )
        running = _Running(task)
        running.thread = threading.Thread(
            target=self._work, args=(record, task), name=f"job {record.name}", daemon=True
        )
        with self._lock:
            self._running[record.name] = running
        running.thread.start()

    def _work(self, record: JobRecord, task: Task) -> None:
        """Run a job to one of its ends; in its own thread."""
        try:
            state, sentence = State.FINISHED, self._runner.run(task)
        except (InputError, QueryError) as error:
            state, sentence = State.FAILED, str(error)
        except (
            AggregationFailed,
            ProvidersMissing,
            QueryRefused,
            QueryTimedOut,
            SessionsStopped,
        ) as error:
            state, sentence = State.STOPPED, task.halt.reason or str(error)
        except Exception as error:
            state, sentence = _ended_by(error, record.name, task)
        with self._lock:
            del self._running[record.name]
            if task.halt.reason == _SHUTDOWN and state is State.STOPPED:
                return  # on disk it still runs, and so it will
            about = {"job": task.job.id}
            _log.info("run %s is %s: %s", record.name, state, sentence, extra=about)
            ended = replace(record, state=state, sentence=sentence, ended=self._clock())
            self._known[record.name] = ended
            with contextlib.suppress(OSError):  # a full disk: there it runs, until it is resumed
                self._records.write(ended)

    def _keep(self, record: JobRecord) -> None:
        """Called with the lock held."""
        self._records.write(record)
        self._known[record.name] = record


def _ended_by(error: Exception, name: str, task: Task) -> tuple[State, str]:
    """How a job ended by what nobody meant; called while the error is handled."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        why = f"{task.out} cannot be written ({error.strerror}); make room, then resume it"
        return State.STOPPED, why
    _log.exception("run %s failed", name, extra={"job": task.job.id})
    return State.FAILED, f"a fault of the coordinator's: {error!r}; see its log"

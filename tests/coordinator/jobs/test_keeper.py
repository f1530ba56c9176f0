import errno
import threading
from pathlib import Path

import pytest

from coordinator.grouped_job import GroupedJob
from coordinator.jobs.keeper import JobKeeper, Task
from coordinator.jobs.record import JobRecord, Records, State
from coordinator.session_questions import SessionsStopped
from protocols.ids import JobId
from synlearn.errors import InputError
from synlearn.settings import from_table

PATIENCE = 20.0


def job(seed: int = 0) -> GroupedJob:
    return from_table(GroupedJob, {"name": "tiny", "zoo": "zoo", "seed": seed}, "here")


class Runner:
    """Waits until it is told how a job ends."""

    def __init__(self) -> None:
        self.expected: list[JobId] = []
        self.tasks: list[Task] = []
        self.began = threading.Semaphore(0)
        self.end = threading.Event()
        self.error: Exception | None = None

    def expect(self, job: JobId) -> None:
        self.expected.append(job)

    def run(self, task: Task) -> str:
        self.tasks.append(task)
        task.out.mkdir(exist_ok=True)
        (task.out / "job.json").write_text("{}")
        halted = threading.Event()
        task.halt.on(lambda _: halted.set())
        self.began.release()
        while not self.end.wait(0.01):
            if halted.is_set():
                raise SessionsStopped(task.halt.reason)
        if self.error:
            raise self.error
        return "a model"


def ended(keeper: JobKeeper, name: str) -> JobRecord:
    for _ in range(2000):
        (record,) = [each for each in keeper.records() if each.name == name]
        if record.state is not State.RUNNING:
            return record
        threading.Event().wait(0.01)
    raise AssertionError("the job has not ended")


def test_a_job_runs_to_its_end_and_the_next_process_knows(tmp_path: Path) -> None:
    runner = Runner()
    keeper = JobKeeper(Records(tmp_path), runner)
    keeper.submit("one", job(), "why", resume=False)
    runner.end.set()
    assert ended(keeper, "one").sentence == "a model"
    again = JobKeeper(Records(tmp_path), Runner())
    assert [record.state for record in again.records()] == [State.FINISHED]


@pytest.mark.parametrize(
    ("error", "state", "says"),
    [
        (InputError("the zoo is empty."), State.FAILED, "the zoo is empty."),
        (SessionsStopped("all have left"), State.STOPPED, "all have left"),
        (ZeroDivisionError("oops"), State.FAILED, "a fault of the coordinator's"),
        (OSError(errno.EIO, "broken"), State.FAILED, "a fault of the coordinator's"),
        (OSError(errno.ENOSPC, "No space left"), State.STOPPED, "make room, then resume it"),
    ],
)
def test_how_a_job_ended_is_told_apart(
    tmp_path: Path, error: Exception, state: State, says: str
) -> None:
    runner = Runner()
    runner.error = error
    runner.end.set()
    keeper = JobKeeper(Records(tmp_path), runner)
    keeper.submit("one", job(), "why", resume=False)
    record = ended(keeper, "one")
    assert record.state is state
    assert says in record.sentence


def test_a_job_that_a_full_disk_stopped_can_be_resumed(tmp_path: Path) -> None:
    class FullDisk(Records):
        full = False

        def write(self, record: JobRecord) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left")
            super().write(record)

    records, runner = FullDisk(tmp_path), Runner()
    runner.error = OSError(errno.ENOSPC, "No space left")
    keeper = JobKeeper(records, runner)
    keeper.submit("one", job(), "why", resume=False)
    runner.began.acquire(timeout=PATIENCE)
    records.full = True
    runner.end.set()
    assert ended(keeper, "one").state is State.STOPPED
    with pytest.raises(OSError, match="No space"):
        keeper.submit("one", job(), "why", resume=True)
    assert JobKeeper(Records(tmp_path), Runner()).records()[0].state is State.RUNNING
    records.full, runner.error = False, None
    keeper.submit("one", job(), "why", resume=True)
    assert ended(keeper, "one").state is State.FINISHED


def test_a_job_that_is_stopped_can_be_resumed(tmp_path: Path) -> None:
    runner = Runner()
    keeper = JobKeeper(Records(tmp_path), runner)
    keeper.submit("one", job(), "why", resume=False)
    runner.began.acquire(timeout=PATIENCE)
    keeper.stop("one")
    assert "operator" in ended(keeper, "one").sentence
    with pytest.raises(InputError, match="--resume"):
        keeper.submit("one", job(), "why", resume=False)
    keeper.submit("one", job(), "why", resume=True)
    runner.end.set()
    assert ended(keeper, "one").state is State.FINISHED
    assert [task.resume for task in runner.tasks] == [False, True]


def test_a_coordinator_that_starts_again_goes_on_with_what_ran(tmp_path: Path) -> None:
    first = Runner()
    keeper = JobKeeper(Records(tmp_path), first)
    keeper.submit("one", job(), "why", resume=False)
    first.began.acquire(timeout=PATIENCE)
    keeper.shut_down()
    second = Runner()
    second.end.set()
    again = JobKeeper(Records(tmp_path), second)
    again.take_up()
    assert second.expected == [job().id]
    assert ended(again, "one").state is State.FINISHED
    assert [task.resume for task in second.tasks] == [True]


def test_names_and_jobs_are_not_used_twice(tmp_path: Path) -> None:
    keeper = JobKeeper(Records(tmp_path), Runner())
    keeper.submit("one", job(), "why", resume=False)
    with pytest.raises(InputError, match="runs already"):
        keeper.submit("one", job(1), "why", resume=False)
    with pytest.raises(InputError, match="the same job runs as one"):
        keeper.submit("two", job(), "why", resume=False)
    with pytest.raises(InputError, match="no run three to resume"):
        keeper.submit("three", job(3), "why", resume=True)
    for name in ("../out", "", "a/b", "x" * 65, ".hidden"):
        with pytest.raises(InputError, match="no name of a run"):
            keeper.submit(name, job(4), "why", resume=False)
    with pytest.raises(InputError, match="no job nobody runs"):
        keeper.stop("nobody")
    keeper.shut_down()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.job.json").write_text("{}")
    with pytest.raises(InputError, match=r"one\.job\.json is damaged"):
        JobKeeper(Records(tmp_path), Runner())

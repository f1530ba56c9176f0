"""A job killed at any moment goes on to the same bytes, and asks nothing twice."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.jobs import (
    RunningJob,
    answered,
    gone,
    log,
    model,
    records,
    write_job,
)
from tests.integration.plans import check_plan

pytestmark = pytest.mark.integration

SOON = 10.0
"""Seconds within which a worker notices that its coordinator is gone."""
MOMENTS: list[tuple[Callable[[RunningJob], bool], tuple[int, int]]] = [
    (answered(1, 1, 0), (1, 0)),  # pre-training: some have answered
    (answered(2, 0, 0), (3, 0)),  # validation: some have answered
    (answered(2, 0, 1), (3, 0)),  # target datasets: some have answered
    (answered(2, 1, 1, count=4), (3, 1)),  # metric update: all have answered
]
"""When to kill; and how many rounds (of pre-training, of learning) are on disk by then."""


@dataclass
class Site:
    """A job file, an unbroken run of it, and room for others."""

    job: Path
    folder: Path
    unbroken: RunningJob

    def start(self, name: str, *, resume: bool = False) -> RunningJob:
        """In one worker process, where the unbroken run has two."""
        return RunningJob(self.job, self.folder / name, resume=resume)

    def check(self, out: Path) -> None:
        """A run is like the unbroken one: model, questions, answers."""
        assert self.unbroken.finish()[0] == 0
        assert model(out) == model(self.unbroken.out)
        assert records(out) == records(self.unbroken.out)


@pytest.fixture(scope="module")
def site(tiny_zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("resume")
    job = write_job(folder, tiny_zoo)
    unbroken = RunningJob(job, folder / "unbroken", embedded=2)
    yield Site(job, folder, unbroken)
    unbroken.stop()


def wait_until_gone(workers: list[int]) -> None:
    deadline = time.monotonic() + SOON
    while not all(map(gone, workers)):
        assert time.monotonic() < deadline, "a worker outlives its coordinator"
        time.sleep(0.01)


def test_a_plan_tells_beforehand_what_is_asked(site: Site) -> None:
    assert site.unbroken.finish()[0] == 0
    found = check_plan(site.job, site.unbroken, workers=2)
    assert found.closure == "isolated"
    assert not found.sums
    assert not found.warnings


def test_a_coordinator_killed_again_and_again(site: Site) -> None:
    """Killed once in every phase, each time by SIGKILL, and started again at once."""
    for number, (moment, _) in enumerate(MOMENTS):
        run = site.start("again", resume=number > 0)
        try:
            run.until(moment)
            workers = run.workers()
            run.kill()
            assert len(workers) == 1
            if number == 0:  # later, the next run starts while the last one's worker may linger
                wait_until_gone(workers)
        finally:
            run.stop()
    last = site.start("again", resume=True)
    code, output = last.finish()
    assert code == 0, output
    started = [
        (line["pretraining_rounds"], line["learning_rounds"])
        for line in log(last.out)
        if line["event"] == "started"
    ]
    assert started[0] == (0, 0)
    assert all(found >= least for found, (_, least) in zip(started[1:], MOMENTS, strict=True))
    assert started[-1] < (3, 2), "it was killed before its end"
    site.check(last.out)


def test_everything_killed_at_once(site: Site) -> None:
    run = site.start("all")
    try:
        run.until(answered(2, 0, 0))
        run.kill_all()
    finally:
        run.stop()
    code, output = site.start("all", resume=True).finish()
    assert code == 0, output
    site.check(site.folder / "all")

"""What a cost model predicts of two small jobs, beside what they take.

One is the demo of classification, embedded; the other a tiny job at sites of their own processes.
Processor time is compared, not time on the wall: other work on the machine stretches that.
"""

import dataclasses
import shutil
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.cost_fit import process_seconds
from benchmarks.cost_watch import Spent, read_log, steps_of, watch_embedded
from benchmarks.record import Plain, write_record
from coordinator.estimate.cost_model import Measured
from coordinator.estimate.estimate import estimate_of, place_of
from coordinator.estimate.models import learning_zoo
from coordinator.estimate.participants import Participants, of_manifest
from coordinator.estimate.record import Estimate
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_launch import chosen_models
from coordinator.job import read_job
from protocols.ids import ProviderId
from synlearn.datasets.mixed_pool_file import write_pool
from synlearn.evaluation.experiments.mixed_mini import open_mini
from synlearn.zoo.catalog import Zoo
from tests.integration.region import Region, bring_invitations, make_region, running

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
SITES: Final = tuple(ProviderId(name) for name in ("north", "east", "south", "west"))
FACTOR: Final = 3.0
"""Off by more than this, a step is marked."""
SMALL: Final = 1.0
"""Seconds of which a factor says nothing: starts, warm caches, a clock's ticks."""
_PATIENCE: Final = 900.0
_TICK: Final = 0.1
_WIDTH: Final = 110
"""Of a table, in characters."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One step of one job: processor seconds of the coordinator and of all nodes.

    Attributes:
        step: Its name.
        predicted, measured: Both.
    """

    step: str
    predicted: Spent
    measured: Spent

    @property
    def factor(self) -> float:
        """Measured over predicted, coordinator and nodes together."""
        of = (own.coordinator + own.nodes for own in (self.measured, self.predicted))
        return next(of) / max(next(of), 1e-9)

    @property
    def off(self) -> bool:
        """Whether the factor is large, and of more than moments."""
        large = max(own.coordinator + own.nodes for own in (self.measured, self.predicted))
        return large > SMALL and not 1 / FACTOR <= self.factor <= FACTOR


def check(measured: Measured, out: Path) -> None:
    """Run both jobs, print a table of each, and write ``<out>/results.json``.

    A demo job that has run there already is not run again.
    """
    rows: list[dict[str, Plain]] = []
    for name, of_job in (("demo", _demo), ("sites", _sites)):
        found = compared(*of_job(measured, out / name))
        Console(width=_WIDTH).print(_table(name, found))
        rows += [_record(name, row) for row in found]
    write_record(out, "cost_model", {"model": measured.machine, "steps": rows})


def _record(job: str, row: Compared) -> dict[str, Plain]:
    about: dict[str, Plain] = {"job": job, "step": row.step, "factor": round(row.factor, 3)}
    return about | _named("predicted", row.predicted) | _named("measured", row.measured)


def _named(what: str, spent: Spent) -> dict[str, Plain]:
    return {f"{what}_{key}": round(value, 3) for key, value in dataclasses.asdict(spent).items()}


def compared(estimate: Estimate, steps: Mapping[str, Spent]) -> list[Compared]:
    """Beside each other: the steps of a job, and all of it.

    Files are pulled during other steps; they are expected in that which asks most about models.
    """
    found = {step.step: Spent(step.coordinator, step.nodes, step.wall) for step in estimate.steps}
    files = found.pop("files")
    found["validation"] = found["validation"].plus(files)
    rows = [Compared(step, found.get(step, Spent()), own) for step, own in steps.items()]
    total, whole = Spent(), Spent()
    for row in rows:
        total, whole = total.plus(row.predicted), whole.plus(row.measured)
    return [*rows, Compared("all", total, whole)]


def _table(name: str, found: list[Compared]) -> Table:
    columns = ("step", "coordinator", "measured", "nodes", "measured", "factor", "wall", "measured")
    table = Table(*columns, title=f"{name}: processor seconds expected and measured")
    for row in found:
        own, real = row.predicted, row.measured
        table.add_row(
            row.step,
            *(
                f"{value:.1f}"
                for value in (own.coordinator, real.coordinator, own.nodes, real.nodes)
            ),
            f"{row.factor:.2f}{' !' if row.off else ''}",
            f"{own.wall:.1f}",
            f"{real.wall:.1f}",
        )
    return table


def _estimate(
    job: GroupedJob, participants: Participants, measured: Measured, workers: int
) -> Estimate:
    zoo = Zoo.open(job.zoo)
    facts = learning_zoo(zoo, chosen_models(zoo, job.learning.models))
    return estimate_of(job, participants, facts, place_of(participants, workers), measured)


def _demo(measured: Measured, out: Path) -> tuple[Estimate, dict[str, Spent]]:
    """The demo of classification, with one process of nodes."""
    out.mkdir(parents=True, exist_ok=True)
    mini = EXAMPLES / "mini"
    split, pool, zoo = open_mini(mini, out / "zoo")
    write_pool(out / "pool.safetensors", pool, split.digest)
    job = read_job(EXAMPLES / "mini-demo.toml")
    assert isinstance(job, GroupedJob)
    places = dataclasses.replace(
        job.providers, pool=out / "pool.safetensors", split=mini / "split.json"
    )
    job = dataclasses.replace(job, zoo=zoo.root, providers=places, threads=1)
    steps = watch_embedded(job, out / "run", workers=1)
    return _estimate(job, of_manifest(job), measured, 1), steps


def _sites(measured: Measured, out: Path) -> tuple[Estimate, dict[str, Spent]]:
    """The tiny job at four sites, each a process with its worker, over TLS; without Flower."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with running(make_region(out, SITES)) as region, _watched(region) as samples:
        began = time.time()
        process = region.submit("job", None, "--detach")
        process.communicate(timeout=_PATIENCE)
        bring_invitations(region, "job")
        told = region.wait("job", lambda own: own["state"] != "running", _PATIENCE)
        if told["state"] != "finished":
            raise SystemExit(f"the job at sites is {told['state']}: {told['sentence']}")
        lines = read_log(region.runs / "job")
    found = {str(line["time"]): samples.at(line["time"]) for line in lines}
    job = read_job(region.job)
    assert isinstance(job, GroupedJob)
    participants = Participants(_rows(region), embedded=False, known_by="the sites' own data")
    steps = steps_of(lines, found)
    # Nobody waits for people here, and what a site takes before it is asked is its own.
    steps["joining"] = dataclasses.replace(steps["joining"], wall=lines[0]["time"] - began)
    return _estimate(job, participants, measured, 0), steps


def _rows(region: Region) -> dict[ProviderId, dict[str, int]]:
    """What each site holds."""
    found = {}
    for owner in region.owners:
        names, counts = np.unique(np.load(owner.data / "labels.npy"), return_counts=True)
        found[owner.name] = dict(zip(names.tolist(), counts.tolist(), strict=True))
    return found


class _Samples:
    """What a region's processes have spent, from time to time."""

    def __init__(self, region: Region) -> None:
        self._region, self._began = region, time.time()
        self._times: list[float] = []
        self._spent: list[Spent] = []

    def take(self) -> None:
        """Look now."""
        assert self._region.up is not None
        nodes = sum(_tree_seconds(owner.pid) for owner in self._region.owners)
        now = time.time()
        self._times.append(now)
        spent = Spent(process_seconds(self._region.up.pid), nodes, now - self._began)
        self._spent.append(spent)

    def at(self, moment: float) -> Spent:
        """What had been spent by then, since the first look."""
        place = max(0, bisect_right(self._times, moment) - 1)
        return self._spent[place].minus(dataclasses.replace(self._spent[0], wall=0.0))


@contextmanager
def _watched(region: Region) -> Iterator[_Samples]:
    """Look at a running region ten times a second."""
    samples, over = _Samples(region), threading.Event()
    samples.take()

    def watch() -> None:
        while not over.wait(_TICK):
            samples.take()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def _tree_seconds(pid: int) -> float:
    """Processor seconds of a process and those that it started."""
    total = process_seconds(pid)
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        total += sum(_tree_seconds(int(child)) for child in children.read_text().split())
    return total

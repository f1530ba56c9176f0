"""Runs a job in an embedded federation and tells the processor time of each of its steps.

The time between two lines of the job's log belongs to the step that the later line is of.
"""

import json
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.cost_fit import process_seconds
from coordinator.grouped_job import GroupedJob
from coordinator.launch import run_embedded

STEPS: Final = (
    "joining",
    "description",
    "pre-training",
    "validation",
    "target datasets",
    "learning",
    "evidence",
    "fusion",
)
"""As an estimate has them; files are pulled while others of these go on."""
_EVENTS: Final = {
    "started": "joining",
    "joined": "joining",
    "pretraining": "pre-training",
    "validation": "validation",
    "aggregation": "target datasets",
    "targets": "target datasets",
    "learning": "learning",
    "fusion": "fusion",
    "files": "fusion",
    "finished": "fusion",
}
_FUNCTIONS: Final = {
    "describe": "description",
    "pretraining_gradient": "pre-training",
    "pretraining_update": "pre-training",
}


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of one step: of the coordinator's processor, of all nodes', and on the wall."""

    coordinator: float = 0.0
    nodes: float = 0.0
    wall: float = 0.0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(
            self.coordinator + other.coordinator, self.nodes + other.nodes, self.wall + other.wall
        )

    def minus(self, other: "Spent") -> "Spent":
        """What came after `other`."""
        return Spent(
            self.coordinator - other.coordinator, self.nodes - other.nodes, self.wall - other.wall
        )


def watch_embedded(job: GroupedJob, out: Path, workers: int) -> dict[str, Spent]:
    """Run a job in a fresh process, unless it has run there; what each step took.

    Args:
        job: What to run.
        out: Folder of the run.
        workers: Local processes of nodes.
    """
    if not (out / "samples.json").exists():
        _run_apart(job, out, workers)
    samples = json.loads((out / "samples.json").read_text())
    return steps_of(read_log(out), {key: Spent(*row) for key, row in samples.items()})


def _run_apart(job: GroupedJob, out: Path, workers: int) -> None:
    context = multiprocessing.get_context("spawn")  # gRPC does not survive a fork
    process = context.Process(target=_run, args=(job, out, workers))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"the job ended with code {process.exitcode}; see above")


def read_log(out: Path) -> list[dict[str, Any]]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def steps_of(lines: Iterable[Mapping[str, Any]], samples: Mapping[str, Spent]) -> dict[str, Spent]:
    """What each step took.

    Args:
        lines: Of the log.
        samples: What had been spent, by the time that a line bears, as text.
    """
    found, before, last_round = defaultdict[str, Spent](Spent), Spent(), False
    lines = list(lines)
    rounds = sum(line["event"] == "learning" for line in lines)
    for line in lines:
        event = line["event"]
        last_round = last_round or (event == "learning" and line["round"] >= rounds)
        step = _EVENTS.get(event)
        if event == "questions":
            step = _FUNCTIONS.get(line["function"], "evidence" if last_round else "validation")
        now = samples.get(str(line["time"]))
        if step is None or now is None:
            continue
        if now.nodes < before.nodes:  # their processes have ended
            now = replace(now, nodes=before.nodes)
        found[step] = found[step].plus(now.minus(before))
        before = now
    return {step: found[step] for step in STEPS if step in found}


def _run(job: GroupedJob, out: Path, workers: int) -> None:
    """The job's process; writes down what had been spent whenever its log has a line."""
    samples: dict[str, tuple[float, float, float]] = {}
    began = time.monotonic()

    def clock() -> float:
        now = round(time.time(), 3)
        spent = Spent(time.process_time(), sum(map(process_seconds, _workers())))
        samples[str(now)] = (spent.coordinator, spent.nodes, time.monotonic() - began)
        return now

    run_embedded(job, out, resume=False, workers=workers, console=Console(stderr=True), clock=clock)
    (out / "samples.json").write_text(json.dumps(samples))


def _workers() -> list[int]:
    """Process ids of the nodes' processes."""
    own = Path("/proc/self/task").glob("*/children")
    every = [int(pid) for children in own for pid in children.read_text().split()]
    return [
        pid for pid in every if b"provider.embedded" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]

"""Measures what the parts of a job take on this machine: ``python -m benchmarks.cost_model``.

Each constant is a median, or a slope over two sizes or more, of processor time of one thread: other
work on the machine delays the measuring and hardly changes it, but for what two processes on one
core take from each other's caches. Writes ``<out>/cost_model.json``, which `synlearn-coordinator
plan --cost-model` reads; the file that comes with the package was made so. With ``--check``, two
small jobs are run as well, and what was predicted stands beside what they took.
"""

import dataclasses
import json
import os
import time
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.cost_check import check
from benchmarks.cost_learning import measure_learning
from benchmarks.cost_nodes import measure_nodes
from benchmarks.cost_questions import measure_questions
from benchmarks.cost_sessions import measure_sessions
from benchmarks.cost_sums import measure_sums
from coordinator.estimate.cost_model import FORMAT, CostModel, read_cost_model
from synlearn.evaluation.output import write_output
from synlearn.evaluation.provenance import machine_facts

OUT: Final = Path("runs/cost_model")
SESSIONS: Final = (40, 120)
_IDLE: Final = 10.0


def _sessions() -> dict[str, float]:
    found = measure_sessions(SESSIONS, _IDLE)
    return {name: getattr(found, name) for name in _OF_SESSIONS}


_OF_SESSIONS: Final = ("join_seconds", "heartbeat_seconds", "session_bytes", "session_files")
PARTS: Final[dict[str, Callable[[], dict[str, float]]]] = {
    "sessions": _sessions,
    "questions": measure_questions,
    "nodes": measure_nodes,
    "masked sums": measure_sums,
    "learning": measure_learning,
}


def measure(console: Console, parts: Collection[str], known: dict[str, float]) -> CostModel:
    """Measure constants, part by part, on one thread.

    Args:
        console: Told how long each took.
        parts: Names in `PARTS`.
        known: Constants of the other parts.
    """
    torch.set_num_threads(1)
    found = dict(known)
    for part in parts:
        own = PARTS[part]
        began = time.monotonic()
        found |= own()
        console.print(f"{part}: {time.monotonic() - began:.0f} s", highlight=False)
    return CostModel(**found)


def write_model(path: Path, costs: CostModel, load: float) -> None:
    """Write what `read_cost_model` reads."""
    facts = machine_facts()
    table = {
        "format": FORMAT,
        "costs": {name: float(f"{value:.4g}") for name, value in asdict(costs).items()},
        "machine": {"cores": facts.cores, "cpu": facts.cpu},
        "load": round(load, 1),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_output(path, (json.dumps(table, indent=2) + "\n").encode())


def show(costs: CostModel, console: Console) -> None:
    """Print the constants."""
    table = Table("constant", "seconds, bytes or files")
    for field in dataclasses.fields(costs):
        table.add_row(field.name, f"{getattr(costs, field.name):.3g}")
    console.print(table)


def main(
    out: Annotated[Path, typer.Option(help="Folder for cost_model.json.")] = OUT,
    checked: Annotated[
        bool, typer.Option("--check", help="Run two small jobs, and compare; some minutes more.")
    ] = False,
    model: Annotated[
        Path | None, typer.Option(help="Take what is not measured now from this one.")
    ] = None,
    part: Annotated[
        list[str] | None, typer.Option(help="With --model: measure this part anew, no other.")
    ] = None,
) -> None:
    """Measure the cost model, and check it where asked to."""
    console = Console()
    load, path = os.getloadavg()[0], out / "cost_model.json"
    parts = list(PARTS) if model is None else part or []
    if odd := set(parts) - set(PARTS):
        raise typer.BadParameter(f"no part is named {min(odd)}; choose from {', '.join(PARTS)}")
    known = {} if model is None else asdict(read_cost_model(model).costs)
    if parts:
        began = time.monotonic()
        costs = measure(console, parts, known)
        write_model(path, costs, load)
        show(costs, console)
        console.print(f"{path}, after {time.monotonic() - began:.0f} s, at a load of {load:.1f}")
    if checked:
        check(read_cost_model(path if parts or model is None else model), out)


if __name__ == "__main__":
    typer.run(main)

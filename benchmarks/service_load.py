"""Rankings a second from the service: ``python -m benchmarks.service_load``.

A zoo of 1,000 models and an MRE model of random weights (shapes of a default job), served by
`synlearn-coordinator serve` in its own processes; five-way tasks, with intervals. Requests come at
an even rate whether earlier ones are answered or not, each over one of some open connections; a
latency counts from when its request was due, so that a service that falls behind cannot hide it.
Every hundredth answer is read as a ranking. Beside it, in the same run and before it: the *bare
handler*, the very code that a worker runs, in a process of its own, one request after the other,
and as many at once as a worker takes at most.
Memory is that of all processes of the service, looked at every second.
Prints a table, writes ``<out>/results.json``; a missed target is no failure, an error is.
"""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.record import Plain, write_record
from benchmarks.service_house import bare_handler, started, write_house
from benchmarks.service_requests import ROADS, Run, drive
from benchmarks.service_watch import MemoryWatch
from synlearn.errors import InputError

OUT: Final = Path("runs/service_load")
RATE, P99_MS, GROWTH = 200.0, 100.0, 0.02
"""What is wanted: rankings a second, their 99th percentile, and no more memory at the end."""


def load_average() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]


def measure(root: Path, road: str, seconds: float, rate: float, workers: int) -> dict[str, Plain]:
    """One road, with its own service."""
    before = load_average()
    bare = bare_handler(root, road)
    with started(root, workers) as service:
        warm = asyncio.run(drive(road, service.port(road), min(5.0, seconds), rate / 2))
        if warm.errors:
            raise InputError(f"the service does not answer: {warm.first_error}")
        watch = MemoryWatch(service.pid)
        spent = watch.processor_seconds()
        run: Run = asyncio.run(drive(road, service.port(road), seconds, rate))
        spent = watch.processor_seconds() - spent
        memory = watch.stop()
    return {
        "road": road,
        "seconds": round(run.seconds, 1),
        "asked": run.asked,
        "errors": run.errors,
        "first_error": run.first_error,
        "rate": run.answered / run.seconds,
        "median_ms": run.quantile(0.5),
        "p99_ms": run.quantile(0.99),
        "most_ms": run.quantile(1.0),
        "answer_bytes": run.answer_bytes,
        "bare_median_ms": bare.median_ms,
        "bare_processor_ms": bare.processor_ms,
        "bare_together_ms": bare.together_ms,
        "median_over_bare": run.quantile(0.5) / bare.median_ms,
        "processor_ms": 1e3 * spent / max(run.answered, 1),
        "processor_over_bare": 1e3 * spent / max(run.answered, 1) / bare.processor_ms,
        "memory_start": memory.start,
        "memory_end": memory.end,
        "memory_growth": memory.growth,
        "load_before": before,
        "load_after": load_average(),
    }


def show(found: list[dict[str, Plain]]) -> None:
    """Print a table, beside what is wanted."""
    table = Table(title="rankings of 1,000 models, with intervals")
    for name in ("", *(str(own["road"]) for own in found), "wanted"):
        table.add_column(name, justify="right")
    for name, form, wanted in (
        ("rate", "{:.1f} /s", f"{RATE:g}"),
        ("median_ms", "{:.1f} ms", ""),
        ("p99_ms", "{:.1f} ms", f"< {P99_MS:g}"),
        ("most_ms", "{:.1f} ms", ""),
        ("errors", "{}", "0"),
        ("bare_median_ms", "{:.1f} ms", ""),
        ("bare_processor_ms", "{:.1f} ms", ""),
        ("bare_together_ms", "{:.1f} ms", ""),
        ("median_over_bare", "{:.2f}", ""),
        ("processor_ms", "{:.1f} ms", ""),
        ("processor_over_bare", "{:.2f}", ""),
        ("memory_growth", "{:+.2%}", f"< {GROWTH:.0%}"),
        ("load_before", "{:.1f}", ""),
        ("load_after", "{:.1f}", ""),
    ):
        table.add_row(name, *(form.format(own[name]) for own in found), wanted)
    Console().print(table)


def main(
    *,
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = OUT,
    seconds: Annotated[float, typer.Option(min=1, help="For each road.")] = 300.0,
    rate: Annotated[float, typer.Option(min=1, help="Rankings asked for a second.")] = RATE,
    models: Annotated[int, typer.Option(min=5, help="In the zoo.")] = 1000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that rank.")] = 2,
    roads: Annotated[str, typer.Option(help="Which, with commas.")] = ",".join(ROADS),
) -> None:
    """Ask the service for rankings at an even rate, over each road."""
    names = roads.split(",")
    if unknown := set(names) - set(ROADS):
        raise typer.BadParameter(f"there is no road {min(unknown)!r}.")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_house(root, models)
        found = [measure(root, road, seconds, rate, workers) for road in names]
    show(found)
    write_record(
        out,
        "service_load",
        {
            "models": models,
            "workers": workers,
            "rate_asked": rate,
            "task": "5 classes, 5 examples of each, 64 features",
            "specifications": "made up, not computed from the models",
            "target_rate": RATE,
            "target_p99_ms": P99_MS,
            "target_memory_growth": GROWTH,
            "roads": found,
        },
        packages=("fastapi", "uvicorn"),
    )
    if any(own["errors"] for own in found):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)

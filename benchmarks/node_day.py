"""A node's day in minutes: ``python -m benchmarks.node_day --questions 200000``.

A site made by `init` runs in a process of its own, under the `open` profile, and is asked by a
session server in this process, by TLS over loopback. It is asked for descriptions, for the outputs
of small models (kept features after the first time), for target datasets of a small backbone (the
worker computes them), for what its policy forbids, and for answers that it gave before. Meanwhile
its wire is cut, its policy changed, its owner pauses and resumes it. Prints what it took and writes
``<out>/results.json``; the exit code is 1 where memory grew by more than 5 % after the first tenth,
descriptors or threads grew, an answer has no row in the ledger, or the ledger does not hold. Linux
alone.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.console import Console

from benchmarks.cut_wire import CutWire
from benchmarks.day_questions import POLICY, Day
from benchmarks.day_record import audited
from benchmarks.one_site import Coordinator, Site, make_site
from benchmarks.process_watch import Look, Watch, children, course, ledger_bytes
from benchmarks.record import Plain, write_record
from benchmarks.session import self_signed
from coordinator.tls import ServerTls
from provider.sandbox.process import processor_seconds

GROWTH: Final = 0.05
"""By which memory may grow."""
ROWS: Final = {"ant": 40, "bee": 40, "cat": 40, "dog": 40}
_MORE: Final = 2
"""Descriptors or threads that may be open at one look and not at another."""
_FAULTS: Final = (
    "unexpected",
    "without_row",
    "other_digest",
    "never_came",
    "refused_without_row",
)
_DURABLE: Final = 2000
"""Questions of the run that waits for the disk."""

Row = dict[str, Plain]

_MEMORY: Final[dict[str, Callable[[Look], float]]] = {
    "node_bytes": lambda look: look.node,
    "worker_bytes": lambda look: look.worker,
}
_COUNTS: Final[dict[str, Callable[[Look], float]]] = {
    "files": lambda look: look.files,
    "threads": lambda look: look.threads,
}


def live(folder: Path, questions: int, *, durable: bool) -> tuple[Row, list[Look]]:
    """One day of one node: what was found, and every look at its processes."""
    certificate = self_signed()
    coordinator = Coordinator.start(ServerTls(certificate.chain, certificate.key))
    wire = CutWire(coordinator.port)
    site = make_site(
        folder,
        rows=ROWS,
        authority=coordinator.authority.public,
        port=wire.port,
        ca=certificate.chain,
        durable=durable,
    )
    site.home.policy.write_text(POLICY.format(0))
    try:
        site.start()
        coordinator.meet(site, wire.port)
        return _ask(site, Day(coordinator, site, wire, questions), durable=durable)
    finally:
        coordinator.server.stop("the day is over")
        wire.close()
        site.stop()


def _ask(site: Site, day: Day, *, durable: bool) -> tuple[Row, list[Look]]:
    day.begin()
    empty = ledger_bytes(site.home.ledger)
    watch = Watch(site.pid, site.home.ledger, lambda: day.asked, every=max(0.2, day.total / 1e5))
    used, begun = _used(site), time.perf_counter()
    day.live()
    seconds = time.perf_counter() - begun
    after = _used(site)
    watch.stop()
    memory = {name: course(watch.looks, of, day.total) for name, of in _MEMORY.items()}
    counts = {name: course(watch.looks, of, day.total) for name, of in _COUNTS.items()}
    row: Row = {"durable": durable, "questions": day.total, "seconds": seconds}
    row |= {"paused_seconds": day.paused, "rate": day.total / (seconds - day.paused)}
    row |= {f"{name}_ms": 1e3 * (after[name] - used.get(name, 0.0)) / day.total for name in after}
    for name, found in (memory | counts).items():
        row |= {f"{name}_{field}": value for field, value in asdict(found).items()}
        row[f"{name}_growth"] = found.growth
    row |= {f"asked_{kind}": count for kind, count in sorted(day.kinds.items())}
    row |= {"cuts": day.cuts, "unexpected": len(day.unexpected)}
    row["ledger_bytes_a_question"] = (ledger_bytes(site.home.ledger) - empty) / day.total
    row |= audited(site, day)
    row["flat"] = all(found.growth <= GROWTH for found in memory.values()) and all(
        found.end <= found.start + _MORE for found in counts.values()
    )
    row["holds"] = bool(row["verified"]) and not any(row[name] for name in _FAULTS)
    for line in day.unexpected[:5]:
        Console(stderr=True).print(line)
    return row, watch.looks


def _used(site: Site) -> dict[str, float]:
    """Processor seconds of node and worker."""
    workers = children(site.pid)
    return {
        "node_processor": processor_seconds(site.pid),
        "worker_processor": sum(map(processor_seconds, workers)),
    }


def show(console: Console, row: Row) -> None:
    """Print what was found."""
    kept = "every answer waits for the disk" if row["durable"] else "a power cut may cost a moment"
    console.print(f"[bold]{row['questions']:,} questions; {kept}[/]")
    for name, value in row.items():
        if name not in {"durable", "questions"}:
            console.print(f"  {name.replace('_', ' ')}: {_plain(value)}")


def _plain(value: Plain) -> str:
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"


def main(
    questions: Annotated[int, typer.Option(min=1000, help="Of the day.")] = 200_000,
    seconds: Annotated[float, typer.Option(help="In which they are wanted; only told.")] = 600.0,
    durable: Annotated[
        int, typer.Option(min=0, help="Questions of the run that waits for the disk.")
    ] = _DURABLE,
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path("runs/node_day"),
) -> None:
    """Live a node's day in minutes."""
    console, runs, looks = Console(highlight=False), list[Row](), list[Row]()
    for count, waits in ((questions, False), (durable, True)):
        if count:
            with TemporaryDirectory() as folder:
                row, seen = live(Path(folder), count, durable=waits)
            runs.append(row)
            looks += [{"durable": waits, **asdict(look)} for look in seen[:: len(seen) // 200 + 1]]
            show(console, runs[-1])
    write_record(out, "node_day", {"wanted_seconds": seconds, "runs": runs, "looks": looks})
    day = runs[0]
    if not (day["flat"] and all(run["holds"] for run in runs)):
        console.print("[red]something grew, or record and answers differ[/]")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)

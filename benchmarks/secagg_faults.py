"""Random faults against secure aggregation: ``python -m benchmarks.secagg_faults``.

Plays schedules of `benchmarks.faulty_world`, each drawn from its own seed. Every finished sum has
to hold each survivor exactly once, every other schedule has to end with a reason, and nothing else
may be raised; the command ends with 1 if one of them does otherwise, and names its seed.
Ten thousand schedules take about four minutes on one core. Writes ``<out>/results.json``.
"""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.faulty_world import Outcome, play
from benchmarks.record import write_record

_PIECE = 100
"""Schedules that a process plays at a time."""


@dataclass
class Tally:
    """How many schedules ended how.

    Attributes:
        sums: With a sum, by the number of attempts it took.
        aborts: Without one, in words.
        failures: What must not happen, by seed.
        happened: Faults and messages, by kind.
        parties: Schedules by size.
    """

    sums: Counter[int] = field(default_factory=Counter)
    aborts: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    parties: Counter[int] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one schedule."""
        if outcome.reason:
            self.aborts += 1
        else:
            self.sums[outcome.attempts] += 1
        self.happened += outcome.happened
        self.parties[outcome.parties] += 1

    def join(self, other: "Tally") -> None:
        """Count what another has counted."""
        self.sums += other.sums
        self.aborts += other.aborts
        self.failures |= other.failures
        self.happened += other.happened
        self.parties += other.parties


def play_all(seeds: Sequence[int], parties: int | None = None) -> Tally:
    """Play the schedules of these seeds, one after the other."""
    tally = Tally()
    for seed in seeds:
        try:
            tally.add(play(seed, parties))
        except Exception as error:  # whatever it is, it is what we look for
            tally.failures[seed] = f"{type(error).__name__}: {error}"
    return tally


def main(
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path(
        "runs/secagg_faults"
    ),
    schedules: Annotated[int, typer.Option(min=1, help="Schedules to play.")] = 10_000,
    first: Annotated[int, typer.Option(min=0, help="Seed of the first schedule.")] = 0,
    parties: Annotated[int | None, typer.Option(min=2, help="Parties; drawn if not given.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that play.")] = 1,
) -> None:
    """Play random schedules of faults."""
    start, tally = time.perf_counter(), Tally()
    last = first + schedules
    pieces = [range(seed, min(seed + _PIECE, last)) for seed in range(first, last, _PIECE)]
    task = partial(play_all, parties=parties)
    if processes == 1:
        parts = list(map(task, pieces))
    else:
        with ProcessPoolExecutor(processes) as pool:
            parts = list(pool.map(task, pieces))
    for part in parts:
        tally.join(part)
    seconds = time.perf_counter() - start
    table = Table("", "schedules", title=f"{schedules} schedules in {seconds:.0f} s")
    for attempts, number in sorted(tally.sums.items()):
        table.add_row(f"exact sum in attempt {attempts}", str(number))
    table.add_row("clean abort", str(tally.aborts))
    table.add_row("anything else", str(len(tally.failures)))
    console = Console()
    console.print(table)
    console.print(", ".join(f"{kind}: {n}" for kind, n in sorted(tally.happened.items())))
    for seed, words in sorted(tally.failures.items()):
        console.print(f"seed {seed}: {words}", markup=False)
    write_record(
        out,
        "secagg_faults",
        {
            "schedules": schedules,
            "first_seed": first,
            "sums": sum(tally.sums.values()),
            "aborts": tally.aborts,
            "failures": len(tally.failures),
            "largest": max(tally.parties, default=0),
            "seconds": seconds,
            "happened": [{"kind": kind, "times": n} for kind, n in tally.happened.items()],
        },
    )
    if tally.failures:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)

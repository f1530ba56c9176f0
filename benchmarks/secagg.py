"""Measures secure aggregation: ``python -m benchmarks.secagg``.

One client of twenty and the coordinator of fifty, vectors of a million entries, beside the bare
cost of the masks and beside Flower's SecAgg+ where it is installed (``pip install -c
constraints.txt -e ".[flower]"``); then sums of 2 to 64 parties, which have to be exact, and a
thousand parties in one process. CPU time, taken in turn. Prints a table and writes
``<out>/results.json``. A missed target is shown, and is no failure; an inexact sum is one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

from benchmarks import secagg_attempt, secagg_flower
from benchmarks.record import write_record
from benchmarks.secagg_attempt import BOUND, ask, exact_sum
from benchmarks.secagg_bare import bare_seconds
from benchmarks.secagg_report import (
    BARE,
    FLOWER,
    FLOWER_SERVER,
    OURS,
    SERVER,
    WIDE,
    Findings,
    rows,
    show,
)
from protocols.secagg import Round, aggregate_locally, minimum_threshold
from protocols.secagg.graph import graph_for

CLIENTS, COMPANY = 20, 50
DROPPED = range(1, COMPANY, 10)
SMALL = range(2, 65)
LARGE = (1000, 100_000)


class Vectors:
    """A vector for each party: one random one, turned by as many places."""

    def __init__(self, length: int) -> None:
        random = np.random.default_rng(0)
        self._base = random.uniform(-BOUND, BOUND, length).astype(np.float32)

    def __call__(self, party: int) -> npt.NDArray[np.float32]:
        """The vector of a party, by its index."""
        return np.roll(self._base, party)


def measure_client(findings: Findings, length: int, repeats: int) -> None:
    """One party of twenty, in turn with the bare masks and Flower's client; one run warms up."""
    question, vectors, timed = ask(CLIENTS, length), Vectors(length), CLIENTS // 2
    for run in range(-1, repeats):
        attempt = secagg_attempt.play(question, vectors, timed=timed)
        bare, wide = (bare_seconds(CLIENTS, length, wide=wide) for wide in (False, True))
        flower = 0.0
        if secagg_flower.installed():
            flower = secagg_flower.play(
                vectors, length, CLIENTS, shares=CLIENTS, timed=timed, masking=[timed]
            ).seconds
        if run < 0:
            if not exact(attempt, vectors):
                findings.inexact.append(CLIENTS)
            continue
        findings.took(OURS, sum(attempt.seconds.values()))
        findings.took(BARE, bare)
        findings.took(WIDE, wide)
        if flower:
            findings.took(FLOWER, flower)
        findings.traffic = attempt.sent / (4 * length)


def measure_server(findings: Findings, length: int, repeats: int) -> None:
    """The coordinator of fifty parties, five of which drop out once they have shared."""
    question, vectors = ask(COMPANY, length), Vectors(length)
    attempt = secagg_attempt.play(question, vectors, timed=0, dropped=DROPPED)
    if not exact(attempt, vectors):
        findings.inexact.append(COMPANY)
    theirs = None
    if secagg_flower.installed():
        theirs = secagg_flower.play(
            vectors, length, COMPANY, shares=flower_shares(), timed=0, dropped=DROPPED
        )
    for run in range(-1, repeats):
        seconds, _ = secagg_attempt.serve(attempt)
        flower = 0.0
        if theirs is not None:
            flower, total = secagg_flower.serve(theirs)
            error = float(abs(total - attempt.result.total).max())
            assert error < COMPANY * 2 * BOUND / secagg_flower.LEVELS + COMPANY * 2.0**-21
        if run >= 0:
            findings.took(SERVER, seconds)
            if flower:
                findings.took(FLOWER_SERVER, flower)


def flower_shares() -> int:
    """How many neighbours, itself included, give a Flower client as many masks as ours has."""
    question = ask(COMPANY, 1)
    degree = graph_for(
        COMPANY,
        corrupt=question.corrupt,
        dropouts=question.dropouts,
        threshold=question.threshold,
        present=COMPANY,
    ).degree
    masks = 2 * degree - degree**2 / (COMPANY - 1)
    return 2 * round(masks / 2) + 1


def exact(attempt: secagg_attempt.Attempt, vectors: secagg_attempt.Vectors) -> bool:
    """Whether the sum is that of the survivors' vectors, to the last bit of the fixed point."""
    survivors = [attempt.question.index(name) for name in attempt.result.survivors]
    expected = exact_sum(attempt.question, vectors, survivors)
    return bool(np.array_equal(attempt.result.total, expected))


def check_sums(findings: Findings, length: int) -> None:
    """Sums of 2 to 64 parties, with nobody and with as many as may be gone from MASK on."""
    vectors = Vectors(length)
    for parties in SMALL:
        question = ask(parties, length)
        inputs = {str(name): vectors(index) for index, name in enumerate(question.parties)}
        for gone in {0, parties - question.threshold}:
            result = aggregate_locally(
                inputs,
                bound=BOUND,
                threshold=minimum_threshold(parties),
                drop=dict.fromkeys(list(inputs)[:gone], Round.MASK),
                seed=b"benchmark",
            )
            expected = exact_sum(question, vectors, range(gone, parties))
            if not np.array_equal(result.total, expected):
                findings.inexact.append(parties)


def measure_large(findings: Findings) -> None:
    """A thousand parties, in a process of their own."""
    parties, length = map(str, LARGE)
    module = "benchmarks.secagg_large"
    command = [sys.executable, "-m", module, "--parties", parties, "--length", length]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    findings.large = json.loads(done.stdout)
    if not findings.large["exact"]:
        findings.inexact.append(LARGE[0])


def main(
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path("runs/secagg"),
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each kind, in turn.")] = 7,
    length: Annotated[
        int, typer.Option(min=1000, help="Entries of a vector; targets are for a million.")
    ] = 1_000_000,
    skip_large: Annotated[bool, typer.Option(help="Leave the thousand parties out.")] = False,
) -> None:
    """Measure secure aggregation beside bare masks and beside Flower's."""
    load, findings = os.getloadavg()[0], Findings()
    measure_client(findings, length, repeats)
    measure_server(findings, length, repeats)
    check_sums(findings, 1000)
    if not skip_large:
        measure_large(findings)
    show(findings, Console(width=96), flower=secagg_flower.installed())
    write_record(
        out,
        "secagg",
        {
            "length": length,
            "repeats": repeats,
            "load_before": load,
            "unit": "milliseconds of CPU time",
            "inexact_sums": len(findings.inexact),
            **rows(findings),
        },
        packages=("cryptography", "flwr"),
    )
    if findings.inexact:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)

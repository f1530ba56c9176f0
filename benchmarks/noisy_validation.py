"""What noise costs: how well validation through noisy answers orders models as exact answers do.

    ./run benchmark noisy_validation --seeds 5 --out runs/noisy-validation

Every provider of the mini experiment answers with noise that its whole part in the job costs
(epsilon, delta); the coordinator orders 24 models for each of the providers' tasks. Measured is
Kendall's tau with the order by exact answers of the same rows, mean over tasks. A seed is one draw
of all noise; rows, models, tasks and exact answers are shared. Rows are shipped in small numbers,
so larger providers are simulated by counting every row many times.
"""

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.noisy_federation import MiniFederation, Release, exactly, noisily
from benchmarks.record import Plain, write_record
from provider.noise import NoiseRule
from synlearn.errors import ScoreInputError
from synlearn.evaluation.intervals import mean_interval
from synlearn.evaluation.rank_correlation import kendall_tau

if TYPE_CHECKING:
    from collections.abc import Callable

Float64 = npt.NDArray[np.float64]

MINI = Path(__file__).parents[1] / "examples" / "mini"
EPSILONS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
DELTA: Final = 1e-6
TIMES: Final = (1, 10, 100, 1000)
QUESTIONS: Final = {"nce": 1, "few_shot_accuracy": 1, "head_accuracy": 2}
"""Validation functions, and the questions to each provider that one needs."""


def scores(federation: MiniFederation, function: str, release: Release) -> Float64:
    """(t, m) of a validation function, higher is better."""
    ask: Callable[[Release], Float64] = getattr(federation, function)
    return ask(release)


def mean_tau(found: Float64, exact: Float64) -> float:
    """Kendall's tau over models, mean over tasks; 0 where noise leaves all models equal."""
    taus = []
    for own, truth in zip(found, exact, strict=True):
        try:
            taus.append(kendall_tau(own, truth))
        except ScoreInputError:
            taus.append(0.0)
    return float(np.mean(taus))


def measure(
    times: tuple[int, ...], functions: tuple[str, ...], seeds: int, mini: Path = MINI
) -> list[dict[str, Plain]]:
    """One record for each number of rows, function and epsilon."""
    found: list[dict[str, Plain]] = []
    for factor in times:
        federation = MiniFederation(mini, factor)
        for function in functions:
            exact = scores(federation, function, exactly)
            for epsilon in EPSILONS:
                rule = NoiseRule.of_epsilon(epsilon, DELTA, questions=QUESTIONS[function])
                taus = [
                    mean_tau(scores(federation, function, noisily(rule)), exact)
                    for _ in range(seeds)
                ]
                estimate = mean_interval(taus)
                found.append(
                    {
                        "function": function,
                        "rows_times": factor,
                        "rows_per_provider_and_class": federation.rows_per_provider_and_class,
                        "epsilon": epsilon,
                        "rho_per_question": rule.rho,
                        "tau": estimate.mean,
                        "low": estimate.mean if estimate.low is None else estimate.low,
                        "high": estimate.mean if estimate.high is None else estimate.high,
                        "seeds": seeds,
                    }
                )
    return found


def as_table(found: list[dict[str, Plain]]) -> Table:
    """Tau by rows and epsilon."""
    table = Table("function", "rows a class", *(f"epsilon {epsilon:g}" for epsilon in EPSILONS))
    for start in range(0, len(found), len(EPSILONS)):
        row = found[start : start + len(EPSILONS)]
        table.add_row(
            str(row[0]["function"]),
            f"{row[0]['rows_per_provider_and_class']:.0f}",
            *(f"{cell['tau']:.2f} ±{float(cell['high']) - float(cell['tau']):.2f}" for cell in row),
        )
    return table


def main(
    out: Annotated[Path, typer.Option(help="Folder of results.json.")] = Path(
        "runs/noisy-validation"
    ),
    seeds: Annotated[int, typer.Option(min=2, help="Draws of all noise.")] = 5,
    times: Annotated[list[int] | None, typer.Option(help="How often a row counts.")] = None,
) -> None:
    """Measure, print a table, and write results.json."""
    began = time.monotonic()
    found = measure(tuple(times or TIMES), tuple(QUESTIONS), seeds)
    Console().print(as_table(found))
    write_record(
        out,
        "noisy_validation",
        {
            "command": shlex.join(sys.argv),
            "delta": DELTA,
            "seed_varies": "all noise",
            "seed_shares": "rows, models, tasks, exact answers",
            "rows": "each shipped row counted `rows_times` times",
            "cells": found,
            "seconds": round(time.monotonic() - began, 1),
        },
        packages=("dp-accounting",),
    )


if __name__ == "__main__":
    typer.run(main)

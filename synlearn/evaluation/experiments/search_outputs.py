"""What the search experiment leaves behind: results, figures, and tables on the screen."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure
from rich.console import Console

from synlearn.evaluation.experiments.fennec_comparison import DEFAULT, UNSEEN
from synlearn.evaluation.experiments.mixed_ranking import FUSION, SYNLEARN
from synlearn.evaluation.experiments.search import SearchRun
from synlearn.evaluation.experiments.search_figures import (
    budget_figure,
    delta_bars,
    parts_figure,
    regret_bars,
)
from synlearn.evaluation.experiments.search_report import (
    RANKED,
    difference_table,
    quality_table,
    regret_table,
)
from synlearn.evaluation.plot_style import render
from synlearn.evaluation.results import Results
from synlearn.evaluation.results_file import write_results

_SHOWN: Final = ("task_agnostic", "linear", "hybrid", SYNLEARN, FUSION, DEFAULT, UNSEEN)
_POOLS: Final = ("all", "small", "family")
PAIRS: Final = (
    ("hybrid", "linear"),
    ("hybrid", "task_agnostic"),
    ("hybrid_metric", SYNLEARN),
    (SYNLEARN, "linear"),
    (DEFAULT, "linear"),
    (DEFAULT, SYNLEARN),
)


def write_search(
    results: Results, run: SearchRun, out: Path, write: Callable[[Path, bytes], None]
) -> None:
    """Write `results.json` and the figures, as PNG, into the folder `out`."""
    write_results(results, out / "results.json")
    for name, figure in _figures(results, run):
        write(out / f"{name}.png", render(figure, ".png"))


def print_search(results: Results, run: SearchRun, console: Console) -> None:
    """Print every table."""
    for truth in run.truths:
        for pool in run.pools:
            if any((own.truth, own.pool) == (truth.key, pool.key) for own in run.regrets):
                console.print(regret_table(results, pool.key, truth.key))
        console.print(difference_table(results, "all", truth.key, PAIRS))
    for split in results.splits:
        if results.find("pearson", DEFAULT, split.key, run.bench.k) is not None:
            console.print(quality_table(results, split.key))


def _figures(results: Results, run: SearchRun) -> list[tuple[str, Figure]]:
    found = [("fennec-parts", parts_figure(results, RANKED.key))]
    for truth in run.truths:
        known = {own.pool for own in run.regrets if own.truth == truth.key and 2 in own.budgets}
        pools = [pool for pool in _POOLS if pool in known]
        strategies = {own.strategy for own in run.regrets}
        shown = [key for key in _SHOWN if key in strategies]
        found += [
            (f"{truth.key}-budget", budget_figure(run, truth.key, shown)),
            (f"{truth.key}-regret", regret_bars(run, truth.key, shown, pools)),
            (
                f"{truth.key}-agnostic-linear",
                delta_bars(run, truth.key, "task_agnostic", "linear", budget=1, pools=pools),
            ),
            (
                f"{truth.key}-hybrid-linear",
                delta_bars(run, truth.key, "hybrid", "linear", budget=2, pools=pools),
            ),
        ]
    return found

"""From trainings of `mixed_ablations.py` to `results.json`, a table, and the growth curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from synlearn.datasets.mixed_tasks import MixedTask
from synlearn.errors import InputError
from synlearn.evaluation.experiments.mixed_ablation_kinds import ABLATIONS, DEFAULT, Ablation
from synlearn.evaluation.experiments.mixed_ranking import SPLITS
from synlearn.evaluation.measurements import Measurement, Method, Metric, Role
from synlearn.evaluation.plot_style import FAINT, METHOD_COLOURS, house_style
from synlearn.evaluation.provenance import machine_facts, package_versions
from synlearn.evaluation.results import Results, Scalar

Float64 = NDArray[np.float64]
METRIC: Final = Metric("kendall_tau", "Kendall's tau")


@dataclass(frozen=True, slots=True)
class Trained:
    """One training, measured.

    Attributes:
        ablation: What was trained.
        seed: Of the training.
        taus: By K: (t,) of the test tasks.
        seconds: The training and its measurement took.
    """

    ablation: Ablation
    seed: int
    taus: Mapping[int, Float64]
    seconds: float


def ablation_results(
    trained: Sequence[Trained],
    tasks: Sequence[MixedTask],
    *,
    command: str,
    finished: str,
    models: int,
    settings: Mapping[str, Scalar],
    digests: Mapping[str, str],
) -> Results:
    """Put what has been trained so far into the form of a results file.

    It holds the seeds that every ablation has, or the default's first one where there is none.

    Raises:
        InputError: The default has not been trained.
    """
    found = {(own.ablation.key, own.seed): own for own in trained}
    defaults = sorted(seed for key, seed in found if key == DEFAULT)
    if not defaults:
        raise InputError("the default has not been trained; leave it among the ablations.")
    begun = [one for one in ABLATIONS if any(key == one.key for key, _ in found)]
    seeds = tuple(s for s in defaults if all((one.key, s) in found for one in begun))
    seeds = seeds or (defaults[0],)
    complete = [one for one in begun if all((one.key, seed) in found for seed in seeds)]
    sides = np.array([task.side for task in tasks])
    return Results(
        experiment="mixed-ablations",
        summary=(
            "The metric trained again without one of its parts, with fewer models, or with fewer "
            f"tasks; it ranks {models} unseen experts for {len(tasks)} tasks, and runs none."
        ),
        command=command,
        finished=finished,
        seeds=seeds,
        seed_varies=(
            "First weights, minibatches, target datasets, and which models or tasks are left out."
        ),
        seed_shares="Pre-trained backbone, tasks, their true reusability, and all that is tested.",
        methods=tuple(Method(one.key, one.label, _role(one), one.meaning) for one in complete),
        metrics=(METRIC,),
        splits=SPLITS,
        measurements=tuple(
            Measurement(
                METRIC.key,
                one.key,
                split.key,
                k,
                {
                    seed: float(found[one.key, seed].taus[k][_of(sides, split.key)].mean())
                    for seed in seeds
                },
            )
            for one in complete
            for split in SPLITS
            for k in found[one.key, seeds[0]].taus
        ),
        timings={
            one.key: round(float(np.mean([found[one.key, s].seconds for s in seeds])), 1)
            for one in complete
        },
        sizes={"tasks": len(tasks), "models": models},
        settings=settings,
        versions=package_versions(),
        digests=digests,
        machine=machine_facts(),
    )


def ablation_table(results: Results, split: str) -> Table:
    """Lay tau out by K, with the paired difference of each training to the default."""
    ks = sorted({own.k for own in results.measurements if own.k is not None})
    table = Table(title=f"{METRIC.label}, {results.split(split).label.lower()}")
    table.add_column("training")
    for k in ks:
        table.add_column(f"K = {k}", justify="right")
        table.add_column("minus default", justify="right")
    for method in results.methods:
        cells = []
        for k in ks:
            own, base = (results.find(METRIC.key, m, split, k) for m in (method.key, DEFAULT))
            if own is None or base is None:
                cells += ["", ""]
                continue
            gap = "" if method.key == DEFAULT else _gap(results, own, base)
            cells += [f"{own.estimate.mean:.3f}", gap]
        table.add_row(method.label, *cells)
    return table


def growth_figure(results: Results, *, models: int, tasks: int) -> Figure:
    """Draw tau by the number of learning models, and by that of learning tasks.

    Args:
        results: Of `ablation_results`.
        models: How many the default learns with.
        tasks: How many the default learns with.
    """
    with house_style():
        figure = Figure(figsize=(7.2, 2.9), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        _curves(left, results, {one.key: one.models for one in ABLATIONS} | {DEFAULT: models})
        _curves(right, results, {one.key: one.tasks for one in ABLATIONS} | {DEFAULT: tasks})
        left.set_xlabel("models learned with")
        right.set_xlabel("tasks learned with")
        left.set_ylabel("Kendall's tau, test tasks and models")
        runs = len(results.seeds)
        spread = "one run each" if runs == 1 else f"means of {runs} runs, bars: 95 % intervals"
        left.set_title(f"Metric alone, {spread}", loc="left", fontsize=9.5, fontweight="bold")
        left.legend(frameon=False, loc="lower right")
    return figure


def _curves(axes: Axes, results: Results, counts: Mapping[str, int | None]) -> None:
    known = {method.key for method in results.methods}
    points = sorted((n, key) for key, n in counts.items() if n is not None and key in known)
    for k, colour in zip((1, 5), METHOD_COLOURS, strict=False):
        found = [results.find(METRIC.key, key, results.splits[0].key, k) for _, key in points]
        estimates = [own.estimate for own in found if own is not None]
        if len(estimates) < len(points):
            continue
        means = [own.mean for own in estimates]
        half = [0.0 if own.high is None else own.high - own.mean for own in estimates]
        where = [n for n, _ in points]
        axes.errorbar(where, means, half, fmt="o-", ms=4.5, lw=1.6, color=colour, label=f"K = {k}")
    axes.set_xscale("log")
    axes.set_xticks([n for n, _ in points], [str(n) for n, _ in points])
    axes.minorticks_off()
    axes.grid(axis="y", color=FAINT, lw=0.8)
    axes.set_axisbelow(True)


def _gap(results: Results, whole: Measurement, base: Measurement) -> str:
    gap = results.compare(whole, base).estimate
    if gap.low is None or gap.high is None:
        return f"{gap.mean:+.3f}"
    return f"{gap.mean:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"


def _of(sides: NDArray[np.str_], split: str) -> NDArray[np.bool_]:
    return np.ones(len(sides), bool) if split == SPLITS[0].key else sides == split


def _role(ablation: Ablation) -> Role:
    return Role.METHOD if ablation.key == DEFAULT else Role.BASELINE

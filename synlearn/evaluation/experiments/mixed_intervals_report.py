"""Whether intervals of accuracies hold as often as they say: numbers, tables, a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from synlearn.datasets.mixed_tasks import MixedTask
from synlearn.evaluation.experiments.mixed_intervals import (
    CONSTANT,
    DEFAULT,
    EVERYTHING,
    METRIC_ALONE,
    Intervals,
)
from synlearn.evaluation.experiments.mixed_ranking import SPLITS
from synlearn.evaluation.measurements import Measurement, Method, Metric, Role, Split, Target
from synlearn.evaluation.output import write_output
from synlearn.evaluation.plot_style import FAINT, MUTED, colours, house_style, render
from synlearn.evaluation.provenance import machine_facts, package_versions
from synlearn.evaluation.results import Results, Scalar
from synlearn.evaluation.results_file import write_results
from synlearn.ranker import EVIDENCE
from synlearn.ranking import CONFIDENCE

Float64 = NDArray[np.float64]
Indices = NDArray[np.int64]

FIRST: Final = "default_first"
"""The default, judged by those models alone that it has run."""

DIFFERENT: Final = Split(
    "different", "K different images a class", "Tasks that have as many, so that K is what it says."
)
FILLED: Final = Split(
    "filled",
    "Filled up with moved copies",
    "Tasks of fewer images: what looks held out is a copy of what a head was fitted on.",
)
_SPLITS: Final = (*SPLITS, DIFFERENT, FILLED)

METHODS: Final = (
    Method(METRIC_ALONE, "Metric alone", Role.METHOD, "No model is run."),
    Method(DEFAULT, "Default", Role.METHOD, f"The first {EVIDENCE} models are run."),
    Method(FIRST, "Default, models run", Role.METHOD, f"The same, of the first {EVIDENCE} alone."),
    Method(EVERYTHING, "Evidence for all", Role.METHOD, "All models are run."),
    Method(
        CONSTANT,
        "Constant",
        Role.BASELINE,
        "One interval for all tasks and models: what as many had in learning.",
    ),
)

COVERAGE: Final = "coverage"
MISCOVERAGE: Final = "miscoverage"
WIDTH: Final = "width"
LOSS: Final = "interval_loss"
BIAS: Final = "bias"
ERROR: Final = "absolute_error"
SAID, RIGHT, TIED, TIES = "best_said", "best_right", "best_is_tied", "tied_models"

METRICS: Final = (
    Metric(COVERAGE, "Coverage", meaning="Share of models whose true accuracy the interval holds."),
    Metric(
        MISCOVERAGE,
        "Distance of coverage from 0.9",
        higher_is_better=False,
        meaning=f"Intervals are made to hold {100 * CONFIDENCE:g} % of the time.",
    ),
    Metric(WIDTH, "Width", higher_is_better=False, meaning="Of intervals, in accuracy."),
    Metric(
        LOSS,
        "Interval loss",
        higher_is_better=False,
        meaning="Width, and 20 times how far the truth lies outside (Winkler, 1972).",
    ),
    Metric(BIAS, "Bias", meaning="Mean of expected minus true accuracy; 0 is right."),
    Metric(ERROR, "Absolute error", higher_is_better=False, meaning="Of expected accuracies."),
    Metric(SAID, "Chance of the likeliest", meaning="Given to it, on average."),
    Metric(RIGHT, "Likeliest is best", meaning="How often it is the best; should be alike."),
    Metric(TIED, "Best is tied", meaning="How often the best one is the first, or tied with it."),
    Metric(TIES, "Models tied", higher_is_better=False, meaning="Models tied with the first."),
)
_TOLERANCE: Final = 0.05


@dataclass(frozen=True, slots=True)
class IntervalRun:
    """What was measured, and how.

    Attributes:
        intervals: By method, K and seed.
        truth: By K, (t, m) accuracies.
        tasks: The t test tasks.
        images: (t,) different images of each class that a task has; see `different_images`.
        seeds: Draws of the examples, and of the metric's training.
        seed_varies: In plain words.
        command: What to type to repeat it.
        finished: ISO 8601 time.
        timings, sizes, settings, digests: As in `Results`.
    """

    intervals: Mapping[tuple[str, int, int], Intervals]
    truth: Mapping[int, Float64]
    tasks: Sequence[MixedTask]
    images: Indices
    seeds: tuple[int, ...]
    seed_varies: str
    command: str
    finished: str
    timings: Mapping[str, float]
    sizes: Mapping[str, int]
    settings: Mapping[str, Scalar]
    digests: Mapping[str, str]


def interval_results(run: IntervalRun) -> Results:
    """Put the numbers into the form of a results file."""
    shape = next(iter(run.truth.values())).shape
    return Results(
        experiment="mixed-zoo-intervals",
        summary=(
            f"{100 * CONFIDENCE:g} % intervals of what a head on K examples of each class reaches, "
            f"for {shape[1]} unseen experts and {shape[0]} tasks of five classes."
        ),
        command=run.command,
        finished=run.finished,
        seeds=run.seeds,
        seed_varies=run.seed_varies,
        seed_shares="images, experts, tasks and their truth",
        methods=METHODS,
        metrics=METRICS,
        splits=_SPLITS,
        measurements=tuple(_measurements(run)),
        targets=tuple(
            Target(MISCOVERAGE, method.key, split, k, _TOLERANCE, "holds 85 to 95 % of the time")
            for split in ("all", DIFFERENT.key)
            for method in METHODS
            if method.role is Role.METHOD
            for k in run.truth
            if _tasks_of(split, run, k).any()
        ),
        timings=run.timings,
        sizes={"tasks": shape[0], "models": shape[1], **run.sizes},
        settings=run.settings,
        versions=package_versions(),
        digests=run.digests,
        machine=machine_facts(),
    )


def _measurements(run: IntervalRun) -> list[Measurement]:
    found = []
    for k, true in run.truth.items():
        for method in METHODS:
            source = DEFAULT if method.key == FIRST else method.key
            of_seed = {
                seed: _qualities(run.intervals[source, k, seed], true, method.key == FIRST)
                for seed in run.seeds
            }
            for split in _SPLITS:
                rows = _tasks_of(split.key, run, k)
                if not rows.any():
                    continue
                for metric in METRICS:
                    if metric.key not in of_seed[run.seeds[0]] | {MISCOVERAGE: True}:
                        continue
                    values = {seed: _mean(own, metric.key, rows) for seed, own in of_seed.items()}
                    found.append(Measurement(metric.key, method.key, split.key, k, values))
    return found


def _tasks_of(split: str, run: IntervalRun, k: int) -> NDArray[np.bool_]:
    """Which tasks belong to a split at K."""
    if split in (DIFFERENT.key, FILLED.key):
        return np.asarray((run.images >= k) == (split == DIFFERENT.key))
    return np.array([split in ("all", task.side) for task in run.tasks])


def _mean(of_task: Mapping[str, Float64], metric: str, rows: NDArray[np.bool_]) -> float:
    if metric == MISCOVERAGE:
        return abs(float(of_task[COVERAGE][rows].mean()) - CONFIDENCE)
    return float(of_task[metric][rows].mean())


def _qualities(own: Intervals, true: Float64, only_run: bool) -> dict[str, Float64]:
    """Of each task, a mean over its models, (t,)."""
    inside = (own.low <= true) & (true <= own.high)
    outside = np.maximum(own.low - true, 0) + np.maximum(true - own.high, 0)
    width = own.high - own.low
    counted = own.run if only_run else np.ones_like(inside)
    share = counted / counted.sum(axis=1, keepdims=True)

    def over(values: NDArray[np.generic]) -> Float64:
        return np.asarray((values * share).sum(axis=1), np.float64)

    found = {
        COVERAGE: over(inside),
        WIDTH: over(width),
        LOSS: over(width + 2 / (1 - CONFIDENCE) * outside),
        BIAS: over(own.score - true),
        ERROR: over(np.abs(own.score - true)),
    }
    if own.odds is not None and own.tied is not None and not only_run:
        best = true.argmax(axis=1)
        tasks = np.arange(len(true))
        found |= {
            SAID: own.odds.max(axis=1),
            RIGHT: (own.odds.argmax(axis=1) == best).astype(float),
            TIED: own.tied[tasks, best].astype(float),
            TIES: own.tied.sum(axis=1).astype(float),
        }
    return found


def write_interval_outputs(results: Results, out: Path) -> None:
    """Write `results.json` and `intervals.png` into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    write_results(results, out / "results.json")
    write_output(out / "intervals.png", render(interval_figure(results), ".png"))


def interval_table(results: Results, split: str) -> Table:
    """Coverage and width by method and K, each with its 95 % interval over seeds."""
    ks = sorted({m.k for m in results.measurements if m.k is not None})
    title = f"{100 * CONFIDENCE:g} % intervals: coverage, and width below; "
    table = Table(title=title + results.split(split).label.lower())
    table.add_column("method", no_wrap=True)
    for k in ks:
        table.add_column(f"K = {k}", justify="right", no_wrap=True)
    for method in results.methods:
        cells = []
        for k in ks:
            coverage, width = (results.find(m, method.key, split, k) for m in (COVERAGE, WIDTH))
            if coverage is None or width is None:  # there is no such task at this K
                cells.append("")
                continue
            held = abs(coverage.estimate.mean - CONFIDENCE) <= _TOLERANCE
            mark = "" if method.role is not Role.METHOD or held else " (miss)"
            cells.append(f"{_cell(coverage)}{mark}\n{_cell(width)}")
        table.add_row(method.label, *cells, end_section=True)
    return table


def interval_figure(results: Results) -> Figure:
    """Coverage by K on the left, width on the right; the band is where coverage is to lie.

    Dashed: with tasks that are filled up with moved copies.
    """
    ks = sorted({m.k for m in results.measurements if m.k is not None})
    colour = colours([m for m in results.methods if m.key != FIRST])
    with house_style():
        figure = Figure(figsize=(8.2, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, metric in ((left, COVERAGE), (right, WIDTH)):
            for method in results.methods:
                if method.key == FIRST:
                    continue
                for split, style, name in (
                    (DIFFERENT.key, "o-", method.label),
                    ("all", "--", None),
                ):
                    found = [(k, results.find(metric, method.key, split, k)) for k in ks]
                    points = [(k, own.estimate.mean) for k, own in found if own is not None]
                    axes.plot(
                        *zip(*points, strict=True), style, ms=4, lw=1.4,
                        color=colour[method.key], label=name,
                    )  # fmt: skip
            axes.set_xscale("log")
            axes.set_xticks(ks, [str(k) for k in ks])
            axes.minorticks_off()
            axes.set_xlabel("examples of a class, K", color=MUTED)
            axes.grid(color=FAINT, lw=0.8)
            axes.set_axisbelow(True)
        left.axhspan(CONFIDENCE - _TOLERANCE, CONFIDENCE + _TOLERANCE, color="#e6f4ec", zorder=0)
        left.set_ylim(min(0.75, left.get_ylim()[0]), 1.0)
        left.set_title("How often the interval holds", loc="left", fontsize=10)
        right.set_ylim(0)
        right.set_title("How wide it is", loc="left", fontsize=10)
        right.plot([], [], "--", lw=1.4, color=MUTED, label="filled-up tasks, too")
        right.legend(frameon=False, fontsize=8)
    return figure


def _cell(own: Measurement) -> str:
    estimate = own.estimate
    if estimate.high is None:
        return f"{estimate.mean:.3f}"
    return f"{estimate.mean:.3f} ± {estimate.high - estimate.mean:.3f}"

"""From the mixed experiment's rankings to `results.json`, `report.html` and the paper's Table 1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.table import Table

from synlearn.datasets.mixed_tasks import MixedTask, Side
from synlearn.evaluation.experiments.mixed_ranking import (
    CEILING,
    FUSION,
    METHODS,
    SPLITS,
    SYNLEARN,
    MethodQuality,
    ceilings,
    measurements,
)
from synlearn.evaluation.experiments.mixed_truth import MixedTruth
from synlearn.evaluation.intervals import Estimate
from synlearn.evaluation.measurements import Metric, Role, Target
from synlearn.evaluation.provenance import machine_facts, package_versions
from synlearn.evaluation.report import write_report
from synlearn.evaluation.report_data import Headline, ReportData, TaskTaus
from synlearn.evaluation.results import Results, Scalar
from synlearn.evaluation.results_file import write_results
from synlearn.scorers.direct import Direct

PAPER_KS: Final = (5, 10, 15, 20)
"""Columns of Table 1 of the SynLearn paper."""

METRICS: Final = (
    Metric("kendall_tau", "Kendall's tau"),
    Metric(
        "weighted_kendall_tau",
        "Weighted tau",
        meaning="Vigna's weighted tau, ranks taken from the truth: top models count most.",
    ),
    Metric(
        "regret",
        "Regret of the first pick",
        higher_is_better=False,
        meaning="Accuracy lost by taking the model ranked first instead of the truly best one.",
    ),
)


@dataclass(frozen=True, slots=True)
class MixedRun:
    """What was measured, and how.

    Attributes:
        qualities: Of every method at every K.
        truth: Behind them.
        tasks: The test tasks.
        seeds: Draws of the examples, and of the metric's training.
        seed_varies: In plain words.
        seed_shares: In plain words.
        command: What to type to repeat it.
        finished: ISO 8601 time.
        timings, sizes, settings, digests: As in `Results`.
    """

    qualities: Sequence[MethodQuality]
    truth: MixedTruth
    tasks: Sequence[MixedTask]
    seeds: tuple[int, ...]
    seed_varies: str
    seed_shares: str
    command: str
    finished: str
    timings: Mapping[str, float]
    sizes: Mapping[str, int]
    settings: Mapping[str, Scalar]
    digests: Mapping[str, str]


def mixed_results(run: MixedRun) -> Results:
    """Put the numbers into the form of a results file."""
    used = {quality.method for quality in run.qualities}
    headline = min(quality.k for quality in run.qualities)
    found = measurements(run.qualities, run.truth, run.tasks, run.seeds)
    return Results(
        experiment="mixed-zoo",
        summary=(
            f"What was learned from providers' data ranks {len(run.truth.models)} unseen experts "
            f"for {len(run.tasks)} tasks of five classes, from K images of each class."
        ),
        command=run.command,
        finished=run.finished,
        seeds=run.seeds,
        seed_varies=run.seed_varies,
        seed_shares=run.seed_shares,
        methods=tuple(method for method in METHODS if method.key in used | {CEILING}),
        metrics=METRICS,
        splits=SPLITS,
        measurements=tuple(found),
        ceilings=tuple(ceilings(run.truth, run.tasks, run.seeds, headline)),
        targets=_targets(found_at(run.qualities)) if SYNLEARN in used else (),
        timings=run.timings,
        sizes={"tasks": len(run.tasks), "models": len(run.truth.models), **run.sizes},
        settings=run.settings,
        versions=package_versions(),
        digests=run.digests,
        machine=machine_facts(),
    )


def found_at(qualities: Sequence[MethodQuality]) -> Mapping[tuple[str, int], float]:
    """Mean tau over all tasks and seeds, by method and K."""
    return {(own.method, own.k): float(own.quality.kendall_tau.mean()) for own in qualities}


def _targets(taus: Mapping[tuple[str, int], float]) -> tuple[Target, ...]:
    """What the metric alone was to reach against the direct scores of the same run."""
    found = []
    if (Direct.LEEP, 1) in taus:
        best = max(taus[Direct.LEEP, 1], taus[Direct.NCE, 1])
        reason = "1.7 times the better of NCE and LEEP, measured in this run"
        found.append(Target("kendall_tau", SYNLEARN, "all", 1, 1.7 * best, reason))
    if (Direct.LEEP, 5) in taus:
        reason = "1.45 times LEEP, measured in this run"
        bound = 1.45 * taus[Direct.LEEP, 5]
        found.append(Target("kendall_tau", SYNLEARN, "all", 5, bound, reason))
    return tuple(found)


def write_outputs(results: Results, run: MixedRun, out: Path) -> None:
    """Write `results.json` and `report.html` into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    write_results(results, out / "results.json")
    write_report(_report(results, run), out / "report.html")


def _report(results: Results, run: MixedRun) -> ReportData:
    keys = [method.key for method in results.methods]
    method = next((key for key in (FUSION, SYNLEARN) if key in keys), str(Direct.RIDGE))
    baseline = str(Direct.LEEP)
    k = min(quality.k for quality in run.qualities)
    sides = np.array([task.side for task in run.tasks])
    return ReportData(
        title="Ranking experts of several image sets",
        results=results,
        headline=Headline("kendall_tau", method, baseline, k=k),
        task_taus=tuple(
            TaskTaus(side, own.method, own.quality.kendall_tau[:, sides == side].ravel())
            for side in (Side.SEEN, Side.UNSEEN)
            for own in run.qualities
            if own.k == k and own.method in (method, baseline)
        ),
        task_taus_note=f"Every test task of every seed, at K = {k}.",
        notes=(
            "A score that gives all models of a task the same value orders nothing and counts as "
            "tau 0: leave-one-out accuracies at K = 1 are of this kind.",
        ),
    )


def results_table(
    results: Results, split: str, *, metric: str = "kendall_tau", ks: Sequence[int] | None = None
) -> Table:
    """Lay methods and K out as the paper's Table 1: means with their 95 % intervals."""
    measured = sorted({m.k for m in results.measurements if m.k is not None})
    columns = [k for k in (ks or measured) if k in measured]
    label, side = results.metric(metric).label, results.split(split).label
    table = Table(title=f"{label}, {side.lower()}")
    table.add_column("method", no_wrap=True)
    for k in columns:
        table.add_column(f"K = {k}", justify="right", no_wrap=True)
    for method in results.methods:
        cells = [results.find(metric, method.key, split, k) for k in columns]
        if any(cells):
            table.add_row(method.label, *("" if c is None else _cell(c.estimate) for c in cells))
    return table


def fusion_table(results: Results, split: str, metric: str = "kendall_tau") -> Table:
    """Lay out how much the fusion gains over the best single method at each K, paired by seed."""
    table = Table(title=f"Fusion against the best single method, {results.split(split).label}")
    for name in ("K", "fusion", "best single", "its value", "difference", "relative"):
        table.add_column(name, justify="right", no_wrap=True)
    for k in sorted({m.k for m in results.measurements if m.k is not None}):
        fused = results.find(metric, FUSION, split, k)
        others = [
            found
            for method in results.methods
            if method.role is not Role.ORACLE and method.key != FUSION
            if (found := results.find(metric, method.key, split, k)) is not None
        ]
        if fused is None or not others:
            continue
        best = max(others, key=lambda found: found.estimate.mean)
        gap = results.compare(fused, best).estimate
        table.add_row(
            str(k),
            _cell(fused.estimate),
            results.method(best.method).label,
            _cell(best.estimate),
            str(gap),
            f"{gap.mean / best.estimate.mean:+.1%}",
        )
    return table


def _cell(estimate: Estimate) -> str:
    if estimate.high is None:
        return f"{estimate.mean:.3f}"
    return f"{estimate.mean:.3f} ± {estimate.high - estimate.mean:.3f}"

"""From the search experiment's measurements to `results.json` and the tables that it prints."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_tasks import MixedTask
from synlearn.evaluation.experiments.fennec_comparison import (
    DEFAULT,
    QUALITIES,
    UNSEEN,
    Quality,
    variants,
)
from synlearn.evaluation.experiments.mixed_ranking import FUSION, SYNLEARN
from synlearn.evaluation.experiments.search import SearchRun
from synlearn.evaluation.experiments.search_regret import ORACLE, Regrets
from synlearn.evaluation.measurements import Measurement, Method, Metric, Role, Split
from synlearn.evaluation.provenance import DEFAULT_PACKAGES, machine_facts, package_versions
from synlearn.evaluation.results import Results, Scalar
from synlearn.scorers.direct import Direct

STRATEGIES: Final = (
    Method("task_agnostic", "Task-agnostic", Role.BASELINE, "Most training images, then largest."),
    Method("linear", "Linear head", Role.BASELINE, "Trains a head on each model's features."),
    Method(Direct.KNN, "1-NN", Role.BASELINE, "Runs every model; leave-one-out accuracy."),
    Method(Direct.RIDGE, "Leave-one-out ridge", Role.BASELINE, "Runs every model."),
    Method(Direct.LEEP, "LEEP", Role.BASELINE, "Runs every model."),
    Method(Direct.LOGME, "LogME", Role.BASELINE, "Runs every model."),
    Method("hybrid", "Hybrid, linear", Role.BASELINE, "One task-agnostic pick, then linear."),
    Method("hybrid_ridge", "Hybrid, ridge", Role.BASELINE, "One task-agnostic pick, then ridge."),
    Method(SYNLEARN, "Learned metric", Role.METHOD, "Runs no model."),
    Method(FUSION, "Evidence fusion", Role.METHOD, "The metric and direct scores; runs all."),
    Method(DEFAULT, "Fennec", Role.METHOD, "Runs no model, sees no label; history of the set."),
    Method(
        UNSEEN, "Fennec, set unseen", Role.METHOD, "The same without history of the task's set."
    ),
    Method("hybrid_metric", "Hybrid, metric", Role.METHOD, "One task-agnostic pick, then metric."),
    Method("hybrid_fennec", "Hybrid, Fennec", Role.METHOD, "One task-agnostic pick, then Fennec."),
    Method(ORACLE, "Task-agnostic oracle", Role.ORACLE, "Best true mean over all other tasks."),
)
RANKED: Final = Split("scores", "All candidates, all tasks", "Quality of scores, not of picks.")
SEEN_SETS: Final = Split(
    "set_seen", "Set in the history", "Providers hold classes of the image set."
)
NEW_SETS: Final = Split("set_new", "Set not in the history", "No provider holds the image set.")
_QUALITY: Final = (
    Metric("pearson", "Pearson"),
    Metric("kendall_tau", "Kendall's tau"),
    Metric("weighted_kendall_tau", "Weighted tau"),
    Metric("regret", "Regret of the first pick", higher_is_better=False),
)


@dataclass(frozen=True, slots=True)
class SearchReport:
    """What a results file says besides numbers.

    Attributes:
        command: What to type to repeat it.
        finished: ISO 8601 time.
        seeds: Draws.
        timings, settings: As in `Results`.
    """

    command: str
    finished: str
    seeds: tuple[int, ...]
    timings: Mapping[str, float]
    settings: Mapping[str, Scalar]


def search_results(run: SearchRun, report: SearchReport) -> Results:
    """Put the numbers into the form of a results file."""
    used = {own.strategy for own in run.regrets} | {own.method for own in run.qualities}
    methods = (*STRATEGIES, *_ablations(run))
    tasks, models = len(run.bench.tasks), len(run.bench.candidates)
    return Results(
        experiment="search",
        summary=(
            f"Which of {models} models to try for {tasks} tasks of five classes, from "
            f"{run.bench.k} images of each class: strategies by regret, and Fennec by its ranking."
        ),
        command=report.command,
        finished=report.finished,
        seeds=report.seeds,
        seed_varies="the draw of the examples; order of images in fine-tuning; Fennec's fit",
        seed_shares="images, models, tasks, history, the true accuracy of each model",
        methods=tuple(own for own in methods if own.key in used),
        metrics=(*_QUALITY, *_regret_metrics(run)),
        splits=(
            *(Split(pool.key, pool.key, pool.meaning) for pool in run.pools),
            RANKED,
            *(
                (SEEN_SETS, NEW_SETS)
                if _history_mask(run).any() and not _history_mask(run).all()
                else ()
            ),
        ),
        measurements=(
            *(
                cell
                for own in run.regrets
                for cell in _regret_cells(own, report.seeds, run.bench.k)
            ),
            *(cell for own in run.qualities for cell in _quality_cells(own, run, report.seeds)),
        ),
        timings=report.timings,
        sizes={"tasks": tasks, "models": models, **_truth_sizes(run)},
        settings=report.settings,
        versions=package_versions((*DEFAULT_PACKAGES, "scikit-learn", "gensim")),
        digests=run.digests,
        machine=machine_facts(),
    )


def regret_table(results: Results, pool: str, truth: str) -> Table:
    """Relative regret by strategy and budget in one pool, and how often the best one was found."""
    budgets = [b for b in range(1, 6) if _has(results, f"{truth}_relative_b{b}", pool)]
    table = Table(title=f"Relative regret, {results.split(pool).meaning.lower()} ({truth})")
    table.add_column("strategy", no_wrap=True)
    for budget in budgets:
        table.add_column(f"B = {budget}", justify="right", no_wrap=True)
    table.add_column("best found, B = 3", justify="right")
    for method in results.methods:
        cells = [
            results.find(f"{truth}_relative_b{b}", method.key, pool, _k(results)) for b in budgets
        ]
        if not all(cells):
            continue
        found = results.find(f"{truth}_found_b3", method.key, pool, _k(results))
        share = "" if found is None else f"{found.estimate.mean:.0%}"
        shown = (f"{cell.estimate.mean:.3f}" for cell in cells if cell is not None)
        table.add_row(method.label, *shown, share)
    return table


def quality_table(results: Results, split: str) -> Table:
    """Pearson, tau, weighted tau and regret of the first pick of every score."""
    table = Table(title=f"Rankings, {results.split(split).label.lower()}")
    table.add_column("score", no_wrap=True)
    for metric in _QUALITY:
        table.add_column(metric.label, justify="right", no_wrap=True)
    for method in results.methods:
        cells = [results.find(m.key, method.key, split, _k(results)) for m in _QUALITY]
        if all(cells):
            table.add_row(
                method.label, *(f"{own.estimate.mean:.3f}" for own in cells if own is not None)
            )
    return table


def difference_table(
    results: Results, pool: str, truth: str, pairs: tuple[tuple[str, str], ...]
) -> Table:
    """Paired differences of relative regret over seeds; below 0 where the first is better."""
    table = Table(title=f"Relative regret, paired differences, {pool} ({truth})")
    for name in ("first", "second", "B", "difference"):
        table.add_column(name)
    for first, second in pairs:
        for budget in (1, 2, 3, 5):
            metric = f"{truth}_relative_b{budget}"
            one, other = (results.find(metric, key, pool, _k(results)) for key in (first, second))
            if one is None or other is None:
                continue
            gap = results.compare(one, other).estimate
            labels = (results.method(first).label, results.method(second).label)
            table.add_row(*labels, str(budget), str(gap))
    return table


def _regret_metrics(run: SearchRun) -> Iterator[Metric]:
    kinds = (
        (
            "relative",
            "Relative regret",
            False,
            "Share of the picks' errors that the oracle avoids.",
        ),
        ("absolute", "Absolute regret", False, "Accuracy lost against the pool's best model."),
        ("found", "Best model found", True, "Share of tasks whose picks hold the pool's best one."),
    )
    for truth in run.truths:
        for budget in sorted({b for own in run.regrets for b in own.budgets}):
            for key, label, higher, meaning in kinds:
                yield Metric(
                    f"{truth.key}_{key}_b{budget}",
                    f"{label}, B = {budget}, {truth.label.lower()}",
                    higher_is_better=higher,
                    meaning=meaning,
                )


def _regret_cells(own: Regrets, seeds: tuple[int, ...], k: int) -> Iterator[Measurement]:
    for row, budget in enumerate(own.budgets):
        for key, values in (
            ("relative", own.relative),
            ("absolute", own.absolute),
            ("found", own.found.astype(np.float64)),
        ):
            by_seed = dict(zip(seeds, values[row].mean(axis=1).tolist(), strict=True))
            name = f"{own.truth}_{key}_b{budget}"
            yield Measurement(name, own.strategy, own.pool, k, by_seed)


def _quality_cells(own: Quality, run: SearchRun, seeds: tuple[int, ...]) -> Iterator[Measurement]:
    mask = _history_mask(run)
    parts = {RANKED.key: np.ones(len(mask), bool)}
    if mask.any() and not mask.all():
        parts |= {SEEN_SETS.key: mask, NEW_SETS.key: ~mask}
    for split, tasks in parts.items():
        for name in QUALITIES:
            means = own.by_name[name][:, tasks].mean(axis=1)
            by_seed = dict(zip(seeds, means.tolist(), strict=True))
            yield Measurement(name, own.method, split, run.bench.k, by_seed)


def _history_mask(run: SearchRun) -> NDArray[np.bool_]:
    """(t,): whether providers hold classes of each task's image set."""
    pool = run.bench.pool
    held = {pool.classes[label].domain for label in pool.labels_of(Part.PROVIDER)}
    return np.array([_domain(task) in held for task in run.bench.tasks])


def _domain(task: MixedTask) -> str:
    return task.domain


def _ablations(run: SearchRun) -> Iterator[Method]:
    keys = {own.method for own in run.qualities}
    known = {own.key for own in STRATEGIES}
    proxies = sorted(key.removeprefix("proxy_") for key in keys if key.startswith("proxy_"))
    for one in variants(proxies):
        if one.key in keys - known:
            yield Method(
                one.key, f"Fennec, {one.label}", Role.BASELINE, "A part of Fennec changed."
            )


def _truth_sizes(run: SearchRun) -> dict[str, int]:
    found: dict[str, int] = {}
    for truth in run.truths:
        found |= {
            f"{truth.key}_tasks": len(truth.tasks),
            f"{truth.key}_models": len(truth.models),
            f"{truth.key}_runs": truth.accuracy.shape[1],
        }
    return found


def _has(results: Results, metric: str, pool: str) -> bool:
    return results.find(metric, "task_agnostic", pool, _k(results)) is not None


def _k(results: Results) -> int | None:
    return results.measurements[0].k

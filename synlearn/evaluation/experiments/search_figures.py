"""The search paper's figures, on our zoo. Each function returns a figure; none touches the disk."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from synlearn.evaluation.experiments.fennec_comparison import RANKS
from synlearn.evaluation.experiments.search import SearchRun
from synlearn.evaluation.experiments.search_regret import Regrets
from synlearn.evaluation.experiments.search_report import STRATEGIES
from synlearn.evaluation.plot_style import FAINT, METHOD_COLOURS, MUTED, house_style
from synlearn.evaluation.regret import relative_delta
from synlearn.evaluation.results import Results

Float64 = NDArray[np.float64]

# Okabe and Ito's palette, which people with colour blindness can tell apart, and others.
_SET_COLOURS: Final = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7a4e1d",
)  # fmt: skip
_LINES: Final = ("-", "--", "-.", ":")
_LABELS: Final = {own.key: own.label for own in STRATEGIES}


def budget_figure(run: SearchRun, truth: str, strategies: Sequence[str]) -> Figure:
    """How often the best model of a pool is among the picks, by budget (the paper's Figure 7)."""
    pools = [pool for pool in run.pools if _of(run, truth, pool.key)]
    with house_style():
        figure = Figure(figsize=(2.5 * len(pools), 3.1), layout="constrained")
        grid = figure.subplots(1, len(pools), sharey=True, squeeze=False)[0]
        for axes, pool in zip(grid, pools, strict=True):
            found = _of(run, truth, pool.key)
            for place, key in enumerate(key for key in strategies if key in found):
                own = found[key]
                axes.plot(
                    own.budgets,
                    own.found.mean(axis=(1, 2)),
                    _LINES[place // len(_SET_COLOURS)],
                    marker="o",
                    ms=3,
                    color=_SET_COLOURS[place % len(_SET_COLOURS)],
                    label=_LABELS[key],
                )
            axes.set_title(f"{pool.key}", loc="left", fontsize=9.5, fontweight="bold")
            axes.set_xlabel("budget B")
            axes.set_xticks(next(iter(found.values())).budgets)
            _grid(axes)
        grid[0].set_ylabel("best model among the picks")
        grid[0].set_ylim(0, 1.02)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=8.5)
    return figure


def regret_bars(
    run: SearchRun, truth: str, strategies: Sequence[str], pools: Sequence[str]
) -> Figure:
    """Relative regret of each task, B = 1 pale and B = 2 solid (the paper's Figures 3 and 4)."""
    with house_style():
        figure = Figure(
            figsize=(3.1 * len(pools), 1.35 * len(strategies) + 0.7), layout="constrained"
        )
        grid = figure.subplots(len(strategies), len(pools), sharex=True, sharey=True, squeeze=False)
        for column, pool in enumerate(pools):
            found = _of(run, truth, pool)
            for row, key in enumerate(strategies):
                axes = grid[row, column]
                own = found[key]
                one, two = (own.relative[own.budgets.index(b)].mean(axis=0) for b in (1, 2))
                order = _by_set(run, truth)
                colours = _task_colours(run, truth)[order]
                axes.bar(np.arange(len(order)), one[order], 1.0, color=colours, alpha=0.35)
                axes.bar(np.arange(len(order)), two[order], 1.0, color=colours)
                axes.set_xticks([])
                _grid(axes)
                if row == 0:
                    axes.set_title(pool, loc="left", fontsize=9.5, fontweight="bold")
                if column == 0:
                    axes.set_ylabel(_LABELS[key], fontsize=8.5)
        _legend(figure, run)
        figure.supxlabel("tasks; pale: B = 1, solid: B = 2", fontsize=9)
    return figure


def delta_bars(
    run: SearchRun, truth: str, first: str, second: str, *, budget: int, pools: Sequence[str]
) -> Figure:
    """Relative delta of two strategies, task by task (the paper's Figures 5 and 6)."""
    with house_style():
        figure = Figure(figsize=(3.1 * len(pools), 2.5), layout="constrained")
        grid = figure.subplots(1, len(pools), sharey=True, squeeze=False)[0]
        for axes, pool in zip(grid, pools, strict=True):
            found = _of(run, truth, pool)
            one, other = found[first], found[second]
            row = one.budgets.index(budget)
            deltas = np.array(
                [
                    _delta(a, b)
                    for a, b in zip(
                        one.reached[row].mean(axis=0), other.reached[row].mean(axis=0), strict=True
                    )
                ]
            )
            order = np.argsort(-deltas, kind="stable")
            axes.bar(
                np.arange(len(order)), deltas[order], 1.0, color=_task_colours(run, truth)[order]
            )
            axes.axhline(0, color=MUTED, lw=0.8)
            axes.set_xticks([])
            axes.set_title(
                f"{pool}: {np.mean(deltas > 0):.0%} above, {np.mean(deltas < 0):.0%} below",
                loc="left",
                fontsize=9,
            )
            _grid(axes)
        grid[0].set_ylabel("relative delta")
        _legend(figure, run)
        figure.suptitle(
            f"{_LABELS[first]} (above 0 where better) against {_LABELS[second]}, B = {budget}",
            fontsize=9.5,
            fontweight="bold",
        )
    return figure


def parts_figure(results: Results, split: str) -> Figure:
    """Fennec by latent dimension and by proxy (its paper's Figure 5)."""
    k = results.measurements[0].k
    default = results.find("pearson", "fennec", split, k)
    assert default is not None  # noqa: S101  # the experiment always has it
    with house_style():
        figure = Figure(figsize=(7.2, 2.7), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": (3, 2)})
        points = [
            (rank, results.find("pearson", f"rank_{rank}", split, k) or default) for rank in RANKS
        ]
        means = [own.estimate for _, own in points]
        half = [0.0 if own.high is None else own.high - own.mean for own in means]
        left.errorbar(
            [rank for rank, _ in points], [own.mean for own in means], half, fmt="o-", ms=4,
            color=METHOD_COLOURS[0],
        )  # fmt: skip
        left.set_xscale("log", base=2)
        left.set_xticks(RANKS, [str(rank) for rank in RANKS])
        left.minorticks_off()
        left.set_xlabel("latent dimension")
        left.set_ylabel("Pearson, mean over tasks")
        bars = {"default": default.estimate.mean}
        for method in results.methods:
            found = results.find("pearson", method.key, split, k)
            if method.key.startswith("proxy_") and found is not None:
                bars[method.key.removeprefix("proxy_")] = found.estimate.mean
        right.bar(list(bars), list(bars.values()), color=METHOD_COLOURS[1], width=0.6)
        right.set_xlabel("proxy")
        right.tick_params(axis="x", labelsize=8)
        for axes in (left, right):
            _grid(axes)
    return figure


def _delta(first: float, second: float) -> float:
    return 0.0 if first == second == 1 else relative_delta(float(first), float(second))


def _of(run: SearchRun, truth: str, pool: str) -> Mapping[str, Regrets]:
    return {own.strategy: own for own in run.regrets if (own.truth, own.pool) == (truth, pool)}


def _task_sets(run: SearchRun, truth: str) -> list[str]:
    (own,) = (own for own in run.truths if own.key == truth)
    return [run.bench.tasks[place].domain for place in own.tasks]


def _by_set(run: SearchRun, truth: str) -> NDArray[np.intp]:
    return np.argsort(np.array(_task_sets(run, truth)), kind="stable")


def _task_colours(run: SearchRun, truth: str) -> NDArray[np.str_]:
    names = _names(run)
    return np.array([_SET_COLOURS[names.index(own)] for own in _task_sets(run, truth)])


def _names(run: SearchRun) -> list[str]:
    return sorted({task.domain for task in run.bench.tasks})


def _legend(figure: Figure, run: SearchRun) -> None:
    handles = [
        Patch(color=_SET_COLOURS[place], label=name) for place, name in enumerate(_names(run))
    ]
    figure.legend(handles=handles, loc="outside right center", frameon=False, fontsize=8.5)


def _grid(axes: Axes) -> None:
    axes.grid(axis="y", color=FAINT, lw=0.8)
    axes.set_axisbelow(True)

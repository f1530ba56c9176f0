"""The figures of the report. Each function returns a matplotlib figure; none touches the disk."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from synlearn.evaluation import plain_words as say
from synlearn.evaluation.plot_style import FAINT, INK, MUTED, colours, house_style, quiet
from synlearn.evaluation.report_data import RankPanel, ReportData
from synlearn.evaluation.results import Results

WIDTH = 5.4  # inches; narrow, so that the letters stay readable on a phone
BINS = 41


def overview(data: ReportData) -> Figure:
    """Every method on every split: mean, interval, noise ceiling and target, on one scale."""
    results, h = data.results, data.headline
    splits = data.headline_splits()
    rows = {s: _methods_measured(results, h.metric, s, h.k) for s in splits}
    with house_style():
        heights = [len(rows[s]) + 1.0 for s in splits]
        figure = Figure(figsize=(WIDTH, 0.55 + 0.34 * sum(heights)), layout="constrained")
        grid = figure.subplots(
            len(splits), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
        )
        for axes, split in zip(grid[:, 0], splits, strict=True):
            _overview_panel(axes, data, split, rows[split])
        grid[-1, 0].set_xlabel(results.metric(h.metric).label)
        if "tau" in h.metric:  # from no relation to the same order
            grid[-1, 0].set_xlim(min(-0.03, grid[-1, 0].get_xlim()[0]), 1.03)
    return figure


def _overview_panel(axes: Axes, data: ReportData, split: str, methods: Sequence[str]) -> None:
    results, h = data.results, data.headline
    colour = colours(results.methods)
    for place, key in enumerate(methods):
        found = results.find(h.metric, key, split, h.k)
        assert found is not None  # noqa: S101 - chosen by _methods_measured
        estimate = found.estimate
        if estimate.low is not None and estimate.high is not None:
            axes.plot(
                [estimate.low, estimate.high], [place] * 2, color=colour[key], lw=5, alpha=0.3
            )
        axes.plot(estimate.mean, place, "o", color=colour[key], ms=7)
        axes.annotate(
            say.number(estimate.mean),
            (estimate.mean, place),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=colour[key],
            fontweight="bold",
        )
    for target in results.targets:
        if (target.metric, target.split, target.k) == (h.metric, split, h.k) and (
            target.method in methods
        ):
            place = methods.index(target.method)
            axes.plot([target.bound] * 2, [place - 0.3, place + 0.3], color=INK, lw=1.6)
            mark = axes.annotate(
                "target",
                (target.bound, place),
                xytext=(4, 0),  # beside it: above and below are the values of the dots
                textcoords="offset points",
                ha="left",
                va="center",
                fontsize=7.5,
            )
            mark.set_in_layout(False)
    if (ceiling := results.ceiling(h.metric, split)) is not None:
        axes.axvline(ceiling.estimate.mean, color=MUTED, lw=1.2, ls=(0, (4, 3)))
        axes.annotate(
            "noise ceiling",
            (ceiling.estimate.mean, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=7.5,
            color=MUTED,
        )
    axes.set_yticks(range(len(methods)), [results.method(key).label for key in methods])
    axes.set_ylim(len(methods) - 0.35, -0.85)
    axes.set_title(results.split(split).label, loc="left", fontsize=9.5, fontweight="bold")
    axes.grid(axis="x", color=FAINT, lw=0.8)
    axes.set_axisbelow(True)
    quiet(axes)


def rank_grid(data: ReportData, method: str) -> Figure:
    """The paper's Figure 4 for one method: score rank against true rank, a row for each split."""
    rows = _panels_by_split(data)
    columns = max(len(panels) for panels in rows.values())
    with house_style():
        figure = Figure(figsize=(WIDTH, 0.4 + 2.3 * len(rows)), layout="constrained")
        figure.suptitle(
            data.results.method(method).label, x=0.01, ha="left", fontsize=12, fontweight="bold"
        )
        for part, (split, panels) in zip(
            figure.subfigures(len(rows), 1, squeeze=False)[:, 0], rows.items(), strict=True
        ):
            part.suptitle(
                f"{data.results.split(split).label} · {len(panels[0].truth)} models",
                fontsize=10,
                color=MUTED,
                x=0.01,
                ha="left",
            )
            grid = part.subplots(1, columns, squeeze=False)[0]
            for axes, panel in zip(grid, panels, strict=False):
                _rank_panel(axes, panel, method, colours(data.results.methods)[method])
            for axes in grid[len(panels) :]:
                axes.set_axis_off()
            grid[0].set_ylabel("score rank", fontsize=9, labelpad=-10)
    return figure


def _rank_panel(axes: Axes, panel: RankPanel, method: str, colour: str) -> None:
    n = len(panel.truth)
    axes.plot([1, n], [1, n], color=MUTED, lw=0.9, alpha=0.7, zorder=3)
    axes.plot(
        panel.true_ranks,
        panel.score_ranks(method),
        "o",
        ms=3.2 if n <= 250 else 2.3,
        color=colour,
        alpha=0.45,
        mew=0,
        rasterized=True,  # hundreds of dots: a small picture inside the vector graphic
        zorder=2,
    )
    axes.set_title(f"{panel.title}\nτ = {panel.tau(method):.2f}", fontsize=9)
    axes.set_box_aspect(1)
    axes.set(xlim=(1 - 0.03 * n, 1.03 * n), ylim=(1 - 0.03 * n, 1.03 * n))
    axes.set(xticks=[1, n], yticks=[1, n])
    axes.tick_params(labelsize=8.5, length=2)
    axes.set_xlabel("true rank", fontsize=9, labelpad=-7)


def tau_distributions(data: ReportData) -> Figure:
    """How tau spreads over tasks: one histogram for each method, a column for each split."""
    results = data.results
    splits = [s.key for s in results.splits if any(t.split == s.key for t in data.task_taus)]
    methods = [m.key for m in results.methods if any(t.method == m.key for t in data.task_taus)]
    taus = {(t.split, t.method): t.taus for t in data.task_taus}
    low = min(float(values.min()) for values in taus.values())
    edges = np.linspace(min(0.0, np.floor(low * 10) / 10), 1.0, BINS)
    with house_style():
        figure = Figure(figsize=(WIDTH, 0.7 + 0.95 * len(methods)), layout="constrained")
        grid = figure.subplots(len(methods), len(splits), sharex=True, squeeze=False)
        for i, method in enumerate(methods):
            for j, split in enumerate(splits):
                axes = grid[i, j]
                quiet(axes)
                axes.set_yticks([])
                if (split, method) in taus:
                    _histogram(axes, taus[split, method], edges, colours(results.methods)[method])
                if i == 0:
                    axes.set_title(
                        results.split(split).label, loc="left", fontsize=9.5, fontweight="bold"
                    )
                if j == 0:
                    axes.set_ylabel(
                        results.method(method).label, rotation=0, ha="right", va="center"
                    )
        for axes in grid[-1]:
            axes.set_xlabel("Kendall's tau of a task")
            axes.xaxis.set_major_locator(MultipleLocator(0.5))
    return figure


def _histogram(
    axes: Axes, taus: np.ndarray[tuple[int], np.dtype[np.float64]], edges: np.ndarray, colour: str
) -> None:
    axes.hist(taus, bins=edges.tolist(), color=colour, alpha=0.4)
    mean = float(taus.mean())
    axes.axvline(mean, color=colour, lw=1.8)
    left = mean > 0.5 * (edges[0] + edges[-1])
    axes.annotate(
        f"mean {say.number(mean)}",
        (mean, 0.96),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if left else 4, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        fontsize=8.5,
        color=colour,
        fontweight="bold",
    )


def _methods_measured(results: Results, metric: str, split: str, k: int | None) -> list[str]:
    return [m.key for m in results.methods if results.find(metric, m.key, split, k) is not None]


def _panels_by_split(data: ReportData) -> dict[str, list[RankPanel]]:
    grouped = {s.key: [p for p in data.panels if p.split == s.key] for s in data.results.splits}
    return {split: panels for split, panels in grouped.items() if panels}

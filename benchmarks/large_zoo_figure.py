"""A picture of what a ranking costs by the size of its zoo."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.record import Plain
from synlearn.evaluation.output import write_output
from synlearn.evaluation.plot_style import (
    BASELINE_COLOURS,
    FAINT,
    METHOD_COLOURS,
    MUTED,
    house_style,
    render,
)


def draw_costs(found: Mapping[str, Plain | list[dict[str, Plain]]], path: Path) -> None:
    """Draw wall clock and CPU time by number of models to `path`, .png, .svg or .pdf."""
    rows = found["rows"]
    assert isinstance(rows, list)
    sizes = [int(row["models"]) for row in rows]
    with house_style():
        figure = Figure(figsize=(5.6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for name, label, colour in (
            ("wall_s", f"wall clock, {found['threads']} threads", METHOD_COLOURS[0]),
            ("cpu_s", "CPU time of all threads", METHOD_COLOURS[1]),
        ):
            values = [float(row[name]) for row in rows]
            axes.plot(sizes, values, "o-", ms=4, lw=1.4, color=colour, label=label)
        axes.fill_between(
            sizes,
            [float(row["wall_least_s"]) for row in rows],
            [float(row["wall_most_s"]) for row in rows],
            color=METHOD_COLOURS[0],
            alpha=0.15,
            lw=0,
            label="wall clock, least to most",
        )
        target = float(str(found["target_s"]))
        axes.axhline(target, color=BASELINE_COLOURS[0], lw=1, ls=(0, (4, 3)))
        axes.annotate(
            f"target: {target:g} s",
            (sizes[0], target),
            xytext=(0, 3),
            textcoords="offset points",
            color=BASELINE_COLOURS[0],
            fontsize=8,
        )
        axes.set(xscale="log", yscale="log")
        # Text as it is: the house style parses no mathematics, which these scales' own labels are.
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("models in the zoo", color=MUTED)
        axes.set_ylabel("seconds", color=MUTED)
        axes.grid(color=FAINT, lw=0.8)
        axes.set_axisbelow(True)
        axes.set_title(
            "One ranking by the metric alone, backbone included", loc="left", fontsize=10
        )
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    write_output(path, render(figure, path.suffix))

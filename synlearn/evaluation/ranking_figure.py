"""A picture of one ranking: the first models with the intervals of their scores."""

from pathlib import Path

from matplotlib.figure import Figure

from synlearn.errors import InputError
from synlearn.evaluation.output import write_output
from synlearn.evaluation.plot_style import FAINT, METHOD_COLOURS, MUTED, house_style, quiet, render
from synlearn.ranking import Ranking

LONGEST_ID = 36


def draw_ranking(ranking: Ranking, path: Path, *, top: int = 30) -> None:
    """Draw the first `top` models to `path`, whose suffix (.svg, .png, .pdf) is the format.

    Raises:
        InputError: for another suffix, a missing folder, or a `top` below 1.
    """
    write_output(path, render(ranking_figure(ranking, top=top), path.suffix))


def ranking_figure(ranking: Ranking, *, top: int = 30) -> Figure:
    """The first `top` models, best on top; filled dots are tied with the best.

    Raises:
        InputError: if `top` is below 1.
    """
    if top < 1:
        raise InputError(f"top is {top}: show at least one model.")
    rows = ranking.rows[:top]
    with house_style():
        figure = Figure(figsize=(6.4, 1.3 + 0.24 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        blue = METHOD_COLOURS[0]
        for place, row in enumerate(rows):
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [place, place], color=blue, lw=1.4, alpha=0.45)
            fill = blue if row.tied_with_best else "white"
            axes.plot(row.score, place, "o", ms=5.5, mfc=fill, mec=blue, mew=1.3)
        run = sum(row.was_run for row in rows)
        if 0 < run < len(rows):
            axes.axhline(run - 0.5, color=MUTED, lw=0.8, ls=(0, (4, 3)))
            axes.annotate(
                "above: run on\nthe examples",
                (1, run - 0.5),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                color=MUTED,
            )
        axes.set_yticks(range(len(rows)), [f"{_short(row.model)}   {row.rank}" for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="x", color=FAINT, lw=0.8)
        axes.set_axisbelow(True)
        quiet(axes)
        axes.set_xlabel(_legend(ranking), color=MUTED, loc="left", multialignment="left")
        more = len(ranking) - len(rows)
        title = f"Best {len(rows)} of {len(ranking)} models" if more else f"{len(rows)} models"
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
        if ranking.warning:
            figure.suptitle(ranking.warning, fontsize=9, color="#9c3d00", wrap=True)
    return figure


def _legend(ranking: Ranking) -> str:
    what = "score, higher is better"
    if ranking.is_accuracy:
        what = f"expected accuracy of a head{_examples(ranking)}"
    if ranking.best.low is not None:
        what += f"\nlines: {100 * ranking.confidence:g} % intervals"
    return f"{what}; filled: tied with the best"


def _examples(ranking: Ranking) -> str:
    k = ranking.provenance.get("k")
    return "" if k is None else f" on {k} example{'' if k == 1 else 's'} a class"


def _short(model: str) -> str:
    return model if len(model) <= LONGEST_ID else f"{model[: LONGEST_ID - 1]}…"

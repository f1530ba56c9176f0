"""A picture of the classes that a model and a task were matched by: a table of shades."""

from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from synlearn.evaluation.output import write_output
from synlearn.evaluation.plot_style import FAINT, INK, METHOD_COLOURS, MUTED, house_style, render
from synlearn.explanation import NONE_OF_THEM, Explanation

LONGEST_NAME = 28
MOST_COLUMNS = 24
"""Classes of the model that are drawn: those with the most attention."""
_DARK = 0.55
"""Above this share, letters on a shade are white."""
_TOLD = 0.005
"""Smaller shares are left blank."""


def draw_explanation(explanation: Explanation, path: Path) -> None:
    """Draw it to `path`, whose suffix (.svg, .png, .pdf) is the format.

    Raises:
        InputError: For another suffix, or where the file cannot be written.
    """
    write_output(path, render(explanation_figure(explanation), path.suffix))


def explanation_figure(explanation: Explanation) -> Figure:
    """Rows: the task's classes. Columns: "none of them", then the model's, in its own order."""
    weights = explanation.weights
    shown = np.sort(np.argsort(-weights[:, 1:].max(axis=0), kind="stable")[:MOST_COLUMNS])
    columns = [NONE_OF_THEM, *(explanation.model_classes[own] for own in shown)]
    table = weights[:, [0, *(1 + shown)]]
    rows, count = table.shape
    with house_style():
        figure = Figure(figsize=(2.4 + 0.42 * count, 1.9 + 0.36 * rows), layout="constrained")
        axes = figure.add_subplot()
        shades = LinearSegmentedColormap.from_list("attention", ["#ffffff", METHOD_COLOURS[0]])
        axes.imshow(table, cmap=shades, vmin=0, vmax=1, aspect="auto")
        for row, column in np.argwhere(table >= _TOLD).tolist():
            share = table[row, column]
            colour = "white" if share > _DARK else INK
            text = f"{100 * share:.0f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
        axes.axvline(0.5, color=MUTED, lw=1.2)
        axes.set_xticks(
            range(count),
            [_short(name) for name in columns],
            rotation=60,
            ha="left",
            rotation_mode="anchor",
        )
        axes.xaxis.tick_top()
        axes.set_yticks(range(rows), [_short(name) for name in explanation.task_classes])
        axes.set_xticks(np.arange(count) - 0.5, minor=True)
        axes.set_yticks(np.arange(rows) - 0.5, minor=True)
        axes.grid(which="minor", color=FAINT, lw=0.6)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        axes.set_ylabel("classes of the task", color=MUTED)
        axes.set_xlabel(_legend(explanation, count - 1), color=MUTED)
        figure.suptitle(
            _short(explanation.model, 60), fontsize=11, fontweight="bold", x=0.02, ha="left"
        )
    return figure


def _legend(explanation: Explanation, shown: int) -> str:
    text = "classes of the model; numbers: share of a row's attention, in percent"
    if (left := len(explanation.model_classes) - shown) > 0:
        text += f"; {left} that get little are not drawn"
    return text


def _short(name: str, longest: int = LONGEST_NAME) -> str:
    """The end of a long name: what tells classes of one set apart."""
    return name if len(name) <= longest else f"…{name[1 - longest :]}"

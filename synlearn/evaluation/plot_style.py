"""One look for all figures, and their export."""

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synlearn.errors import InputError
from synlearn.evaluation.measurements import Method, Role

INK = "#1d2733"  # text
MUTED = "#66717d"  # axes, captions
FAINT = "#d9dee3"  # grid lines
# Okabe and Ito's palette, which people with colour blindness can tell apart.
METHOD_COLOURS = ("#0072b2", "#009e73", "#cc79a7")
BASELINE_COLOURS = ("#d55e00", "#e69f00", "#a6761d", "#7f6d5f")
ORACLE_COLOURS = ("#7a828a", "#a9b0b7")


def house_style() -> AbstractContextManager[None]:
    """The settings under which figures are built and rendered."""
    return rc_context(
        {
            "axes.edgecolor": MUTED,
            "axes.labelcolor": INK,
            "axes.linewidth": 0.8,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "font.size": 9.0,
            "svg.fonttype": "path",  # the same letters on every machine
            "svg.hashsalt": "synlearn",  # the same bytes for the same figure
            "text.color": INK,
            "text.parse_math": False,  # a dollar in a name is a dollar
            "xtick.color": MUTED,
            "ytick.color": MUTED,
            "xtick.labelcolor": INK,
            "ytick.labelcolor": INK,
        }
    )


def colours(methods: Sequence[Method]) -> dict[str, str]:
    """A colour for each method key: blues and greens for ours, oranges for what it must beat."""
    palettes = {
        Role.METHOD: METHOD_COLOURS,
        Role.BASELINE: BASELINE_COLOURS,
        Role.ORACLE: ORACLE_COLOURS,
    }
    used = dict.fromkeys(Role, 0)
    chosen = {}
    for method in methods:
        palette = palettes[method.role]
        chosen[method.key] = palette[used[method.role] % len(palette)]
        used[method.role] += 1
    return chosen


def quiet(axes: Axes) -> None:
    """Remove what a reader does not need: tick marks and the spine of a list."""
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)


def render(figure: Figure, suffix: str = ".svg") -> bytes:
    """The bytes of a figure as .svg, .png or .pdf, without a date.

    Raises:
        InputError: for any other suffix.
    """
    kind = suffix.lower().lstrip(".")
    if kind not in ("svg", "png", "pdf"):
        raise InputError(f"Figures cannot be written as {suffix!r}: choose .svg, .png or .pdf.")
    dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format=kind, dpi=200, metadata=dateless, bbox_inches="tight")
    return buffer.getvalue()

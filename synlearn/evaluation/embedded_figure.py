"""A figure inside a page."""

import base64
from dataclasses import dataclass

from matplotlib.figure import Figure

from synlearn.evaluation.plot_style import render


@dataclass(frozen=True, slots=True)
class FigureView:
    """A picture as a data URI, and the text for those who cannot see it."""

    source: str
    alt: str


def embedded(figure: Figure, alt: str) -> FigureView:
    """Put a figure into a data URI."""
    encoded = base64.b64encode(render(figure, ".svg")).decode("ascii")
    # An image rather than inline SVG, so that the ids of two figures cannot collide.
    return FigureView(f"data:image/svg+xml;base64,{encoded}", alt)

"""Figures show the numbers they are given; how they look is for eyes."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from synlearn.errors import InputError
from synlearn.evaluation import figures
from synlearn.evaluation.plot_style import colours, render
from synlearn.evaluation.report_data import ReportData


def words(figure: Figure) -> str:
    axes = figure.get_axes()
    texts = [text.get_text() for a in axes for text in (*a.texts, *a.get_yticklabels(), a.title)]
    return " ".join(texts) + " ".join(a.get_title(loc="left") for a in axes)


def test_rank_grid_draws_every_model_at_its_ranks(report_data: ReportData) -> None:
    figure = figures.rank_grid(report_data, "synlearn")
    assert len(figure.get_axes()) == 6
    for axes, panel in zip(figure.get_axes(), report_data.panels, strict=True):
        diagonal, dots = axes.lines
        assert np.max(diagonal.get_xdata()) == len(panel.truth)
        np.testing.assert_array_equal(dots.get_xdata(), panel.true_ranks)
        np.testing.assert_array_equal(dots.get_ydata(), panel.score_ranks("synlearn"))
        assert f"{panel.tau('synlearn'):.2f}" in axes.get_title()


def test_overview_names_methods_ceiling_and_target(report_data: ReportData) -> None:
    text = words(figures.overview(report_data))
    for label in ("SynLearn", "Direct MSE", "Mean over tasks", "noise ceiling", "target"):
        assert label in text


def test_histograms_count_every_task(report_data: ReportData) -> None:
    figure = figures.tau_distributions(report_data)
    drawn = sum(
        patch.get_height()
        for axes in figure.get_axes()
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    )
    assert drawn == sum(len(t.taus) for t in report_data.task_taus)


def test_methods_have_different_colours(report_data: ReportData) -> None:
    chosen = colours(report_data.results.methods)
    assert len(set(chosen.values())) == len(report_data.results.methods)


@pytest.mark.parametrize(
    ("suffix", "start"), [(".svg", b"<?xml"), (".PNG", b"\x89PNG"), (".pdf", b"%PDF")]
)
def test_formats(report_data: ReportData, suffix: str, start: bytes) -> None:
    figure = figures.overview(report_data)
    assert render(figure, suffix).startswith(start)
    assert render(figure, suffix) == render(figure, suffix)


def test_unknown_format(report_data: ReportData) -> None:
    with pytest.raises(InputError, match=r"\.svg, \.png or \.pdf"):
        render(figures.overview(report_data), ".bmp")

"""The HTML report: one self-contained file, readable on a phone and without JavaScript."""

from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from synlearn.evaluation import figures, plain_words, report_view
from synlearn.evaluation.embedded_figure import embedded
from synlearn.evaluation.output import write_output
from synlearn.evaluation.report_data import ReportData


def write_report(data: ReportData, path: Path) -> None:
    """Write the report to `path` as one HTML file, completely or not at all.

    Raises:
        InputError: if the folder does not exist or cannot be written to.
    """
    write_output(path, render_report(data).encode())


def render_report(data: ReportData) -> str:
    """The report as HTML. All text from `data` is escaped; nothing is loaded from elsewhere."""
    environment = Environment(
        loader=PackageLoader("synlearn.evaluation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        duration=plain_words.duration, byte_size=plain_words.byte_size, words=plain_words.name
    )
    h = data.headline
    return environment.get_template("report.html").render(
        data=data,
        results=data.results,
        method=data.results.method(h.method),
        baseline=data.results.method(h.baseline),
        cards=report_view.cards(data),
        other_targets=report_view.other_targets(data),
        overview=embedded(figures.overview(data), _overview_alt(data)),
        grids=[
            embedded(figures.rank_grid(data, key), _grid_alt(data, key))
            for key in (h.baseline, h.method)
            if data.panels
        ],
        distributions=embedded(figures.tau_distributions(data), _distribution_alt(data))
        if data.task_taus
        else None,
        seed_tables=report_view.seed_tables(data.results),
        comparisons=report_view.comparison_table(data.results),
    )


def _overview_alt(data: ReportData) -> str:
    results, h = data.results, data.headline
    parts = []
    for split in data.headline_splits():
        values = [
            f"{method.label} {plain_words.number(found.estimate.mean)}"
            for method in results.methods
            if (found := results.find(h.metric, method.key, split, h.k)) is not None
        ]
        if (ceiling := results.ceiling(h.metric, split)) is not None:
            values.append(f"noise ceiling {plain_words.number(ceiling.estimate.mean)}")
        parts.append(f"{results.split(split).label}: {', '.join(values)}")
    return f"Dot plot of {results.metric(h.metric).label}. {'. '.join(parts)}."


def _grid_alt(data: ReportData, method: str) -> str:
    taus = ", ".join(f"{p.title} {p.tau(method):.2f}" for p in data.panels)
    label = data.results.method(method).label
    return f"Scatter plots of score rank against true rank for {label}. Kendall's tau: {taus}."


def _distribution_alt(data: ReportData) -> str:
    parts = []
    for t in data.task_taus:
        low, middle, high = np.quantile(t.taus, [0.25, 0.5, 0.75])
        label, split = data.results.method(t.method).label, data.results.split(t.split).label
        parts.append(f"{label}, {split}: median {middle:.2f}, quartiles {low:.2f} and {high:.2f}")
    return f"Histograms of Kendall's tau over tasks. {'. '.join(parts)}."

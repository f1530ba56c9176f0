"""A ranking as one HTML page: nothing is loaded from elsewhere, and it needs no JavaScript."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from synlearn import ranking_words as say
from synlearn.evaluation.embedded_figure import FigureView, embedded
from synlearn.evaluation.explanation_figure import explanation_figure
from synlearn.evaluation.ranking_figure import ranking_figure

if TYPE_CHECKING:
    from synlearn.ranked_models import RankedModel
    from synlearn.ranking import Ranking


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a row's interval and score lie, in percent of the width of all."""

    left: float
    width: float
    at: float


@dataclass(frozen=True, slots=True)
class RowView:
    """A row in words."""

    rank: str
    model: str
    score: str
    interval: str
    chance: str
    group: str
    source: str
    facts: tuple[str, ...]
    bar: Bar


def render_page(ranking: "Ranking", *, top: int = 30) -> str:
    """The page. All text is escaped."""
    environment = Environment(
        loader=PackageLoader("synlearn.evaluation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("ranking.html").render(
        ranking=ranking,
        summary=ranking.summary(),
        level=f"{100 * ranking.confidence:g} %",
        picture=embedded(ranking_figure(ranking, top=top), _alt(ranking)),
        match=_match(ranking),
        header=_header(ranking),
        rows=[*_rows(ranking)],
    )


def _header(ranking: "Ranking") -> list[str]:
    best = ranking.best
    found = ["Rank", "Model", "Accuracy" if ranking.is_accuracy else "Score"]
    if best.low is not None:
        found += [f"{100 * ranking.confidence:g} % interval", ""]
    if best.best_probability is not None:
        found.append("Best with")
    if best.tier is not None:
        found.append("Group")
    if ranking.facts:
        found += ["Parameters", "Licence", "One image"]
    return [*found, "Known by"]


def _rows(ranking: "Ranking") -> "list[RowView]":
    ends = [row.low for row in ranking if row.low is not None]
    ends += [row.high for row in ranking if row.high is not None]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    if ranking.is_accuracy:
        low, high = 0.0, 1.0
    return [_row(ranking, row, low, max(high - low, np.finfo(float).tiny)) for row in ranking]


def _row(ranking: "Ranking", row: "RankedModel", low: float, width: float) -> RowView:
    bar, interval = Bar(0, 0, 0), ""
    if row.low is not None and row.high is not None:
        interval = f"{row.low:.3f} to {row.high:.3f}"
        ends = (row.low, row.high - row.low + low, row.score)
        bar = Bar(*(round(100 * (end - low) / width, 2) for end in ends))
    facts: tuple[str, ...] = ()
    if ranking.facts:
        own = ranking.facts.get(row.model)
        facts = ("", "", "")
        if own is not None:
            took = "" if own.latency_ms is None else f"{own.latency_ms:.2f} ms"
            facts = (f"{own.parameters:,}", own.license, took)
    return RowView(
        rank=str(row.rank),
        model=row.model,
        score=f"{row.score:.3f}",
        interval=interval,
        chance="" if row.best_probability is None else say.share(row.best_probability),
        group="" if row.tier is None else str(row.tier),
        source="examples run" if row.was_run else "specification",
        facts=facts,
        bar=bar,
    )


def _match(ranking: "Ranking") -> FigureView | None:
    if ranking.explainer is None:
        return None
    explanation = ranking.explain(ranking.best.model)
    alt = f"Attention of the task's classes. {explanation.summary()}"
    return embedded(explanation_figure(explanation), alt.replace("\n", "; "))


def _alt(ranking: "Ranking") -> str:
    return f"Dot plot of the first models' scores with their intervals. {ranking.summary()}"

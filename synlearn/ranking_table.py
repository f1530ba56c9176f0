"""A ranking as a table in a terminal."""

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from synlearn.ranking_words import share

if TYPE_CHECKING:
    from synlearn.ranked_models import RankedModel
    from synlearn.ranking import Ranking


def ranking_table(ranking: "Ranking", *, top: int | None = None, facts: bool = False) -> Table:
    """Build it with the first `top` models, or all of them; with their facts, where asked for."""
    shown = ranking.rows if top is None else ranking.rows[:top]
    # Text, since an id may hold square brackets, which are markup to Rich.
    table = Table(
        caption=Text("\n".join((ranking.summary(), *ranking.notes))), caption_justify="left"
    )
    table.add_column("", justify="right")
    table.add_column("model", overflow="fold")
    table.add_column("accuracy" if ranking.is_accuracy else "score", justify="right", no_wrap=True)
    table.add_column(f"{100 * ranking.confidence:g} % interval", justify="right", no_wrap=True)
    if ranking.best.best_probability is not None:
        table.add_column("best", justify="right", no_wrap=True)
    if ranking.best.tier is not None:
        table.add_column("group", justify="right")
    if facts:
        table.add_column("parameters", justify="right")
        table.add_column("licence")
        table.add_column("one image", justify="right", no_wrap=True)
    for row in shown:
        cells: list[str | Text] = [
            str(row.rank),
            Text(row.model),
            f"{row.score:.2f}",
            _interval(row),
        ]
        if row.best_probability is not None:
            cells.append(share(row.best_probability))
        if row.tier is not None:
            cells.append(str(row.tier))
        table.add_row(*cells, *(_facts(ranking, row.model) if facts else ()))
    if len(shown) < len(ranking.rows):
        table.add_row("", f"and {len(ranking.rows) - len(shown)} more", style="dim")
    return table


def _interval(row: "RankedModel") -> str:
    if row.low is None or row.high is None:
        return ""
    return f"{row.low:.2f} to {row.high:.2f}"


def _facts(ranking: "Ranking", model: str) -> list[str | Text]:
    facts = ranking.facts.get(model)
    if facts is None:
        return ["", "", ""]
    took = "" if facts.latency_ms is None else f"{facts.latency_ms:.2f} ms"
    return [f"{facts.parameters:,}", Text(facts.license), took]

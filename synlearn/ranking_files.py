"""A ranking as JSON and as CSV, each with what it was computed from."""

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from synlearn.ranked_models import RankedModels

if TYPE_CHECKING:
    from synlearn.ranked_models import RankedModel
    from synlearn.ranking import Ranking

FORMAT: Final = "synlearn.ranking/2"

_COLUMNS: Final = (
    "rank",
    "model",
    "score",
    "low",
    "high",
    "best_probability",
    "tied_with_best",
    "tier",
    "was_run",
)
_FACTS: Final = ("parameters", "license", "latency_ms")


def as_data(ranking: "Ranking") -> dict[str, object]:
    """All of a ranking as plain values, `format` first."""
    return {
        "format": FORMAT,
        "summary": ranking.summary(),
        "outside": ranking.is_outside,
        "warning": ranking.warning,
        "notes": list(ranking.notes),
        "unit": ranking.unit,
        "confidence": ranking.confidence,
        "provenance": dict(ranking.provenance),
        "models": _records(ranking),
    }


def as_json(ranking: "Ranking") -> str:
    """The same as text."""
    return json.dumps(as_data(ranking), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _records(ranking: "Ranking") -> list[dict[str, object]]:
    """A record for each row; by columns, since a service sends a thousand rows at a time."""
    rows = ranking.rows
    if not isinstance(rows, RankedModels) or ranking.facts:
        return [_record(ranking, row) for row in rows]
    nothing = [None] * len(rows)
    columns = (
        rows.ranks.tolist(),
        rows.models,
        rows.scores.tolist(),
        nothing if rows.lows is None else rows.lows.tolist(),
        nothing if rows.highs is None else rows.highs.tolist(),
        nothing if rows.odds is None else rows.odds.tolist(),
        rows.tied.tolist(),
        nothing if rows.tiers is None else rows.tiers.tolist(),
        [place < rows.run for place in range(len(rows))],
    )
    return [
        {
            "rank": rank,
            "model": model,
            "score": score,
            "low": low,
            "high": high,
            "best_probability": odds,
            "tied_with_best": tied,
            "tier": tier,
            "was_run": run,
        }
        for rank, model, score, low, high, odds, tied, tier, run in zip(*columns, strict=True)
    ]


def _record(ranking: "Ranking", row: "RankedModel") -> dict[str, object]:
    found = {name: getattr(row, name) for name in _COLUMNS}
    facts = ranking.facts.get(row.model)
    return found if facts is None else {**found, "facts": asdict(facts)}


def as_csv(ranking: "Ranking") -> str:
    """A header, and a line for each model; the last columns say what its score comes from.

    So every line can be understood alone, and files of several tasks can be joined.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    facts = _FACTS if ranking.facts else ()
    source = {"unit": ranking.unit, "confidence": ranking.confidence, **ranking.provenance}
    writer.writerow([*_COLUMNS, *facts, *source])
    for row in ranking.rows:
        known = ranking.facts.get(row.model)
        cells = [getattr(row, name) for name in _COLUMNS]
        cells += [getattr(known, name, None) for name in facts]
        writer.writerow([*map(_cell, cells), *source.values()])
    return buffer.getvalue()


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value

"""A ranking in plain sentences: who is first, what cannot be told apart, what to know besides."""

from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING, Final

from synlearn.ranked_models import RankedModels

if TYPE_CHECKING:
    from synlearn.ranking import Ranking

NAMED: Final = 5
"""So many models that cannot be separated are named; of more, the first ones."""

_NUMBERS: Final = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def summary(ranking: "Ranking") -> str:
    """The best model, what it cannot be separated from, and any warning."""
    best = ranking.best
    text = f"{best.model} ranks first of {len(ranking)} models" if len(ranking) > 1 else best.model
    if ranking.is_accuracy:
        text += f": expected accuracy {best.score:.2f}"
        if best.low is not None and best.high is not None:
            text += f", {share(ranking.confidence)} interval {best.low:.2f} to {best.high:.2f}"
    if best.best_probability is not None and len(ranking) > 1:
        text += f"; it is the best one with probability {share(best.best_probability)}"
    parts = [f"{text}."]
    if ties := ties_in_words(_tied(ranking)):
        parts.append(ties)
    if ranking.warning:
        parts.append(ranking.warning)
    return " ".join(parts)


def _tied(ranking: "Ranking") -> list[str]:
    rows = ranking.rows
    if isinstance(rows, RankedModels):  # no row is made for a name
        return list(compress(rows.models, rows.tied.tolist()))
    return [row.model for row in rows if row.tied_with_best]


def ties_in_words(models: Sequence[str]) -> str:
    """Say which models cannot be separated from the first; empty where it stands alone.

    >>> ties_in_words(["a"])
    ''
    >>> ties_in_words(["a", "b", "c"])
    'The evidence cannot separate these three: a, b and c.'
    """
    if len(models) < 2:
        return ""
    if len(models) <= NAMED:
        names = f"{', '.join(models[:-1])} and {models[-1]}"
    else:
        names = f"{', '.join(models[:NAMED])} and {len(models) - NAMED} more"
    return f"The evidence cannot separate these {number(len(models))}: {names}."


def number(count: int) -> str:
    """A number as a word where that is usual.

    >>> number(3), number(34)
    ('three', '34')
    """
    return _NUMBERS[count - 2] if 2 <= count <= len(_NUMBERS) + 1 else str(count)


def share(value: float) -> str:
    """A probability in percent, never rounded to certainty.

    >>> share(0.9), share(0.0004), share(0.9997)
    ('90 %', '< 1 %', '> 99 %')
    """
    percent = 100 * value
    if percent == 0 or 0.5 <= percent <= 99.5 or percent == 100:
        return f"{percent:.0f} %"
    return "< 1 %" if percent < 0.5 else "> 99 %"

"""Which rows questions may see, so that no change of the data gives a few rows away.

Whoever sees two snapshots sees the difference of their sums. Were a single row added in between,
the difference would be that row. So rows become visible, and vanish, in *cohorts*:

1. Rows of a class that were never visible wait until there are `min_rows` of them. Then they become
   visible together, as one cohort. A new class is a class whose first cohort is waiting.
2. A cohort is visible or it is not; never a part of it.
3. A cohort may split in two for ever, when both parts have at least `min_rows` rows. This is how
   rows leave: those that are gone from the disk become a cohort of their own, and stop being
   visible. Where fewer than `min_rows` are gone, there are two rules to choose from. *Leave*: the
   youngest rows of the cohort that are still there go with them as companions, as many as are
   missing; where too few rows would stay, the whole cohort goes. So what was deleted never
   answers after the next snapshot, at the price of fewer than `min_rows` rows that are still
   there (or, of a small cohort, fewer than 2 `min_rows`). *Wait*: a visible cohort stays as it
   is, with the rows that are gone, until enough of it are.
4. A cohort whose rows are all there again is visible again, behind the others of its class.
5. A replaced row is one removal and one addition. A row is its content: a file that was renamed
   has not changed. A class that vanishes has lost all its cohorts, which rule 3 lets go whole.

What follows: of any number of snapshots, each is a union of whole cohorts of the last one. Every
sum, difference or other linear combination of what they reveal about a class therefore weighs at
least `min_rows` rows alike, or none. That holds for any two snapshots, not only for neighbours, and
for any combination of all of them. Against someone who knows all other rows of a cohort, only
noise helps. Answers over a half of a class (`provider.rows.RowSplit`) or over drawn rows differ by
fewer rows. And it is each class that is protected by itself: a row that moves to another class is
gone here and new there. Exact copies count as rows; the store says how many there are.

The guarantee reaches as far back as the record of cohorts: an owner who deletes it begins anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class RowKey(NamedTuple):
    """A row of a class: SHA-256 of its content, and which of equal ones it is, from 0."""

    content: bytes
    copy: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """Rows of one class that are visible together or not at all.

    Attributes:
        rows: In the order in which they came to be.
        visible: Whether questions see them.
    """

    rows: tuple[RowKey, ...]
    visible: bool


def numbered(contents: Sequence[bytes]) -> list[RowKey]:
    """Tell equal contents of one class apart by counting them."""
    seen: dict[bytes, int] = {}
    keys = []
    for content in contents:
        copy = seen.get(content, 0)
        seen[content] = copy + 1
        keys.append(RowKey(content, copy))
    return keys


def next_cohorts(
    before: Sequence[Cohort], present: Sequence[RowKey], min_rows: int, *, wait: bool
) -> tuple[Cohort, ...]:
    """Apply the rule to one class.

    Args:
        before: All cohorts there ever were, in order.
        present: The rows that are there now, in order.
        min_rows: Fewest rows that change together, at least 1.
        wait: Removed rows wait until they are enough.

    Returns:
        All cohorts now. Visible rows keep their order; others come behind them.
    """
    there = set(present)
    kept: list[Cohort] = []
    back: list[Cohort] = []
    for cohort in before:
        for part in _parts(cohort, there, min_rows, wait=wait):
            (back if part.visible and not cohort.visible else kept).append(part)
    known = {row for cohort in before for row in cohort.rows}
    new = tuple(row for row in present if row not in known)
    fresh = [Cohort(new, visible=True)] if new and len(new) >= min_rows else []
    return (*kept, *back, *fresh)


def visible_rows(cohorts: Sequence[Cohort]) -> list[RowKey]:
    """Return the rows that questions see, in order."""
    return [row for cohort in cohorts if cohort.visible for row in cohort.rows]


def _parts(cohort: Cohort, there: set[RowKey], min_rows: int, *, wait: bool) -> list[Cohort]:
    """What becomes of one cohort: itself, or its two parts."""
    gone = {row for row in cohort.rows if row not in there}
    if not gone:
        return [Cohort(cohort.rows, visible=True)]
    staying = [row for row in cohort.rows if row in there]
    companions = max(0, min_rows - len(gone))
    if wait and cohort.visible and staying and (companions or len(staying) < min_rows):
        return [cohort]
    stay = set(staying[: len(staying) - companions]) if companions < len(staying) else set()
    if not stay or len(stay) < min_rows:
        return [Cohort(cohort.rows, visible=False)]
    leave = tuple(row for row in cohort.rows if row not in stay)
    return [
        Cohort(leave, visible=False),
        Cohort(tuple(row for row in cohort.rows if row in stay), visible=True),
    ]

"""The queue of what waits for the owner, for the owner's eyes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from provider.policies.asked import Waiting

_CLASSES_SHOWN = 5


def queue_table(waiting: Sequence[Waiting]) -> Table:
    """One line for each question: what it is for, what it asks, of how many rows, at what cost.

    What came from a coordinator is shown as it is, never as markup.

    Args:
        waiting: As `Approvals.pending` tells.
    """
    table = Table("id", "job and purpose", "question", "asks", "rows", "cost", "until (UTC)")
    for line in waiting:
        asked = line.asked
        cost = f"{asked.cost.bytes:,} bytes"
        if asked.cost.rho:
            cost += f", rho {asked.cost.rho:.3g}"
        until = datetime.fromtimestamp(line.expires, UTC).strftime("%Y-%m-%d %H:%M")
        table.add_row(
            str(line.id),
            escape(f"{asked.job}: {asked.purpose}"),
            escape(f"{asked.function} {asked.query}"),
            escape(asked.shape),
            escape(_rows(asked.rows)),
            cost,
            until,
        )
    return table


def _rows(rows: Mapping[str, int]) -> str:
    """Rows of the first few classes, and of all together."""
    shown = [f"{count:,} {name}" for name, count in list(rows.items())[:_CLASSES_SHOWN]]
    if len(rows) > _CLASSES_SHOWN:
        shown.append(f"... {sum(rows.values()):,} in all")
    return ", ".join(shown)

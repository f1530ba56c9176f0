"""Prints what `ranking_speed.py` measured."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.record import Plain

TARGET: Final = 2.0
"""What a ranking by the metric alone may take, in passes of the backbone, the pass included."""

Row = Mapping[str, Plain]


def show(found: Mapping[str, Sequence[Row]]) -> None:
    """Print the tables."""
    console = Console(width=110)
    table = Table("models", "run all, and LEEP", "read from disk, once", title="Direct score")
    for row in found["leep"]:
        table.add_row(str(row["models"]), _ms(row["run_and_leep_ms"]), _ms(row["read_once_ms"]))
    console.print(table)
    head = ("backbone", "members", "models", "one pass", "rank", "rank / pass", "LEEP / rank")
    table = Table(*head, f"≤ {TARGET:g}", "every row read", "zoo, once", title="Metric alone")
    for row in found["metric_alone"]:
        verdict = "pass" if float(row["rank_over_backbone"]) <= TARGET else "miss"
        read, once = row["rank_and_read_all_rows_ms"], row["project_once_ms"]
        table.add_row(*_cells(row), verdict, _ms(read), _ms(once))
    console.print(table)
    head_sure = ("backbone", "members", "models", "bare distances", "with intervals", "ratio")
    table = Table(*head_sure, "every row read", title="Metric alone: intervals, odds and ties")
    for row in found["metric_alone"]:
        table.add_row(
            *(str(row[name]) for name in ("backbone", "members", "models")),
            _ms(row["bare_distances_ms"]),
            _ms(row["with_intervals_ms"]),
            f"{float(row['with_intervals_over_bare']):.2f}",
            _ms(row["with_intervals_and_all_rows_ms"]),
        )
    console.print(table)
    table = Table("mode", *head, title="With evidence, which runs models from disk")
    for row in found["evidence"]:
        table.add_row(str(row["mode"]), *_cells(row))
    console.print(table)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        str(row["backbone"]),
        str(row["members"]),
        str(row["models"]),
        _ms(row["backbone_ms"]),
        _ms(row["rank_ms"]),
        f"{float(row['rank_over_backbone']):.2f}",
        f"{float(row['leep_over_rank']):.3g}" if "leep_over_rank" in row else "",
    )


def _ms(value: Plain) -> str:
    return f"{float(value):.2f} ms" if float(value) < 100 else f"{float(value):.0f} ms"

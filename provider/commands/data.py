"""`data`: what questions see of the owner's rows."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from provider.commands.shared import HomeOption, console, default_home
from provider.data.report import SnapshotReport
from provider.data.store import SnapshotStore
from provider.policies.policy_file import read_policy
from provider.site.config import read_config
from provider.site.home import Home
from provider.site.snapshots import look_at_data
from synlearn.terminal import explained

_CORRUPT_SHOWN = 20


def data(
    home: HomeOption = default_home(),
    look: Annotated[
        bool, typer.Option(help="Look at the data now, for jobs that begin later.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what the last look at the data found: rows that are seen, wait, or cannot be read."""
    with explained():
        place = Home(home)
        place.check()
        config = read_config(place.config)
        store = SnapshotStore(place.snapshots)
        if look:
            look_at_data(store, config, read_policy(place.policy).general.min_rows)
        report = store.report()
    if as_json:
        typer.echo(report.to_json().decode(), nl=False)
    else:
        _print(report)


def _print(report: SnapshotReport) -> None:
    table = Table("class", "rows that questions see", "rows that wait")
    for name in sorted({*report.classes, *report.waiting}):
        table.add_row(
            escape(name), str(report.classes.get(name, 0)), str(report.waiting.get(name, 0))
        )
    console.print(table)
    for count, what in (
        (report.gone, "rows are gone from the data and still seen, until enough are"),
        (report.left_out, "rows are of classes that the label map leaves out"),
        (report.copies, "rows are exact copies of another one of their class"),
        (len(report.corrupt), "rows cannot be used:"),
    ):
        if count:
            console.print(f"{count} {what}")
    for row in report.corrupt[:_CORRUPT_SHOWN]:
        console.print(f"  {row}", markup=False)
    console.print(f"Snapshot {report.digest}")

"""`doctor`: what is wrong, and what to do next."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from provider.commands.shared import HomeOption, console, default_home
from provider.doctor.examination import examine
from provider.doctor.finding import Severity, worst
from provider.site.home import Home
from synlearn.terminal import explained

_SHOWN = {
    Severity.FINE: "[green]fine[/]",
    Severity.WARNING: "[yellow]warning[/]",
    Severity.ERROR: "[red]error[/]",
}


def doctor(
    home: HomeOption = default_home(),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Look at everything that the node needs. Exit code 0: fine, 1: a warning, 2: an error."""
    with explained():
        place = Home(home)
        place.check()
        findings = list(examine(place))
    if as_json:
        lines = [asdict(each) | {"severity": each.severity.name.lower()} for each in findings]
        console.print_json(json.dumps(lines))
    else:
        table = Table("about", "", "what was found", "what to do")
        for each in findings:
            table.add_row(each.about, _SHOWN[each.severity], escape(each.what), escape(each.next))
        console.print(table)
    raise typer.Exit(int(worst(findings)))

"""`policy show`, `policy check`, `policy functions`: the owner's rules in words."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from protocols.queries import QUERIES, SUM_QUERIES
from provider.commands.shared import HomeOption, console, default_home
from provider.policies.policy_file import read_policy
from provider.policies.summary import policy_check, policy_summary
from provider.site.home import Home
from synlearn.terminal import explained

policy = typer.Typer(no_args_is_help=True, help="Your rules: what the node answers.")


@policy.command()
def show(home: HomeOption = default_home()) -> None:
    """Say in plain words what your policy allows."""
    with explained():
        place = Home(home)
        place.check()
        console.print(policy_summary(read_policy(place.policy)))


@policy.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="A policy; your own where none.")] = None,
    home: HomeOption = default_home(),
) -> None:
    """Say whether a policy file could be in force; a running node takes a good one by itself."""
    with explained():
        console.print(escape(policy_check(file or Home(home).policy)))


@policy.command()
def functions() -> None:
    """Print the closed list of questions, and what an answer is."""
    table = Table("question", "what leaves the node")
    for name, kind in sorted((QUERIES | SUM_QUERIES).items()):
        table.add_row(name, escape(" ".join((kind.__doc__ or "").split())))
    console.print(table)

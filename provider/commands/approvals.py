"""`approvals`, `approve`, `deny`: questions that wait for the owner."""

import json
from typing import Annotated

import typer

from protocols.ids import JobId
from provider.commands.shared import HomeOption, console, default_home
from provider.policies.asked import Waiting
from provider.policies.queue_table import queue_table
from provider.site.home import Home
from provider.site.memory import open_memory
from synlearn.terminal import explained

NumberArgument = Annotated[int, typer.Argument(help="Of the question; `approvals` lists them.")]


def approvals(
    home: HomeOption = default_home(),
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON each.")] = False,
) -> None:
    """List the questions that wait for you."""
    with explained(), open_memory(Home(home)) as memory:
        waiting = memory.approvals.pending()
        if as_json:
            for each in waiting:
                typer.echo(_line(each))
        else:
            console.print(queue_table(waiting) if waiting else "No question waits for you.")


def _line(waiting: Waiting) -> str:
    asked = waiting.asked
    return json.dumps(
        {
            "id": waiting.id,
            "job": asked.job,
            "question": str(asked.query),
            "function": asked.function,
            "purpose": asked.purpose,
            "shape": asked.shape,
            "rows": dict(asked.rows),
            "bytes": asked.cost.bytes,
            "rho": asked.cost.rho,
            "since": waiting.since,
            "expires": waiting.expires,
        }
    )


def approve(
    number: NumberArgument,
    home: HomeOption = default_home(),
    all_of_function: Annotated[
        bool, typer.Option(help="Also all further questions of this function in this job.")
    ] = False,
) -> None:
    """Let a question be answered: this very one, and no other under its name."""
    with explained(), open_memory(Home(home)) as memory:
        asked = memory.approvals.approve(number).asked
        record = {"job": asked.job, "function": asked.function, "body": asked.body}
        memory.journal.append("approved", record | {"question": str(asked.query)})
        more = ""
        if all_of_function:
            memory.approvals.approve_function(JobId(asked.job), asked.function)
            memory.journal.append("approved all", record)
            more = f", and all of {asked.function} in {asked.job}"
    console.print(f"Approved: question {number}{more}.", markup=False)


def deny(number: NumberArgument, home: HomeOption = default_home()) -> None:
    """Refuse a question."""
    with explained(), open_memory(Home(home)) as memory:
        asked = memory.approvals.deny(number).asked
        memory.journal.append(
            "denied", {"job": asked.job, "function": asked.function, "question": str(asked.query)}
        )
    console.print(f"Denied: question {number}.")

"""`start`, `pause`, `resume`, `status`: the node as it runs."""

import asyncio
import json
import logging
import os
import signal
from dataclasses import asdict
from enum import Enum
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from protocols.ids import JobId
from provider.commands.shared import HomeOption, console, default_home
from provider.costs import Spent
from provider.site.engagements import Standing
from provider.site.home import Home
from provider.site.memory import Memory, open_memory
from provider.site.status import NodeStatus, read_status
from provider.sqlite_ledger import SqliteLedger
from synlearn.logs import LogFormat, start_logs
from synlearn.process_lock import is_held
from synlearn.terminal import explained


class LogLevel(Enum):
    """How much is said."""

    INFO = "info"
    DEBUG = "debug"


def start(
    home: HomeOption = default_home(),
    log_format: Annotated[
        LogFormat, typer.Option(help="Of the lines on standard error.")
    ] = LogFormat.TEXT,
    log_level: Annotated[
        LogLevel, typer.Option(help="debug: rounds of sums and repeated answers, too.")
    ] = LogLevel.INFO,
) -> None:
    """Answer the jobs that you joined, until told to stop (SIGTERM, Ctrl-C)."""
    # Here, not at the top: no other command computes, and PyTorch takes seconds to import.
    from provider.site.daemon import serve  # noqa: PLC0415

    os.umask(0o077)
    start_logs(log_format, logging.getLevelNamesMapping()[log_level.name])
    with explained(), open_memory(Home(home)) as memory:
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        serve(memory, stop)


def pause(
    home: HomeOption = default_home(),
    reason: Annotated[str, typer.Option(help="For the record.")] = "",
) -> None:
    """Answer nothing from now on, also after a restart."""
    with explained(), open_memory(Home(home)) as memory:
        memory.switch.pause(reason)
    console.print("Paused: every question is refused until: synlearn-provider resume")


def resume(home: HomeOption = default_home()) -> None:
    """Answer again."""
    with explained(), open_memory(Home(home)) as memory:
        memory.switch.resume()
    console.print("The node answers again.")


def status(
    home: HomeOption = default_home(),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what the node does, which jobs there are, and what was spent."""
    with explained(), open_memory(Home(home)) as memory:
        running = read_status(memory.home.status)
        if as_json:
            console.print_json(json.dumps(_as_table(memory, running)))
            return
        _print(memory, running)


def _as_table(memory: Memory, running: NodeStatus | None) -> dict[str, object]:
    return {
        "provider": memory.provider,
        "state": _state(memory, running),
        "paused": memory.switch.reason is not None,
        "policy_problem": running.policy_problem if running else None,
        "waiting_for_approval": len(memory.approvals.pending()),
        "jobs": [
            {
                "job": each.job,
                "standing": each.standing.value,
                "remark": each.remark,
                **asdict(_spent(memory, each.job)),
                "session": running.sessions[each.job].state
                if running and each.job in running.sessions
                else None,
            }
            for each in memory.engagements.every()
        ],
    }


def _spent(memory: Memory, job: JobId) -> Spent:
    return SqliteLedger(memory.journal, job).totals().job


def _state(memory: Memory, running: NodeStatus | None) -> str:
    if running:
        return "started"
    return "starting" if is_held(memory.home.lock) else "not started"


def _print(memory: Memory, running: NodeStatus | None) -> None:
    reason = memory.switch.reason
    console.print(f"{memory.provider}: {_state(memory, running)}", markup=False)
    if reason is not None:
        console.print(f"Paused{': ' + reason if reason else ''}.", markup=False)
    if running and running.policy_problem:
        console.print(f"[red]The policy stays as it was:[/] {escape(running.policy_problem)}")
    waiting = len(memory.approvals.pending())
    if waiting:
        console.print(f"{waiting} questions wait for you: synlearn-provider approvals")
    jobs = memory.engagements.every()
    if not jobs:
        console.print("No job yet.")
        return
    table = Table("job", "standing", "questions", "bytes", "rho", "session", "remark")
    for each in jobs:
        said = running.sessions.get(each.job) if running else None
        session = f"{said.state} {said.why}".strip() if said else ""
        if each.standing is not Standing.JOINED:
            session = ""
        spent = _spent(memory, each.job)
        cells = (f"{spent.questions:,}", f"{spent.bytes:,}", f"{spent.rho:.3g}")
        table.add_row(
            escape(each.job), each.standing.value, *cells, escape(session), escape(each.remark)
        )
    console.print(table)

"""`up`, `status`, `logs`, `stop`, and `run` at sites: an operator's commands."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from coordinator.authority.folder import FederationFolder
from coordinator.grouped_job import GroupedJob
from coordinator.jobs.record import State, check_name, job_table
from coordinator.unix_calls import call
from synlearn.errors import InputError
from synlearn.logs import LogFormat, start_logs
from synlearn.terminal import explained

console = Console(highlight=False, soft_wrap=True)
FederationOption = Annotated[
    Path, typer.Option("--federation", help="Folder of `federation init`.")
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the run.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]
EXIT: dict[str, int] = {State.FINISHED: 0, State.FAILED: 2, State.STOPPED: 3}
"""Exit codes of a job that has ended; a stopped one can be resumed."""
_LOOK_AGAIN = 1.0


def up(
    federation: FederationOption,
    runs: Annotated[Path, typer.Option(help="Folder of the jobs' runs.")],
    log_format: Annotated[
        LogFormat, typer.Option(help="Of the lines on standard error.")
    ] = LogFormat.TEXT,
) -> None:
    """Serve sites: one process with the session port, the keys and all jobs, until it is ended."""
    # Here, not at the top: it imports PyTorch.
    from coordinator.up import serve  # noqa: PLC0415

    start_logs(log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with explained():
        serve(FederationFolder(federation), runs, stop)


def submit(
    job: GroupedJob, federation: FederationFolder, name: str | None, purpose: str, *, resume: bool
) -> str:
    """Hand a job to the coordinator that serves a federation; returns the run's name.

    Raises:
        InputError: None runs, or it does not take the job.
    """
    asked = {
        "call": "run",
        "name": check_name(name or job.name),
        "table": job_table(job),
        "purpose": purpose,
        "resume": resume,
    }
    return str(call(federation.control, asked)["name"])


def follow(federation: FederationFolder, name: str) -> dict[str, Any]:
    """Wait until a job has ended, and say what happens meanwhile; returns its status.

    Raises:
        InputError: The coordinator has ended.
    """
    said: set[str] = set()
    while True:
        told = status_of(federation, name)
        for line in _news(told):
            if line not in said:
                console.print(f"[dim]{_clock()}[/] {escape(line)}")
                said.add(line)
        if told["state"] != State.RUNNING:
            return told
        time.sleep(_LOOK_AGAIN)


def status_of(federation: FederationFolder, name: str) -> dict[str, Any]:
    """How a job stands.

    Raises:
        InputError: There is none of this name, or no coordinator.
    """
    jobs = call(federation.control, {"call": "status"})["jobs"]
    found = next((each for each in jobs if each["name"] == name), None)
    if found is None:
        raise InputError(f"there is no run {name}; see: synlearn-coordinator status")
    return dict(found)


def status(
    federation: FederationOption,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this run.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say who is there, who is late, what each is doing, and what went wrong on which side."""
    with explained():
        folder = FederationFolder(federation)
        jobs = (
            call(folder.control, {"call": "status"})["jobs"]
            if name is None
            else [status_of(folder, name)]
        )
    if as_json:
        console.print(json.dumps(jobs), soft_wrap=True, markup=False)
        return
    if not jobs:
        console.print("No job yet; start one: synlearn-coordinator run JOB.toml --federation ...")
    for told in jobs:
        for line in _lines(told):
            console.print(escape(line))


def logs(
    federation: FederationOption,
    name: NameArgument,
    follow_it: Annotated[
        bool, typer.Option("--follow", help="Go on until the job has ended.")
    ] = False,
) -> None:
    """Print a run's log, a line of JSON for each event."""
    with explained():
        folder, after = FederationFolder(federation), 0
        while True:
            over = not follow_it or status_of(folder, name)["state"] != State.RUNNING
            piece = call(folder.control, {"call": "logs", "name": name, "after": after})
            typer.echo(piece["text"], nl=False)
            if over and piece["next"] == after:
                return
            if piece["next"] == after:
                time.sleep(_LOOK_AGAIN)
            after = piece["next"]


def stop(federation: FederationOption, name: NameArgument) -> None:
    """Stop a job at its next question; `run --resume` goes on with it."""
    with explained():
        call(FederationFolder(federation).control, {"call": "stop", "name": name})
    console.print(f"{escape(name)} is asked to stop; see: synlearn-coordinator status")


def _news(told: dict[str, Any]) -> Iterator[str]:
    """Sentences on a running job; one that was said before says nothing new."""
    phase = told.get("phase") or {}
    if phase:
        yield _phase(phase)
    sites = told.get("sites") or {}
    late = [name for name, site in sites.items() if not site["connected"]]
    if sites:
        yield f"{len(sites) - len(late)} of {len(sites)} sites are here"
    for name in late:
        yield f"{name}: {sites[name]['invitation']}"
    for trouble in told.get("troubles", []):
        yield trouble["what"]


def _lines(told: dict[str, Any]) -> Iterator[str]:
    """All of a status, for people."""
    began = datetime.fromtimestamp(told["began"], UTC).isoformat(timespec="seconds")
    yield f"{told['name']} ({told['job']}): {told['state']}, begun {began}"
    if told["sentence"]:
        yield f"  {told['sentence']}"
    if told.get("phase"):
        yield (
            f"  {_phase(told['phase'])}; {told['questions']:,} SQUERYs, {told['sums']:,} MQUERYs, "
            f"{told['bytes'] / 2**20:,.1f} MiB so far"
        )
    for name, site in (told.get("sites") or {}).items():
        yield f"  {name}: {_site(site)}"
    for trouble in told.get("troubles", []):
        yield f"  {datetime.fromtimestamp(trouble['time'], UTC):%H:%M:%S} {trouble['what']}"


def _site(site: dict[str, Any]) -> str:
    if site["connected"]:
        waited = site["asked"]
        return f"here, asked {waited[0]}" if waited else "here, nothing asked"
    last = site["last"]
    if last:
        return f"not here: {last['side']}{': ' + last['why'] if last['why'] else ''}"
    return f"not here yet; {site['invitation']}"


def _phase(phase: dict[str, Any]) -> str:
    number = phase.get("round")
    return str(phase["event"]) + ("" if number is None else f", round {number}")


def _clock() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")

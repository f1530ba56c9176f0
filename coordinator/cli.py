"""`synlearn-coordinator`: launch jobs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from coordinator.job import read_job
from coordinator.launch import run_embedded
from coordinator.session_server import (
    ProvidersMissing,
    QueryRefused,
    QueryTimedOut,
    SessionsStopped,
)
from protocols.queries import QueryError
from synlearn.errors import InputError

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
console = Console(stderr=True)

JOB_FAILED = 3
"""Exit code when providers kept a job from going on; it can be resumed."""


@app.callback()
def main() -> None:
    """Launch and watch synergistic-learning jobs."""


@app.command()
def run(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="What to run.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; the model goes to OUT/mre.")],
    embedded: Annotated[
        int, typer.Option(min=1, max=64, help="Local processes that hold the providers' nodes.")
    ] = 2,
    resume: Annotated[bool, typer.Option(help="Go on with the run in OUT.")] = False,
) -> None:
    """Run a job in an embedded federation: all providers in a few local processes."""
    try:
        finished = run_embedded(
            read_job(job_file), out, resume=resume, workers=embedded, console=console
        )
    except InputError as error:
        console.print(f"[red]Error:[/] {error}", highlight=False)
        raise typer.Exit(2) from error
    except (ProvidersMissing, QueryRefused, QueryTimedOut, SessionsStopped, QueryError) as error:
        console.print(
            f"[red]The job stopped:[/] {error}\nLook into {out}/log.jsonl and {out}/nodes, then go "
            f"on with: synlearn-coordinator run {job_file} --out {out} --resume",
            highlight=False,
        )
        raise typer.Exit(JOB_FAILED) from error
    console.print(
        f"MRE model in {finished.model} (digest {finished.digest[:12]}), "
        f"{finished.asked:,} questions, {finished.seconds:.0f} s",
        highlight=False,
    )

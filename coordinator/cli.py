"""`synlearn-coordinator`: launch jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from coordinator.experiment import ExperimentPlan, run_dsprites
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


@contextmanager
def _explained(job_file: Path, out: Path) -> Iterator[None]:
    """Turn what a user or a provider can do wrong into one sentence and an exit code."""
    try:
        yield
    except InputError as error:
        console.print(f"[red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    except (ProvidersMissing, QueryRefused, QueryTimedOut, SessionsStopped, QueryError) as error:
        console.print(
            f"[red]The job stopped:[/] {escape(str(error))}\nLook into {out}/log.jsonl and "
            f"{out}/nodes, then go on with: synlearn-coordinator run {job_file} --out {out} "
            "--resume",
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(JOB_FAILED) from error


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
    with _explained(job_file, out):
        finished = run_embedded(
            read_job(job_file), out, resume=resume, workers=embedded, console=console
        )
    console.print(
        f"MRE model in {finished.model} (digest {finished.digest[:12]}), "
        f"{finished.asked:,} questions, {finished.seconds:.0f} s, "
        f"{finished.peak_memory / 2**20:,.0f} MiB in all processes",
        highlight=False,
    )


@app.command()
def experiment(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="A dSprites job.")],
    out: Annotated[Path, typer.Option(help="Folder of everything that is made.")],
    domains: Annotated[int, typer.Option(min=2, max=720, help="Domains with a model.")] = 720,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Runs: seeds 0, 1, ...")] = 5,
    embedded: Annotated[int, typer.Option(min=1, max=64, help="Local processes.")] = 2,
) -> None:
    """Run the dSprites experiment: build the zoo, run the jobs, measure, write the report."""
    command = (
        f"synlearn-coordinator experiment {job_file} --domains {domains} --seeds {seeds} "
        f"--embedded {embedded}"
    )
    with _explained(job_file, out):
        job = replace(read_job(job_file), zoo=out / "zoo")
        plan = ExperimentPlan(out, job, domains, tuple(range(seeds)), embedded, command)
        run_dsprites(plan, console)

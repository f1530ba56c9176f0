"""`synlearn-coordinator`: launch jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from coordinator.aggregation_events import AggregationFailed
from coordinator.job import GroupedJob, Job, read_job
from coordinator.launch import relearn_job, run_embedded
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
def _explained(out: Path, go_on: str) -> Iterator[None]:
    """Turn what a user or a provider can do wrong into a sentence and an exit code.

    `out` is where logs are; `go_on` the command that goes on where this one stopped.
    """
    try:
        yield
    except InputError as error:
        _say(f"[red]Error:[/] {escape(str(error))}")
        raise typer.Exit(2) from error
    except QueryError as error:
        _say(f"[red]Error:[/] {escape(str(error))}; update or leave out that provider.")
        raise typer.Exit(2) from error
    except (
        AggregationFailed,
        ProvidersMissing,
        QueryRefused,
        QueryTimedOut,
        SessionsStopped,
    ) as error:
        _say(f"[red]The job stopped:[/] {escape(str(error))}")
        _say(f"The logs are in {escape(str(out))}. Go on with: {escape(go_on)}")
        raise typer.Exit(JOB_FAILED) from error
    except KeyboardInterrupt as error:
        _say(f"Interrupted. Go on with: {escape(go_on)}")
        raise typer.Exit(130) from error


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


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
    with _explained(out, f"synlearn-coordinator run {job_file} --out {out} --resume"):
        finished = run_embedded(
            read_job(job_file), out, resume=resume, workers=embedded, console=console
        )
    _say(
        f"MRE model in {escape(str(finished.model))} (digest {finished.digest[:12]}), "
        f"{finished.cost}, {finished.seconds:.0f} s, "
        f"{finished.peak_memory / 2**20:,.0f} MiB in all processes"
    )


@app.command()
def relearn(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="What was run.")],
    run_folder: Annotated[Path, typer.Option("--run", help="Folder of the finished run.")],
    seed: Annotated[int, typer.Option(min=0, help="Of first weights, minibatches and folds.")],
    out: Annotated[Path, typer.Option(help="Folder of the MRE model.")],
) -> None:
    """Learn the metric and its fusion anew from what a run has gathered; nobody is asked."""
    with _explained(out, "the same command"):
        job = read_job(job_file)
        if not isinstance(job, GroupedJob):
            raise InputError(f"{job_file} is not a job of grouped closures; give one that is.")
        digest = relearn_job(job, run_folder, seed, out)
    _say(f"MRE model in {escape(str(out))} (digest {digest[:12]})")


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
    # Here, not at the top: plots take a second to import.
    from coordinator.experiment import ExperimentPlan, run_dsprites  # noqa: PLC0415

    with _explained(out, f"{command} --out {out}"):
        job = read_job(job_file)
        if not isinstance(job, Job):
            raise InputError(f"{job_file} is not a job of isolated closures, as dSprites asks for.")
        own = replace(job, zoo=out / "zoo")
        plan = ExperimentPlan(out, own, domains, tuple(range(seeds)), embedded, command)
        run_dsprites(plan, console)


@app.command()
def mini(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="A classification job.")],
    data: Annotated[Path, typer.Option(help="Folder of the shipped images and experts.")],
    out: Annotated[Path, typer.Option(help="Folder of everything that is made.")],
    embedded: Annotated[int, typer.Option(min=1, max=64, help="Local processes.")] = 2,
) -> None:
    """Run classification in small: the job, then rankings of unseen experts, with a report."""
    command = f"synlearn-coordinator mini {job_file} --data {data} --embedded {embedded}"
    # Here, not at the top: plots take a second to import.
    from coordinator.mini_experiment import MiniPlan, run_mini, summary_tables  # noqa: PLC0415

    with _explained(out, f"{command} --out {out}"):
        job = read_job(job_file)
        if not isinstance(job, GroupedJob):
            raise InputError(f"{job_file} is not a job of grouped closures; give one that is.")
        results = run_mini(MiniPlan(data, job, out, embedded, command), console)
    for table in summary_tables(results):
        console.print(table)
    _say(f"Report: {out / 'report.html'}   Numbers: {out / 'results.json'}")

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
from coordinator.authority.cli import federation
from coordinator.authority.folder import FederationFolder
from coordinator.job import GroupedJob, Job, read_job
from coordinator.jobs import cli as jobs
from coordinator.plan_command import plan
from coordinator.service.cli import keys, serve
from coordinator.session_questions import (
    ProvidersMissing,
    QueryRefused,
    QueryTimedOut,
    SessionsStopped,
)
from protocols.queries import QueryError
from synlearn.errors import InputError
from synlearn.terminal import explained

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(federation, name="federation")
app.add_typer(keys, name="keys")
for command in (plan, serve, jobs.up, jobs.status, jobs.logs, jobs.stop):
    app.command()(command)
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
    out: Annotated[
        Path | None, typer.Option(help="Embedded: folder of the run; the model goes to OUT/mre.")
    ] = None,
    embedded: Annotated[
        int, typer.Option(min=1, max=64, help="Local processes that hold the providers' nodes.")
    ] = 2,
    federation_folder: Annotated[
        Path | None,
        typer.Option("--federation", help="Run it at sites: the folder of `federation init`."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="At sites: of the run; the job's own where none is given.")
    ] = None,
    purpose: Annotated[
        str, typer.Option(help="Of a job at sites, for their owners.")
    ] = "To learn which pre-trained models suit which small tasks.",
    detach: Annotated[
        bool, typer.Option("--detach", help="At sites: do not wait for the end.")
    ] = False,
    resume: Annotated[bool, typer.Option(help="Go on with the run.")] = False,
) -> None:
    """Run a job: in an embedded federation of local processes, or at sites that owners run."""
    if federation_folder is not None:
        _run_at_sites(job_file, federation_folder, name, purpose, detach=detach, resume=resume)
        return
    # Here, not at the top: it imports PyTorch.
    from coordinator.launch import run_embedded  # noqa: PLC0415

    again = f"synlearn-coordinator run {job_file} --out {out} --resume"
    with _explained(out or Path(), again):
        if out is None:
            raise InputError("An embedded run needs --out, the folder of the run.")
        job = read_job(job_file)
        finished = run_embedded(job, out, resume=resume, workers=embedded, console=console)
    _say(
        f"MRE model in {escape(str(finished.model))} (digest {finished.digest[:12]}), "
        f"{finished.cost}, {finished.seconds:.0f} s, "
        f"{finished.peak_memory / 2**20:,.0f} MiB in all processes"
    )


def _run_at_sites(
    job_file: Path, root: Path, name: str | None, purpose: str, *, detach: bool, resume: bool
) -> None:
    """Hand a job to `up`, and wait for its end."""
    with explained():
        job = read_job(job_file)
        if not isinstance(job, GroupedJob):
            raise InputError(f"{job_file} is of isolated closures; sites answer grouped ones.")
        folder = FederationFolder(root)
        taken = jobs.submit(job, folder, name, purpose, resume=resume)
        if detach:
            _say(f"{taken} runs; see: synlearn-coordinator status --federation {root} {taken}")
            return
        try:
            told = jobs.follow(folder, taken)
        except KeyboardInterrupt:
            _say(
                f"{taken} goes on; to end it: synlearn-coordinator stop --federation {root} {taken}"
            )
            raise typer.Exit(130) from None
    _say(f"{taken} is {told['state']}: {escape(told['sentence'])}")
    raise typer.Exit(jobs.EXIT[told["state"]])


@app.command()
def relearn(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="What was run.")],
    run_folder: Annotated[Path, typer.Option("--run", help="Folder of the finished run.")],
    seed: Annotated[int, typer.Option(min=0, help="Of first weights, minibatches and folds.")],
    out: Annotated[Path, typer.Option(help="Folder of the MRE model.")],
) -> None:
    """Learn the metric and its fusion anew from what a run has gathered; nobody is asked."""
    # Here, not at the top: it imports PyTorch.
    from coordinator.launch import relearn_job  # noqa: PLC0415

    with _explained(out, "the same command"):
        job = read_job(job_file)
        if not isinstance(job, GroupedJob):
            raise InputError(f"{job_file} is not a job of grouped closures; give one that is.")
        digest = relearn_job(job, run_folder, seed, out)
    _say(f"MRE model in {escape(str(out))} (digest {digest[:12]})")


@app.command()
def history(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="What was run.")],
    run_folder: Annotated[Path, typer.Option("--run", help="Folder of the finished run.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    examples: Annotated[
        int, typer.Option(min=1, help="Of a class, in the tasks that models are chosen for.")
    ] = 5,
) -> None:
    """Write what a run's providers have measured as a history for Fennec; nobody is asked."""
    # Here, not at the top: it is read by one command.
    from coordinator.performance_matrix import export_history  # noqa: PLC0415
    from synlearn.fennec.history_file import write_history  # noqa: PLC0415

    with _explained(out.parent, "the same command"):
        job = read_job(job_file)
        if not isinstance(job, GroupedJob):
            raise InputError(f"{job_file} is not a job of grouped closures; give one that is.")
        found = export_history(job, run_folder, examples)
        write_history(found, out)
    models, tasks = found.performance.values.shape
    _say(f"{models} models on {tasks} tasks in {escape(str(out))}")


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

"""`synlearn evaluate`: how well everyone ranks models, from one command."""

import datetime
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from synlearn.datasets.mixed_split import read_split
from synlearn.errors import InputError
from synlearn.evaluation.experiments.mixed_data import MixedPlan, prepare_mixed
from synlearn.step_bars import StepBars
from synlearn.terminal import errors, explained

_WIDTH = 130
"""Columns that the tables need."""

evaluate_app = typer.Typer(no_args_is_help=True, help="Compare ways to rank models.")


@evaluate_app.callback()
def main() -> None:
    """Compare ways to rank models."""


# Options of both commands on the mixed experiment.
_Folder = Annotated[Path, typer.Option(help="Of `synlearn zoo build mixed`; made if missing.")]
_Split = Annotated[Path, typer.Option(help="The manifest.")]
_Data = Annotated[Path | None, typer.Option(help="The original image sets.")]
_Seeds = Annotated[int, typer.Option(min=1, max=100, help="Draws: seeds 0, 1, ...")]
_Workers = Annotated[int, typer.Option(min=0, max=64, help="Processes; 0: one a core.")]
_Test = Annotated[int, typer.Option(min=2, max=10_000, help="Experts to test with.")]
_Learning = Annotated[int, typer.Option(min=1, max=10_000, help="Those learned from.")]
_FirstTest = Annotated[int, typer.Option(min=0, help="Number of the first of them.")]
_TaskSeed = Annotated[int, typer.Option(min=0, help="Of the test tasks.")]
_Ks = Annotated[str, typer.Option(help="Examples of a class, with commas.")]


@evaluate_app.command()
def mixed(
    folder: _Folder,
    mre: Annotated[
        str, typer.Option(help="MRE model; {seed} in it stands for each seed. Empty: baselines.")
    ] = "",
    split: _Split = Path("examples/mixed-split.json"),
    data: _Data = None,
    out: Annotated[Path | None, typer.Option(help="Default: FOLDER/evaluation.")] = None,
    seeds: _Seeds = 5,
    workers: _Workers = 1,
    test: _Test = 120,
    learning: _Learning = 240,
    first_test: _FirstTest = 0,
    task_seed: _TaskSeed = 0,
    ks: _Ks = "1,2,5,10,15,20",
) -> None:
    """Rank the mixed zoo's test models by every method; print the paper's Table 1."""
    # Here, not at the top: plots take a second to import.
    from synlearn.evaluation.experiments.mixed_evaluation import (  # noqa: PLC0415
        EvaluationPlan,
        evaluate_mixed,
        paths_by_seed,
    )
    from synlearn.evaluation.experiments.mixed_report import (  # noqa: PLC0415
        PAPER_KS,
        fusion_table,
        mixed_results,
        results_table,
        write_outputs,
    )

    where = out or folder / "evaluation"
    wanted = tuple(range(seeds))
    command = f"synlearn evaluate mixed --folder {folder} --seeds {seeds} --ks {ks} --test {test}"
    command += f" --learning {learning} --first-test {first_test} --task-seed {task_seed}"
    command += f" --mre '{mre}'" if mre else ""
    with explained(), StepBars(errors) as on_step:
        numbers = _numbers(ks)
        plan = MixedPlan(
            folder,
            read_split(split),
            data,
            learning,
            test,
            workers=workers or os.cpu_count() or 1,
            ks=numbers,
            first_test=first_test,
            task_seed=task_seed,
        )
        prepared = prepare_mixed(plan, on_step, time.monotonic)
        models = paths_by_seed(mre, wanted) if mre else ()
        finished = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        evaluation = EvaluationPlan(folder, models, wanted, numbers, command)
        run = evaluate_mixed(evaluation, prepared, on_step, time.monotonic, finished)
        results = mixed_results(run)
        write_outputs(results, run, where)
    console = Console()
    console.width = max(console.width, _WIDTH)
    for metric in ("kendall_tau", "weighted_kendall_tau"):
        console.print(results_table(results, "all", metric=metric, ks=PAPER_KS))
    for side in ("seen", "unseen", "all"):
        console.print(results_table(results, side))
    console.print(results_table(results, "all", metric="regret"))
    for metric in ("kendall_tau", "weighted_kendall_tau"):
        console.print(fusion_table(results, "all", metric))
    console.print(f"Report: {where / 'report.html'}   Numbers: {where / 'results.json'}")


@evaluate_app.command()
def intervals(
    folder: _Folder,
    mre: Annotated[str, typer.Option(help="MRE model; {seed} in it stands for each seed.")],
    split: _Split = Path("examples/mixed-split.json"),
    data: _Data = None,
    out: Annotated[Path | None, typer.Option(help="Default: FOLDER/intervals.")] = None,
    seeds: _Seeds = 5,
    workers: _Workers = 1,
    test: _Test = 120,
    learning: _Learning = 240,
    first_test: _FirstTest = 0,
    task_seed: _TaskSeed = 0,
    ks: _Ks = "1,2,5,10,20",
) -> None:
    """Check on the mixed zoo's test tasks how often the intervals of accuracies hold."""
    # Here, not at the top: plots take a second to import.
    from synlearn.evaluation.experiments.mixed_evaluation import (  # noqa: PLC0415
        EvaluationPlan,
        paths_by_seed,
    )
    from synlearn.evaluation.experiments.mixed_interval_run import (  # noqa: PLC0415
        measure_intervals,
    )
    from synlearn.evaluation.experiments.mixed_intervals_report import (  # noqa: PLC0415
        interval_results,
        interval_table,
        write_interval_outputs,
    )

    where = out or folder / "intervals"
    wanted = tuple(range(seeds))
    command = f"synlearn evaluate intervals --folder {folder} --mre '{mre}' --seeds {seeds}"
    command += f" --ks {ks} --test {test} --learning {learning}"
    command += f" --first-test {first_test} --task-seed {task_seed}"
    with explained(), StepBars(errors) as on_step:
        numbers = _numbers(ks)
        plan = MixedPlan(
            folder,
            read_split(split),
            data,
            learning,
            test,
            workers=workers or os.cpu_count() or 1,
            first_test=first_test,
            task_seed=task_seed,
        )
        prepared = prepare_mixed(plan, on_step, time.monotonic)
        finished = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        asked = EvaluationPlan(folder, paths_by_seed(mre, wanted), wanted, numbers, command)
        results = interval_results(
            measure_intervals(asked, prepared, on_step, time.monotonic, finished)
        )
        write_interval_outputs(results, where)
    console = Console()
    console.width = max(console.width, _WIDTH)
    for part in ("seen", "unseen", "filled", "different", "all"):
        console.print(interval_table(results, part))
    console.print(f"Picture: {where / 'intervals.png'}   Numbers: {where / 'results.json'}")


def _numbers(ks: str) -> tuple[int, ...]:
    try:
        found = tuple(sorted({int(k) for k in ks.split(",")}))
    except ValueError as error:
        raise InputError(f"--ks is {ks!r}: give whole numbers with commas, as 1,2,5.") from error
    if found[0] < 1:
        raise InputError("--ks names numbers of examples; the least is 1.")
    return found

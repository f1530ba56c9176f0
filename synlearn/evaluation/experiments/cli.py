"""`synlearn experiment`: the experiments that need no federation, each from one command."""

import datetime
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from synlearn.datasets.mixed_split import read_split
from synlearn.evaluation.experiments.mixed_data import MixedPlan, prepare_mini, prepare_mixed
from synlearn.evaluation.output import write_output
from synlearn.step_bars import StepBars
from synlearn.terminal import errors, explained
from synlearn.threads import one_thread

_WIDTH = 130
"""Columns that the tables need."""

experiment_app = typer.Typer(no_args_is_help=True, help="Run an experiment.")


@experiment_app.callback()
def main() -> None:
    """Run an experiment; one that was stopped goes on where it was."""


@experiment_app.command()
def search(
    folder: Annotated[
        Path, typer.Option(help="Of `synlearn zoo build mixed`, or of a mini experiment.")
    ],
    mre: Annotated[
        str, typer.Option(help="MRE model; {seed} in it stands for each seed. Empty: none.")
    ] = "",
    mini: Annotated[Path | None, typer.Option(help="The shipped mini zoo, instead.")] = None,
    split: Annotated[Path, typer.Option(help="The manifest.")] = Path("examples/mixed-split.json"),
    data: Annotated[Path | None, typer.Option(help="The original image sets.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: FOLDER/search.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Draws: seeds 0, 1, ...")] = 3,
    k: Annotated[int, typer.Option(min=1, help="Examples of a class.")] = 20,
    tuned_tasks: Annotated[
        int, typer.Option(min=0, help="Of each set and side, for fine-tuning; 0: none.")
    ] = 2,
    tuned_models: Annotated[int, typer.Option(min=2, help="That are fine-tuned.")] = 48,
    test: Annotated[int, typer.Option(min=2, max=10_000, help="Experts to search.")] = 120,
    learning: Annotated[int, typer.Option(min=1, help="Experts of the other role.")] = 240,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Processes; 0: one a core.")] = 1,
) -> None:
    """Compare strategies by regret, and Fennec with the metric, fusion and direct scores."""
    # Here, not at the top: plots take a second to import.
    from synlearn.evaluation.experiments.mixed_evaluation import paths_by_seed  # noqa: PLC0415
    from synlearn.evaluation.experiments.search import SearchPlan, run_search  # noqa: PLC0415
    from synlearn.evaluation.experiments.search_outputs import (  # noqa: PLC0415
        print_search,
        write_search,
    )
    from synlearn.evaluation.experiments.search_report import (  # noqa: PLC0415
        SearchReport,
        search_results,
    )

    where = out or folder / "search"
    wanted = tuple(range(seeds))
    command = f"synlearn experiment search --folder {folder} --seeds {seeds} --k {k}"
    command += f" --tuned-tasks {tuned_tasks} --tuned-models {tuned_models}"
    command += f" --mini {mini}" if mini else f" --test {test} --learning {learning}"
    command += f" --mre '{mre}'" if mre else ""
    began = time.monotonic()
    with explained(), StepBars(errors) as on_step, one_thread():
        if mini is None:
            own = MixedPlan(
                folder,
                read_split(split),
                data,
                learning,
                test,
                workers or os.cpu_count() or 1,
                ks=(k,),
            )
            prepared = prepare_mixed(own, on_step, time.monotonic)
        else:
            prepared = prepare_mini(mini, folder, on_step, time.monotonic, workers=workers or 1)
        models = paths_by_seed(mre, wanted) if mre else ()
        where.mkdir(parents=True, exist_ok=True)
        plan = SearchPlan(
            where, models, wanted, k, tuned_tasks=tuned_tasks, tuned_models=tuned_models
        )
        run = run_search(plan, prepared, on_step)
        report = SearchReport(
            command=command,
            finished=_now(),
            seeds=wanted,
            timings={**prepared.seconds, "search": round(time.monotonic() - began, 1)},
            settings={
                "k": k,
                "fine-tuning steps": plan.tuning.steps,
                "fine-tuning rates": " ".join(map(str, plan.tuning.rates)),
            },
        )
        results = search_results(run, report)
        write_search(results, run, where, write_output)
    console = Console()
    console.width = max(console.width, _WIDTH)
    print_search(results, run, console)
    console.print(f"Numbers: {where / 'results.json'}   Figures: {where}")


@experiment_app.command()
def tables(
    data: Annotated[Path, typer.Argument(help="Folder of Model-Spider's tables.")],
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("runs/tables"),
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Repeats: 0, 1, ...")] = 10,
) -> None:
    """Complete published tables of accuracies, and predict targets that are left out."""
    from synlearn.datasets.transfer_tables import (  # noqa: PLC0415
        read_cross_table,
        read_scored_table,
    )
    from synlearn.evaluation.experiments.table_results import (  # noqa: PLC0415
        measure_table,
        outcome_table,
        table_results,
    )
    from synlearn.evaluation.results_file import write_results  # noqa: PLC0415

    wanted = tuple(range(seeds))
    with explained(), StepBars(errors) as on_step:
        read = {
            "imagenet": read_scored_table(data / "model_spider_10x8.csv"),
            "cross": read_cross_table(data / "model_spider_cross_trained.csv"),
        }
        total = seeds * len(read)
        outcomes = [
            measure_table(name, table, wanted, lambda done: on_step("seeds", done, total))
            for name, table in read.items()
        ]
        command = f"synlearn experiment tables DATA --seeds {seeds}"
        results = table_results(outcomes, wanted, command, _now())
        out.mkdir(parents=True, exist_ok=True)
        write_results(results, out / "results.json")
    console = Console()
    console.width = max(console.width, _WIDTH)
    for split in results.splits:
        console.print(outcome_table(results, split.key))


@experiment_app.command()
def architectures(
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("runs/architectures"),
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Seeds 0, 1, ...")] = 5,
) -> None:
    """Embed reference architectures, and see whether their families cluster."""
    from synlearn.evaluation.experiments.architecture_families import (  # noqa: PLC0415
        family_figure,
        family_results,
        measure_families,
        reference_graphs,
    )
    from synlearn.evaluation.plot_style import render  # noqa: PLC0415
    from synlearn.evaluation.results_file import write_results  # noqa: PLC0415
    from synlearn.fennec.reference.registry import REFERENCES  # noqa: PLC0415

    with explained(), StepBars(errors) as on_step, one_thread():
        graphs = reference_graphs(lambda count: on_step("graphs", count, len(REFERENCES)))
        found = measure_families(graphs, tuple(range(seeds)))
        command = f"synlearn experiment architectures --seeds {seeds}"
        results = family_results(found, command, _now())
        out.mkdir(parents=True, exist_ok=True)
        write_results(results, out / "results.json")
        write_output(out / "families.png", render(family_figure(found), ".png"))
    console = Console()
    for cell in results.measurements:
        console.print(f"{results.metric(cell.metric).label}: {cell.estimate}", highlight=False)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

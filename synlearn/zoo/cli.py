"""`synlearn zoo`: build, list, show and verify zoos."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from synlearn.datasets.dsprites import draw_domains
from synlearn.datasets.mixed_plan import DOMAINS
from synlearn.datasets.mixed_sources import load_source
from synlearn.datasets.mixed_split import make_split, read_split
from synlearn.evaluation.experiments.mixed_data import MixedPlan, prepare_mixed
from synlearn.evaluation.experiments.mixed_mini import LEARNING, TEST, build_mini
from synlearn.evaluation.output import write_output
from synlearn.step_bars import StepBars
from synlearn.terminal import errors, explained
from synlearn.zoo.add_command import add
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.dsprites import BuildPlan, build_zoo
from synlearn.zoo.export import exported
from synlearn.zoo.model_folder import save_model
from synlearn.zoo.specification import specifications_of

zoo_app = typer.Typer(no_args_is_help=True, help="Build and inspect zoos of models.")
build_app = typer.Typer(no_args_is_help=True, help="Train the source models of an experiment.")
zoo_app.add_typer(build_app, name="build")

zoo_app.command("add")(add)

Folder = Annotated[Path, typer.Argument(metavar="ZOO", help="Folder of the zoo.")]


@build_app.command()
def dsprites(
    out: Annotated[Path, typer.Option(help="Folder of the zoo; finished models are kept.")],
    domains: Annotated[int, typer.Option(min=1, max=720, help="How many of the 720.")] = 720,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of domains.")] = 0,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Processes; 0: one a core.")] = 0,
) -> None:
    """Train one position regressor for each dSprites domain; goes on where it was stopped."""
    with explained(), StepBars(errors) as step:
        plan = BuildPlan(draw_domains(domains, seed))
        zoo = build_zoo(
            out,
            plan,
            workers or os.cpu_count() or 1,
            lambda built: step("models", len(built.ids), domains),
        )
        specifications_of(zoo)
    typer.echo(f"{len(zoo)} models in {out}, zoo digest {zoo.digest[:12]}")


@build_app.command()
def mixed(
    out: Annotated[Path, typer.Option(help="Folder of everything; what is done is kept.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder of the seven image sets, for the first time.")
    ] = None,
    split: Annotated[
        Path, typer.Option(help="Manifest: who gets which classes and images.")
    ] = Path("examples/mixed-split.json"),
    learning: Annotated[int, typer.Option(min=1, max=999, help="Experts to learn from.")] = 240,
    test: Annotated[int, typer.Option(min=1, max=999, help="Experts to be ranked.")] = 120,
    first_test: Annotated[int, typer.Option(min=0, help="Number of the first to be ranked.")] = 0,
    task_seed: Annotated[int, typer.Option(min=0, help="Of the draw of test tasks.")] = 0,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Processes; 0: one a core.")] = 0,
) -> None:
    """Train the experts of the mixed experiment and measure how reusable they truly are."""
    with explained(), StepBars(errors) as step:
        plan = MixedPlan(
            out,
            read_split(split),
            data,
            learning,
            test,
            workers or os.cpu_count() or 1,
            first_test=first_test,
            task_seed=task_seed,
        )
        found = prepare_mixed(plan, step, time.monotonic)
    seconds = ", ".join(f"{step} {spent:.0f} s" for step, spent in found.seconds.items())
    typer.echo(f"{len(found.zoo)} models in {out}, zoo digest {found.zoo.digest[:12]} ({seconds})")


@build_app.command()
def mini(
    data: Annotated[Path, typer.Option(help="Folder of the image sets.")],
    out: Annotated[Path, typer.Option(help="Folder of the mini experiment.")],
    workers: Annotated[int, typer.Option(min=0, max=64, help="Processes; 0: one a core.")] = 0,
) -> None:
    """Rebuild the mini experiment that is shipped: images of three sets and 48 tiny experts."""
    with explained(), StepBars(errors) as step:
        zoo = build_mini(
            out,
            data,
            workers=workers or os.cpu_count() or 1,
            on_built=lambda count: step("experts", count, LEARNING + TEST),
        )
    typer.echo(f"{len(zoo)} models in {out}, zoo digest {zoo.digest[:12]}")


@zoo_app.command("split")
def split_sets(
    data: Annotated[Path, typer.Option(help="Folder of the seven image sets.")],
    out: Annotated[Path, typer.Option(help="Where to write the manifest, as JSON.")],
    seed: Annotated[int, typer.Option(min=0, help="Of every draw.")] = 0,
) -> None:
    """Divide the image sets of the mixed experiment among experts, providers and test."""
    with explained():
        sources = {domain.name: load_source(domain.name, data) for domain in DOMAINS}
        made = make_split(sources, seed)
        write_output(out, made.to_json())
    typer.echo(f"{len(made.providers)} providers, manifest digest {made.digest[:12]}")


@zoo_app.command("list")
def list_models(folder: Folder) -> None:
    """List the models of a zoo."""
    with explained():
        zoo = Zoo.open(folder)
        table = Table()
        table.add_column("model", no_wrap=True)  # ids must survive narrow windows and pipes
        for name in ("format", "images", "parameters", "classes", "licence"):
            table.add_column(name)
        for model in zoo:
            card = zoo.card(model)
            kind = card.architecture if card.graph is None else "onnx"
            shape = " x ".join(map(str, card.input.shape))
            outputs = Text(", ".join(card.outputs), overflow="ellipsis", no_wrap=True)
            table.add_row(model, kind, shape, f"{card.parameters:,}", outputs, Text(card.license))
    Console().print(table)


@zoo_app.command()
def show(folder: Folder, model: Annotated[str, typer.Argument(help="Model id.")]) -> None:
    """Print a model's card."""
    with explained():
        card = Zoo.open(folder).card(ModelId(model))
    typer.echo(card.to_json().decode(), nl=False)


@zoo_app.command()
def export(
    folder: Folder,
    model: Annotated[str, typer.Argument(help="Model id.")],
    out: Annotated[Path, typer.Option(help="Folder for the model and its card.")],
    *,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write it as ONNX, whatever it is.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Exchange a former one.")] = False,
) -> None:
    """Write a model on its own: its file and its card, for `synlearn predict` or other runtimes."""
    with explained():
        card, data = exported(Zoo.open(folder), ModelId(model), as_onnx=onnx)
        save_model(out, card, data, overwrite=overwrite)
    typer.echo(f"{model} is in {out}: card.json and model.{card.file_format}")


@zoo_app.command()
def verify(folder: Folder) -> None:
    """Read every file of a zoo and check it against its digest; exit code 2 if one is wrong."""
    with explained():
        zoo = Zoo.open(folder)
    wrong = [(model, problem) for model, problem in zoo.verify() if problem is not None]
    for _, problem in wrong:
        errors.print(f"[red]Error:[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
    typer.echo(f"{len(zoo) - len(wrong)} of {len(zoo)} models are as they were built")
    if wrong:
        raise typer.Exit(2)

"""`synlearn`: rank a zoo of models from a handful of examples; build and inspect zoos."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from synlearn.datasets.examples import ImageShape
from synlearn.datasets.loading import data_digest, load_examples
from synlearn.errors import InputError
from synlearn.evaluation.cli import evaluate_app
from synlearn.evaluation.output import write_output
from synlearn.fusion.storage import has_fusion, load_fusion
from synlearn.fusion.zoo_ranking import rank_with_evidence
from synlearn.mre import MREModel
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.scorers.batch import Undefined
from synlearn.scoring import score_zoo
from synlearn.terminal import explained
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.cli import zoo_app

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(zoo_app, name="zoo")
app.add_typer(evaluate_app, name="evaluate")


@app.callback()
def main() -> None:
    """Rank a zoo of models from a handful of examples; build and inspect zoos."""


@app.command()
def rank(
    data: Annotated[Path, typer.Argument(help="Folder of images or class folders, or .npz.")],
    mre: Annotated[Path, typer.Option(help="MRE model: the folder 'mre' that a job wrote.")],
    zoo: Annotated[Path, typer.Option(help="Zoo of the models to rank.")],
    *,
    top: Annotated[int, typer.Option(min=1, help="Rows of the table.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print the whole ranking as JSON.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Also write the ranking here, as CSV.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the ranking here, as PNG.")] = None,
    metric_alone: Annotated[
        bool, typer.Option("--metric-alone", help="Run no model of the zoo: faster, less exact.")
    ] = False,
) -> None:
    """Rank the models of a zoo for the task that the examples are of.

    Where the MRE model comes with a fitted fusion, every model is run on the examples as well.
    """
    with explained():
        model, models = MREModel.load(mre), Zoo.open(zoo)
        examples = load_examples(data, _input_shape(models))
        if not metric_alone and isinstance(model, ClassificationMRE) and has_fusion(mre):
            ranking = rank_with_evidence(
                model, load_fusion(mre), examples.images, examples.labels, models
            )
        else:
            ranking = model.rank(examples.images, examples.labels, models)
        if csv is not None:
            ranking.to_csv(csv)
        if plot is not None:
            ranking.plot(plot)
    if json:
        typer.echo(ranking.to_json())
        return
    Console().print(ranking.to_table(top=top))


@app.command()
def score(
    data: Annotated[
        Path, typer.Argument(help=".npz with 'images' and 'labels' or 'targets', or a folder.")
    ],
    zoo: Annotated[Path, typer.Option(help="Zoo of the models to score.")],
    scores: Annotated[str, typer.Option(help="Names, with commas.")] = "logme_regression",
    *,
    top: Annotated[int, typer.Option(min=1, help="Rows of the table.")] = 10,
    json: Annotated[Path | None, typer.Option(help="Also write everything here, as JSON.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table here, as CSV.")] = None,
) -> None:
    """Score the models of a zoo directly, by running each of them on the examples."""
    names = [name.strip() for name in scores.split(",") if name.strip()]
    with explained():
        models = Zoo.open(zoo)
        examples = load_examples(data, _input_shape(models))
        found = score_zoo(examples, models, names, {"data": data_digest(data)})
        if json is not None:
            write_output(json, found.to_json().encode())
        if csv is not None:
            write_output(csv, found.to_csv().encode())
    table = Table()
    table.add_column("model", overflow="fold")
    for name in found.table.scores:
        table.add_column(name, justify="right")
    for model, row in list(zip(found.models, found.table.rows, strict=True))[:top]:
        table.add_row(
            Text(model), *("-" if isinstance(cell, Undefined) else f"{cell:.4f}" for cell in row)
        )
    Console().print(table)
    for reason in sorted({reason for _, _, reason in found.table.undefined()}):
        Console().print(f"- is undefined: {reason}", markup=False, highlight=False, soft_wrap=True)


def _input_shape(zoo: Zoo) -> ImageShape:
    if not len(zoo):
        raise InputError(f"The zoo in {zoo.root} has no models; build or add some first.")
    channels, height, width = zoo.card(zoo.ids[0]).input.shape
    return ImageShape(channels, height, width)

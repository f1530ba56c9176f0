"""`synlearn`: rank a zoo of models from a handful of examples; build and inspect zoos."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from synlearn.datasets.loading import data_digest, load_examples
from synlearn.evaluation.cli import evaluate_app
from synlearn.evaluation.experiments.cli import experiment_app
from synlearn.evaluation.output import write_output
from synlearn.rank_command import input_of, rank
from synlearn.reuse.reuse_command import predict, reuse
from synlearn.scorers.batch import Undefined
from synlearn.scoring import score_zoo
from synlearn.terminal import explained
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.cli import zoo_app

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(zoo_app, name="zoo")
app.command("reuse")(reuse)
app.command("predict")(predict)
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(experiment_app, name="experiment")


@app.callback()
def main() -> None:
    """Rank a zoo of models from a handful of examples; build and inspect zoos."""


app.command()(rank)


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
        examples = load_examples(data, input_of(models))
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

"""`synlearn`: rank a zoo of models from a handful of examples; build and inspect zoos."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from synlearn.datasets.examples import ImageShape
from synlearn.datasets.loading import load_examples
from synlearn.errors import InputError
from synlearn.mre import MREModel
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.cli import zoo_app

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(zoo_app, name="zoo")
errors = Console(stderr=True)


@app.callback()
def main() -> None:
    """Rank a zoo of models from a handful of examples; build and inspect zoos."""


@app.command()
def rank(
    data: Annotated[Path, typer.Argument(help="Folder of images, or .npz with 'images'.")],
    mre: Annotated[Path, typer.Option(help="MRE model: the folder 'mre' that a job wrote.")],
    zoo: Annotated[Path, typer.Option(help="Zoo of the models to rank.")],
    *,
    top: Annotated[int, typer.Option(min=1, help="Rows of the table.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print the whole ranking as JSON.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Also write the ranking here, as CSV.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the ranking here, as PNG.")] = None,
) -> None:
    """Rank the models of a zoo for the task that the examples are of."""
    with explained():
        model, models = MREModel.load(mre), Zoo.open(zoo)
        examples = load_examples(data, _input_shape(models))
        ranking = model.rank(examples.images, examples.targets, models)
        if csv is not None:
            ranking.to_csv(csv)
        if plot is not None:
            ranking.plot(plot)
    if json:
        typer.echo(ranking.to_json())
        return
    Console().print(ranking.to_table(top=top))


@contextmanager
def explained() -> Iterator[None]:
    """Turn a user's mistake into one sentence and exit code 2."""
    try:
        yield
    except InputError as error:
        errors.print(f"[red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


def _input_shape(zoo: Zoo) -> ImageShape:
    if not len(zoo):
        raise InputError(f"The zoo in {zoo.root} has no models; build or add some first.")
    channels, height, width = zoo.card(zoo.ids[0]).input.shape
    return ImageShape(channels, height, width)

"""`synlearn rank`: rank a zoo of models for the task that a handful of examples is of.

With --strategy: say which of them to fine-tune.
"""

import time
from pathlib import Path
from typing import Annotated, Final

import typer
from click.core import ParameterSource
from rich.console import Console

from synlearn.datasets.examples import ImageShape
from synlearn.datasets.loading import load_examples
from synlearn.errors import InputError
from synlearn.ranker import Ranker
from synlearn.ranking import Ranking
from synlearn.strategies.command import Sources
from synlearn.strategy_command import BUDGET, HELP, Asked, check_together, chosen
from synlearn.terminal import errors, explained
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.filters import ModelFilter, parse_shape
from synlearn.zoo.latency import Latencies
from synlearn.zoo.shown_shape import shown_shape

ALL: Final = "all"
_EXPLAINED: Final = (".json", ".png", ".svg", ".pdf")


def rank(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="Folder of images or class folders, or .npz.")],
    zoo: Annotated[Path, typer.Option(help="Zoo of the models to rank.")],
    *,
    mre: Annotated[
        Path | None,
        typer.Option(help="MRE model: the folder 'mre' of a job. Some strategies need none."),
    ] = None,
    evidence: Annotated[
        str,
        typer.Option(help="How many of the first models to run on the examples; 0, or 'all'."),
    ] = "20",
    top: Annotated[int, typer.Option(min=1, help="Rows of the table.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print the whole ranking as JSON.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Also write the ranking here, as CSV.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the ranking here: .png, .svg or .pdf.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page here.")] = None,
    explain: Annotated[
        str, typer.Option(help="Say which classes of this model were matched; 'best': the first.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Where --explain draws it: .png, .svg, .pdf; or .json."),
    ] = None,
    max_parameters: Annotated[
        int | None, typer.Option(min=1, help="Leave out models with more.")
    ] = None,
    licence: Annotated[
        str, typer.Option(help="Leave out models under others; names with commas.")
    ] = "",
    input_shape: Annotated[
        str, typer.Option("--input", help="Leave out models of others, as 3x32x32; *: any.")
    ] = "",
    latency: Annotated[
        bool, typer.Option("--latency", help="Tell how long one image takes on this machine.")
    ] = False,
    max_latency: Annotated[
        float | None, typer.Option(help="Leave out models that take more ms for one image.")
    ] = None,
    strategy: Annotated[str, typer.Option(help=HELP)] = "",
    budget: Annotated[
        int | None,
        typer.Option(min=1, help=f"So many models to fine-tune, with --strategy; {BUDGET}."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="What models did on earlier tasks, for the strategy fennec."),
    ] = None,
) -> None:
    """Rank the models of a zoo for the task that the examples are of.

    The metric ranks all of them; the first ones are run on the examples and ranked by both.
    With --strategy it says which models to fine-tune instead, and in which order.
    """
    with explained():
        asked = Asked(strategy, budget, history)
        check_together(asked, _given(context))
        count = _evidence(evidence)
        if explain and out is not None and out.suffix.lower() not in _EXPLAINED:
            raise InputError(
                f"--out is {out}, for an explanation; name a file that ends in "
                f"{', '.join(_EXPLAINED)}."
            )
        if out is not None and not explain:
            raise InputError("--out says where an explanation goes; name a model with --explain.")
        models = Zoo.open(zoo)
        ranker = None if strategy else _ranker(mre)
        timed = latency or max_latency is not None
        where = ModelFilter(
            most_parameters=max_parameters,
            licenses=tuple(name.strip() for name in licence.split(",") if name.strip()),
            input_shape=parse_shape(input_shape) if input_shape else None,
            most_milliseconds=max_latency,
            latencies=Latencies.here(time.perf_counter) if timed else None,
        )
        examples = load_examples(data, input_of(models))
        began = time.perf_counter()
        if ranker is None:
            choice = chosen(asked, Sources(models, mre, history), examples, where)
            typer.echo(choice.to_json() if json else choice.summary(), nl=not json)
            errors.print(
                f"{time.perf_counter() - began:.2f} s, the zoo read included.", style="dim"
            )
            return
        ranking = ranker.rank(
            examples.images, examples.named_labels, models, evidence=count, where=where
        )
        took = time.perf_counter() - began
        _write(ranking, csv, plot, html)
        wanted = ranking.best.model if explain == "best" else explain
        explanation = ranking.explain(wanted) if wanted else None
        if explanation is not None and out is not None:
            (explanation.to_json if out.suffix.lower() == ".json" else explanation.plot)(out)
    if json:
        typer.echo(ranking.to_json(), nl=False)
        return
    console = Console()
    console.print(ranking.to_table(top=top, facts=timed or where != ModelFilter()))
    if explanation is not None:
        console.print(f"What {explanation.model} was matched by:", markup=False, highlight=False)
        console.print(explanation.summary(), markup=False, highlight=False)
    errors.print(
        f"{took:.2f} s, the zoo read for the first time included. Mode: "
        f"{ranking.provenance['mode']}.",
        style="dim",
        markup=False,
        highlight=False,
    )


def input_of(zoo: Zoo) -> ImageShape:
    """What the zoo's models take.

    Raises:
        InputError: It has none, or two take images of different shapes.
    """
    if not len(zoo):
        raise InputError(f"The zoo in {zoo.root} has no models; build or add some first.")
    return ImageShape(*shown_shape([zoo.card(model) for model in zoo]))


def _ranker(mre: Path | None) -> Ranker:
    if mre is None:
        raise InputError(
            "A ranking needs --mre, the folder 'mre' that a job wrote; without one, --strategy "
            "ridge or another that runs the models says which to fine-tune."
        )
    return Ranker.load(mre)


def _given(context: typer.Context) -> list[str]:
    """Names of the options that the user gave."""
    told = ParameterSource.COMMANDLINE
    return [name for name in context.params if context.get_parameter_source(name) is told]


def _evidence(text: str) -> int | None:
    """Number of models to run; None for all.

    Raises:
        InputError: It is none.
    """
    if text.strip().lower() == ALL:
        return None
    if not text.strip().isdecimal():
        raise InputError(f"--evidence is {text!r}; give a number from 0, or 'all'.")
    return int(text)


def _write(ranking: Ranking, csv: Path | None, plot: Path | None, html: Path | None) -> None:
    if csv is not None:
        ranking.to_csv(csv)
    if plot is not None:
        ranking.plot(plot)
    if html is not None:
        ranking.to_html(html)

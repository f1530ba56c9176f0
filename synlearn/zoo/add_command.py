"""`synlearn zoo add`: brings a stranger's model into a zoo."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from synlearn.errors import InputError
from synlearn.terminal import explained
from synlearn.zoo.adding import add_to_zoo
from synlearn.zoo.addition import Addition, Pixels, read_classes
from synlearn.zoo.card import ModelCard, ModelId
from synlearn.zoo.formats.onnx_ends import Layout

Number = TypeVar("Number", int, float)


def add(
    file: Annotated[
        Path,
        typer.Argument(help="safetensors, ONNX, a .keras file, or the folder of a SavedModel."),
    ],
    classes: Annotated[Path, typer.Option(help="Text file: a class a line, as outputs come.")],
    zoo: Annotated[Path, typer.Option(help="Folder of the zoo; made where missing.")] = Path("zoo"),
    model: Annotated[
        str | None, typer.Option("--id", help="Of the model; the file's name otherwise.")
    ] = None,
    licence: Annotated[
        str, typer.Option("--license", help="As the Hugging Face hub names it: mit, apache-2.0.")
    ] = "unknown",
    dataset: Annotated[
        list[str] | None, typer.Option(help="It was trained on; may be given again.")
    ] = None,
    base_model: Annotated[str | None, typer.Option(help="What it is, as a hub names it.")] = None,
    pixels: Annotated[
        Pixels,
        typer.Option(help="Values it takes: [0, 1], [-1, 1], [0, 255], or normalised as ImageNet."),
    ] = Pixels.UNIT,
    mean: Annotated[str | None, typer.Option(help="Of each channel, with commas.")] = None,
    std: Annotated[str | None, typer.Option(help="Of each channel, with commas.")] = None,
    size: Annotated[
        str | None, typer.Option(help="HEIGHTxWIDTH, where the graph leaves it open.")
    ] = None,
    layout: Annotated[
        Layout | None, typer.Option(help="Axes of its input, where the graph fits both.")
    ] = None,
    output: Annotated[str | None, typer.Option(help="Name of the tensor of classes.")] = None,
    features: Annotated[
        str | None,
        typer.Option(help="Name of the tensor of features; default: what the last layer takes."),
    ] = None,
    timm: Annotated[
        str | None, typer.Option(help="Name in timm of the model whose weights these are.")
    ] = None,
    python: Annotated[
        Path | None,
        typer.Option(help="Interpreter with TensorFlow or timm, for their models."),
    ] = None,
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Exchange a model of the same id.")
    ] = False,
) -> None:
    """Check a model, try it on public pictures, and add it to a zoo with its card."""
    with explained():
        addition = Addition(
            file=file,
            classes=read_classes(classes),
            model=None if model is None else ModelId(model),
            license=licence,
            datasets=tuple(dataset or ()),
            base_model=base_model,
            pixels=pixels,
            mean=_numbers(mean, "--mean"),
            std=_numbers(std, "--std"),
            size=None if size is None else _size(size),
            layout=layout,
            output=output,
            features=features,
            timm=timm,
            python=python,
        )
        card = add_to_zoo(zoo, addition, overwrite=overwrite)
    for line in _said(card, zoo):
        typer.echo(line)


def _said(card: ModelCard, zoo: Path) -> list[str]:
    """What was understood of a model, for whoever added it to look over."""
    channels, height, width = card.input.shape
    form = card.input
    lines = [
        f"Added {card.id} to {zoo}: {len(card.outputs)} classes, {card.parameters:,} parameters.",
        f"It is shown {height} x {width} pixels of {channels} channel(s) in "
        f"[{form.low:g}, {form.high:g}], less {_shown(form.mean)}, over {_shown(form.std)}.",
    ]
    if card.graph is not None:
        ends = "probabilities" if card.graph.probabilities else "logits"
        lines.append(
            f"Tensor {card.graph.output} holds {ends}, tensor {card.graph.features} its "
            f"{card.graph.width} features."
        )
    if card.license == "unknown":
        lines.append("Its licence is unknown; say it with --license.")
    return lines


def _shown(numbers: tuple[float, ...]) -> str:
    return "/".join(f"{number:g}" for number in dict.fromkeys(numbers))


def _numbers(text: str | None, name: str) -> tuple[float, ...]:
    return () if text is None else _parsed(text, ",", float, f"{name} {text!r} is no numbers")


def _size(text: str) -> tuple[int, int]:
    sides = _parsed(text.lower(), "x", int, f"--size {text!r} is no size")
    if len(sides) not in (1, 2) or not all(1 <= side <= 4096 for side in sides):
        raise InputError(f"--size {text!r} is no size; give one such as 224 or 192x256.")
    return sides[0], sides[-1]


def _parsed(
    text: str, between: str, kind: Callable[[str], Number], problem: str
) -> tuple[Number, ...]:
    try:
        return tuple(kind(part) for part in text.split(between))
    except ValueError as error:
        raise InputError(
            f"{problem}; write them as in 0.485{between}0.456{between}0.406."
        ) from error

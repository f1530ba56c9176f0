"""`synlearn reuse` and `synlearn predict`: what comes after a ranking."""

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from synlearn.datasets.examples import ImageShape
from synlearn.datasets.image_folder import read_pixels
from synlearn.datasets.labelled_folders import class_folders
from synlearn.datasets.loading import load_examples
from synlearn.errors import InputError
from synlearn.reuse.reused import Reused, reuse_model
from synlearn.terminal import explained
from synlearn.zoo.addition import read_classes
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.model_folder import StandaloneModel, save_model


def reuse(
    data: Annotated[Path, typer.Argument(help="Folder with a folder of images a class, or .npz.")],
    model: Annotated[str, typer.Option(help="Id of the model in the zoo.")],
    zoo: Annotated[Path, typer.Option(help="Folder of the zoo.")],
    out: Annotated[Path, typer.Option(help="Folder for the new model.")],
    *,
    classes: Annotated[
        Path | None, typer.Option(help="Text file: a class a line; for .npz files.")
    ] = None,
    fine_tune: Annotated[
        bool, typer.Option("--fine-tune", help="Train all weights, not the head alone.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of folds and the order of images.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Exchange a former one.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Re-train a model's head for your classes, save the new model, and say how right it is."""
    with explained():
        models = Zoo.open(zoo)
        shape = ImageShape(*models.card(ModelId(model)).input.shape)
        examples = load_examples(data, shape)
        names = _names(data, classes, examples.labels)
        made = reuse_model(
            models,
            ModelId(model),
            examples.images,
            examples.labels,
            names,
            fine_tune=fine_tune,
            seed=seed,
        )
        save_model(out, made.card, made.data, overwrite=overwrite)
    if json:
        typer.echo(json_format.dumps(_content(made), indent=2))
        return
    typer.echo(f"{made.card.id} for {len(names)} classes is in {out}; see `synlearn predict`.")
    typer.echo(
        f"Accuracy by cross-validation: {made.accuracy}"
        if made.accuracy is not None
        else "Its accuracy is unknown: a class has one example, which cannot be left out."
    )


def predict(
    model: Annotated[Path, typer.Argument(help="Folder that `reuse` or `zoo export` wrote.")],
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    *,
    top: Annotated[int, typer.Option(min=1, help="Classes of each image.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Print the class of images, and how probable a model takes it to be."""
    with explained():
        own = StandaloneModel.load(model)
        shape = ImageShape(*own.card.input.shape)
        files = [file for path in images for file in _files(path)]
        pixels = np.stack([read_pixels(file, shape) for file in files])
        ready = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        found = own.probabilities(ready)
        if not np.isfinite(found).all():
            raise InputError(f"The model in {model} gives what is no number; do not use it.")
    if json:
        content = [
            {"image": str(file), "classes": dict(_ordered(own.card.outputs, row))}
            for file, row in zip(files, found.tolist(), strict=True)
        ]
        typer.echo(json_format.dumps(content, indent=2))
        return
    table = Table()
    table.add_column("image", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("probability", justify="right")
    for file, row in zip(files, found.tolist(), strict=True):
        for place, (name, probability) in enumerate(_ordered(own.card.outputs, row)[:top]):
            table.add_row(Text(str(file) if not place else ""), Text(name), f"{probability:.3f}")
    Console().print(table)


def _ordered(names: tuple[str, ...], row: list[float]) -> list[tuple[str, float]]:
    return sorted(zip(names, row, strict=True), key=lambda pair: -pair[1])


def _names(data: Path, classes: Path | None, labels: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Names of the classes: of their folders, or from a list, or their numbers."""
    if data.is_dir():
        if classes is not None:
            raise InputError("Folders name their classes; leave --classes out.")
        return tuple(folder.name for folder in class_folders(data))
    numbers = [] if labels is None else np.unique(labels).tolist()
    if classes is None:
        return tuple(str(number) for number in numbers)
    listed = read_classes(classes)
    if numbers and numbers[-1] >= len(listed):
        raise InputError(
            f"{classes} lists {len(listed)} classes, and {data} has the label {numbers[-1]}; "
            "labels count from 0."
        )
    return tuple(listed[number] for number in numbers)


def _content(made: Reused) -> dict[str, object]:
    checked = made.accuracy
    return {
        "model": made.card.id,
        "classes": list(made.card.outputs),
        "accuracy": None
        if checked is None
        else {
            "mean": checked.accuracy,
            "low": checked.low,
            "high": checked.high,
            "right": checked.right,
            "examples": checked.examples,
            "folds": checked.folds,
        },
    }


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            raise InputError(f"{path} does not exist; give an image, or a folder of images.")
        return [path]
    found = sorted(
        own for own in path.rglob("*") if own.suffix.lower() in {".png", ".jpg", ".jpeg", ".bmp"}
    )
    if not found:
        raise InputError(f"{path} holds no images; give an image, or a folder of images.")
    return found

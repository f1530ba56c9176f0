"""What whoever adds a model to a zoo says about it; a file alone does not tell all of it."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from synlearn.errors import InputError
from synlearn.zoo.card import ModelId, check_model_id
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.formats.onnx_ends import Layout

_MOST_CLASSES: Final = 100_000
_LIST_LIMIT: Final = 2**24


class Pixels(StrEnum):
    """What values of pixels a model was trained with."""

    UNIT = "unit"
    SYMMETRIC = "symmetric"
    BYTES = "bytes"
    IMAGENET = "imagenet"


_RANGES: Final = {
    Pixels.UNIT: (0.0, 1.0, (0.0,), (1.0,)),
    Pixels.SYMMETRIC: (-1.0, 1.0, (0.0,), (1.0,)),
    Pixels.BYTES: (0.0, 255.0, (0.0,), (1.0,)),
    Pixels.IMAGENET: (0.0, 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Lowest and highest value; mean and deviation of channels, one number for all of them."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A model to add.

    Attributes:
        file: Where it is.
        classes: Names of its outputs, in order.
        model: Its id; the file's name where None.
        license: As the Hugging Face hub names licences.
        datasets: It was trained on.
        base_model: What it is, as a hub names it.
        pixels: What values of pixels it takes.
        mean, std: Of each channel, instead of those that `pixels` brings.
        size, layout, output, features: As `Wishes`.
        timm: What timm calls the model whose weights the file holds; None for other files.
        python: Interpreter that has TensorFlow or timm, for their models; this one where None.
    """

    file: Path
    classes: tuple[str, ...]
    model: ModelId | None = None
    license: str = "unknown"
    datasets: tuple[str, ...] = ()
    base_model: str | None = None
    pixels: Pixels = Pixels.UNIT
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: tuple[int, int] | None = None
    layout: Layout | None = None
    output: str | None = None
    features: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    timm: str | None = None
    python: Path | None = None

    @property
    def id(self) -> ModelId:
        """Of the model in its zoo; raises InputError when it cannot be a file's name."""
        if self.model is not None:
            return check_model_id(self.model, "--id")
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", self.file.stem).strip("-.")
        return check_model_id(stem[:100], f"The name of {self.file}, without --id,")

    def input_format(self, shape: tuple[int, int, int]) -> InputFormat:
        """What the model's images look like; raises InputError where the numbers do not fit."""
        low, high, mean, std = _RANGES[self.pixels]
        means, deviations = (
            _each(given or usual, shape[0], name)
            for given, usual, name in ((self.mean, mean, "--mean"), (self.std, std, "--std"))
        )
        form = InputFormat(shape, low, high, means, deviations)
        if not form.is_sound:
            raise InputError(
                f"--mean {means} and --std {deviations} cannot normalise images of {shape[0]} "
                "channels; give finite numbers, deviations above 0."
            )
        return form


def read_classes(path: Path) -> tuple[str, ...]:
    """Read the names of a model's classes: one a line, in the order of its outputs.

    Raises:
        InputError: There is no such file, or names are missing, empty or not unique.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(_LIST_LIMIT + 1).decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); give a text file with a class a line."
        ) from error
    except UnicodeError as error:
        raise InputError(f"{path} is no text in UTF-8; save the list of classes so.") from error
    names = [line.strip() for line in text.rstrip("\r\n ").splitlines()]
    if not 2 <= len(names) <= _MOST_CLASSES or len(text) > _LIST_LIMIT:
        raise InputError(
            f"{path} lists {len(names)} class(es); a model has 2 to {_MOST_CLASSES}, one a line."
        )
    for number, name in enumerate(names, start=1):
        if not name or not name.isprintable():
            raise InputError(f"{path}, line {number}: a class needs a name of printable letters.")
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise InputError(f"{path} lists {twice!r} twice; every output is a class of its own.")
    return tuple(names)


def _each(given: tuple[float, ...], channels: int, name: str) -> tuple[float, ...]:
    if len(given) not in (1, channels):
        raise InputError(
            f"{name} has {len(given)} numbers for {channels} channel(s); give one for each."
        )
    return given * channels if len(given) == 1 else given

"""Published tables of what fine-tuned models reach: a row for each data set and model.

Two layouts of Model-Spider (Zhang et al., NeurIPS 2023), as CSV with a header:

    dataset, model, finetune_accuracy, <score>, ...               scores of the models beside it
    target_dataset, architecture, source_dataset, finetune_accuracy      models by their origin
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError

Float64 = NDArray[np.float64]

ACCURACY = "finetune_accuracy"


@dataclass(frozen=True, slots=True)
class TransferTable:
    """Accuracies of m models on n targets.

    Attributes:
        models: m names.
        targets: n names.
        accuracy: (m, n) in [0, 1]; NaN where unknown.
        architectures: (m,) name of each model's architecture.
        scores: (m, n) of each published score, higher is meant to be better.
    """

    models: tuple[str, ...]
    targets: tuple[str, ...]
    accuracy: Float64
    architectures: tuple[str, ...]
    scores: Mapping[str, Float64]


def read_scored_table(path: Path) -> TransferTable:
    """Read a table of the first layout.

    Raises:
        InputError: It cannot be read, or is not of that layout.
    """
    rows = _rows(path, ("dataset", "model", ACCURACY))
    models, targets = (tuple(dict.fromkeys(row[n] for row in rows)) for n in ("model", "dataset"))
    names = [name for name in rows[0] if name not in ("dataset", "model", ACCURACY)]
    place = [(models.index(row["model"]), targets.index(row["dataset"])) for row in rows]
    found = {
        name: _table(place, [row[name] for row in rows], (len(models), len(targets)), path)
        for name in (ACCURACY, *names)
    }
    return TransferTable(models, targets, found.pop(ACCURACY) / 100, models, found)


def read_cross_table(path: Path) -> TransferTable:
    """Read a table of the second layout; a model whose source is the target is left unknown there.

    Raises:
        InputError: It cannot be read, or is not of that layout.
    """
    columns = ("target_dataset", "architecture", "source_dataset", ACCURACY)
    rows = _rows(path, columns)
    name_of = [f"{row['architecture']}/{row['source_dataset']}" for row in rows]
    models = tuple(dict.fromkeys(name_of))
    targets = tuple(dict.fromkeys(row["target_dataset"] for row in rows))
    place = [
        (models.index(name), targets.index(row["target_dataset"]))
        for name, row in zip(name_of, rows, strict=True)
    ]
    shape = (len(models), len(targets))
    accuracy = _table(place, [row[ACCURACY] for row in rows], shape, path) / 100
    for row, (model, target) in zip(rows, place, strict=True):
        if row["source_dataset"] == row["target_dataset"]:
            accuracy[model, target] = np.nan
    return TransferTable(
        models, targets, accuracy, tuple(name.split("/")[0] for name in models), {}
    )


def _rows(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table ({error}); check the path.") from error
    if not rows or any(
        name not in rows[0] or None in row.values() for name in needed for row in rows
    ):
        raise InputError(f"{path} lacks one of the columns {', '.join(needed)}; give another file.")
    return rows


def _table(
    place: Sequence[tuple[int, int]], texts: Sequence[str], shape: tuple[int, int], path: Path
) -> Float64:
    found = np.full(shape, np.nan)
    for (model, target), text in zip(place, texts, strict=True):
        try:
            found[model, target] = float(text)
        except ValueError as error:
            raise InputError(f"{path} holds {text!r} where a number is needed.") from error
    return found

"""A history on disk: one safetensors file, its names in the metadata. Data only."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from synlearn.errors import InputError
from synlearn.evaluation.output import write_output
from synlearn.fennec.performance import History, PerformanceMatrix
from synlearn.strict_json import without_twins
from synlearn.tensor_header import read_header

FORMAT: Final = "synlearn-history/1"
_KEY: Final = "synlearn"


def write_history(history: History, path: Path) -> None:
    """Write a history to `path`, completely or not at all; the same one gives the same bytes.

    Raises:
        InputError: The place cannot be written to.
    """
    write_output(path, history_to_bytes(history))


def history_to_bytes(history: History) -> bytes:
    """Return the content of a history's file."""
    names = {
        "format": FORMAT,
        "models": history.performance.models,
        "tasks": history.performance.tasks,
        "proxy": history.proxy,
    }
    arrays = {
        "values": history.performance.values,
        "proxies": history.proxies,
        "classes": history.classes,
        "samples": history.samples,
    }
    return save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        {_KEY: json.dumps(names, sort_keys=True)},
    )


def read_history(path: Path) -> History:
    """Read a history that `write_history` wrote.

    Raises:
        InputError: It cannot be read, or is no history.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    try:
        return history_from_bytes(data)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def history_from_bytes(data: bytes) -> History:
    """Parse a history's file; raises InputError as `read_history` does."""
    try:
        said = read_header(data)["__metadata__"][_KEY]
        names = json.loads(said, object_pairs_hook=without_twins)
        arrays = load(data)
        if names["format"] != FORMAT:
            raise InputError(f"its format is not {FORMAT}; export it with this version.")
        models, tasks = _texts(names["models"]), _texts(names["tasks"])
        proxies, classes, samples = (arrays[n] for n in ("proxies", "classes", "samples"))
        values = arrays["values"]
        if [a.dtype.str[1:] for a in (values, proxies, classes, samples)] != [
            "f8",
            "f8",
            "i8",
            "i8",
        ]:
            raise InputError("its arrays have other types than a history's; export it again.")
        performance = PerformanceMatrix(models, tasks, values)
        return History(performance, proxies, str(names["proxy"]), classes, samples)
    except InputError:
        raise
    except (SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError("this is no history, or it is damaged; export it again.") from error


def _texts(found: Sequence[object]) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise InputError("its names are not texts; export it again.")
    return tuple(str(name) for name in found)

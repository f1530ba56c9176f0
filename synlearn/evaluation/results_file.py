"""`results.json`: write `Results` atomically, read and validate them.

The file holds the fields of `Results` under the names they have in Python, plus three things that
derive from them and are there for people and scripts: `estimate` beside each list of values by
seed, `comparisons`, and whether each target was met. Reading recomputes these.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from synlearn.errors import InputError
from synlearn.evaluation.output import write_output
from synlearn.evaluation.results import Results

FORMAT = "synlearn.results/1"
DERIVED = {"estimate", "comparisons", "met"}

T = TypeVar("T")


def write_results(results: Results, path: Path) -> None:
    """Write `results` to `path`, completely or not at all.

    Raises:
        InputError: if the folder does not exist or cannot be written to.
    """
    write_output(path, results_to_json(results).encode())


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        InputError: if it cannot be read, is not JSON, or breaks the schema; the sentence names the
            place, such as "measurements[3].k".
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read {path} ({error}): pass a results.json file.") from error
    try:
        return results_from_json(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def results_to_json(results: Results) -> str:
    """The text of a results file; equal results give equal text."""
    content = {"format": FORMAT, **_encode(results)}
    content["comparisons"] = [_encode(comparison) for comparison in results.comparisons()]
    for target, row in zip(results.targets, content["targets"], strict=True):
        row["met"] = results.is_met(target)
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def results_from_json(text: str) -> Results:
    """Inverse of `results_to_json`; raises InputError as `read_results` does."""
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(content, ensure_ascii=False).encode()  # texts of half a character cannot be
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"This is not JSON ({error}): was the file cut off?") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise InputError(
            f'The file does not say "format": "{FORMAT}": '
            "it is no results file or comes from another version."
        )
    results: Results = _decode(Results, content, "")
    return results


def _refuse_constant(name: str) -> None:
    raise InputError(f"The file holds {name}, which is no JSON number: repeat the run.")


def _encode(value: Any) -> Any:  # noqa: ANN401 - the boundary to JSON
    if is_dataclass(value):
        plain = {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
        if hasattr(value, "estimate"):
            plain["estimate"] = _encode(value.estimate)
        return plain
    if isinstance(value, Mapping):
        return {str(key): _encode(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - the boundary to JSON
    """Build a value of the annotated type `kind`; `where` is its place in the file."""
    if is_dataclass(kind):
        return _decode_record(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:  # tuple[X, ...]
        entries: list[Any] = _expect(list, value, where, "a list")
        return tuple(_decode(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(entries))
    if origin is Mapping:  # Mapping[K, V]
        items: dict[str, Any] = _expect(dict, value, where, "an object")
        return {
            _decode_key(arguments[0], key, where): _decode(arguments[1], item, f"{where}.{key}")
            for key, item in items.items()
        }
    return _decode_scalar(arguments or (kind,), value, where)


def _decode_record(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401
    given: dict[str, Any] = _expect(dict, value, where, "an object")
    hints = get_type_hints(kind)
    at = f"{where}." if where else ""
    for key in given.keys() - hints.keys() - DERIVED:
        near = get_close_matches(key, hints, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; remove it."
        raise InputError(f"{at}{key} is not a field of a results file{hint}")
    found = {key: _decode(hints[key], given[key], f"{at}{key}") for key in hints if key in given}
    try:
        return kind(**found)
    except TypeError as error:
        raise InputError(f"{where or 'The file'} is incomplete ({error}).") from error


def _decode_key(kind: type, key: str, where: str) -> str | int:
    if kind is str:
        return key
    if not re.fullmatch(r"-?[0-9]{1,20}", key):
        raise InputError(f"{where}: the key {key!r} is no seed; seeds are whole numbers.")
    return int(key)


def _decode_scalar(kinds: tuple[type, ...], value: Any, where: str) -> Any:  # noqa: ANN401
    # Exact types, since a bool is an int to isinstance.
    if type(value) in kinds and not (type(value) is float and not math.isfinite(value)):
        return value
    if type(value) is int and float in kinds and abs(value) < 2**1023:
        return float(value)
    for kind in kinds:
        if issubclass(kind, StrEnum) and value in list(kind):
            return kind(value)
    names = " or ".join("null" if kind is NoneType else kind.__name__ for kind in kinds)
    raise InputError(f"{where} is {value!r}, where {names} is needed.")


def _expect(kind: type[T], value: object, where: str, name: str) -> T:
    if not isinstance(value, kind):
        raise InputError(f"{where or 'The file'} is {value!r}, where {name} is needed.")
    return value

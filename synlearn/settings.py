"""Settings files: TOML in, one frozen dataclass out, every field checked before anything runs.

A settings class is a frozen dataclass whose fields carry their limits in their metadata::

    @dataclass(frozen=True)
    class Learning:
        rounds: int = setting(20, low=1)

Sections of the file are fields whose type is such a class again.
"""

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from synlearn.errors import InputError

T = TypeVar("T")
_MISSING = dataclasses.MISSING
_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    Path: "a path, written as a text",
}


def setting(
    default: Any = _MISSING,  # noqa: ANN401  # any TOML value
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:  # noqa: ANN401  # what dataclasses.field returns, too
    """Declare one setting.

    Args:
        default: Its value when the file does not name it; without one it is required.
        low: Smallest value allowed, included.
        high: Largest value allowed, included.
        choices: The only texts allowed.
    """
    limits = {"low": low, "high": high, "choices": choices}
    if default is _MISSING:
        return dataclasses.field(metadata=limits)
    return dataclasses.field(default=default, metadata=limits)


def read_settings(cls: type[T], path: Path) -> T:
    """Read a TOML file into `cls`.

    Raises:
        InputError: The file is missing, is not TOML, or has a key or value that `cls` refuses.
    """
    return from_table(cls, read_table(path), where=str(path))


def read_table(path: Path) -> dict[str, Any]:
    """Read a TOML file as it is.

    Raises:
        InputError: The file is missing, or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a UTF-8 text file; is it a TOML file?") from error
    try:
        table = tomllib.loads(text)
        _check_integers(table)
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply; is it a settings file?") from error
    except ValueError as error:  # not always tomllib's own: Python reads no more than 4300 digits
        raise InputError(f"{path} is not valid TOML: {error}.") from error
    return table


def from_table(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build `cls` from a parsed table; `where` names the place in error messages.

    Raises:
        InputError: A key is unknown, a required one is missing, or a value has the wrong type
            or lies outside its limits.
    """
    assert dataclasses.is_dataclass(cls), cls  # noqa: S101  # our own mistake, not the file's
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in table:
        if key not in fields:
            raise InputError(f"{where}: unknown key '{key}'; {_nearest(key, list(fields))}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        kind = hints[name]
        place = f"{where}: {name}"
        if dataclasses.is_dataclass(kind):
            section = table.get(name, {})
            if not isinstance(section, dict):
                raise InputError(f"{where}: '{name}' must be a section, written as [{name}].")
            values[name] = from_table(typing.cast("type[Any]", kind), section, f"{where} [{name}]")
        elif name in table:
            values[name] = _checked(table[name], kind, field.metadata, place)
        elif field.default is _MISSING and field.default_factory is _MISSING:
            raise InputError(f"{place} is required and missing; add it to the file.")
    try:
        return typing.cast("T", cls(**values))
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def as_table(settings: Any) -> dict[str, Any]:  # noqa: ANN401  # any settings dataclass
    """Return the settings as plain nested dicts, defaults included, paths as text."""

    def plain(value: Any) -> Any:  # noqa: ANN401
        return str(value) if isinstance(value, Path) else value

    return dataclasses.asdict(
        settings, dict_factory=lambda items: {key: plain(value) for key, value in items}
    )


def _check_integers(value: Any) -> None:  # noqa: ANN401  # any TOML value
    """Raise ValueError for whole numbers of more than 64 bits, which TOML asks to refuse."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_integers(item)
    elif isinstance(value, int) and value.bit_length() > 63:
        raise ValueError("a whole number does not fit in 64 bits")


def _nearest(key: str, names: list[str]) -> str:
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(names)}."


def _checked(value: Any, kind: Any, limits: Mapping[str, Any], place: str) -> Any:  # noqa: ANN401
    value = _typed(value, kind, place)
    choices = limits.get("choices")
    if choices is not None and value not in choices:
        raise InputError(f"{place} is '{value}'; it must be one of {', '.join(choices)}.")
    low, high = limits.get("low"), limits.get("high")
    if (low is not None and value < low) or (high is not None and value > high):
        span = " and ".join(
            text
            for text, limit in ((f"at least {low}", low), (f"at most {high}", high))
            if limit is not None
        )
        raise InputError(f"{place} is {value}; it must be {span}.")
    return value


def _typed(value: Any, kind: Any, place: str) -> Any:  # noqa: ANN401
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        kind = next(arm for arm in typing.get_args(kind) if arm is not type(None))
        origin = typing.get_origin(kind)
    if origin is tuple:
        inner = typing.get_args(kind)[0]
        if not isinstance(value, list):
            raise InputError(f"{place} must be a list, not {value!r}.")
        return tuple(_typed(item, inner, place) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is Path and isinstance(value, str):
        if "\0" in value:
            raise InputError(f"{place} is {value!r}; no path holds a null character.")
        return Path(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(f"{place} must be {_WORDS.get(kind, kind.__name__)}, not {value!r}.")
    if kind is float and not math.isfinite(value):
        raise InputError(f"{place} is {value}; it must be a finite number.")
    return value

"""Reads JSON into frozen dataclasses, strictly: every field once, of its type, and no other."""

import json
import types
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import TypeVar, Union, get_args, get_origin, get_type_hints

from synlearn.strict_json import without_twins

Record = TypeVar("Record")


class RecordError(ValueError):
    """The JSON does not describe the record; the message says which field and what is wrong."""


def parse_record(
    kind: type[Record], data: bytes, *, absent: Collection[str] = frozenset()
) -> Record:
    """Parse a JSON object into dataclass `kind`.

    absent: fields that this version of the record does not have; they get their defaults.

    Understands str, int, float, bool, None, tuples, mappings with text keys, nested dataclasses and
    unions of these. Numbers are finite and texts are Unicode, so that the record can be written
    again. Raises RecordError.
    """
    try:
        value = json.loads(data, object_pairs_hook=without_twins)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise RecordError("it is not JSON") from error
    record = _read_dataclass(kind, value, "", absent)
    assert isinstance(record, kind)  # noqa: S101 - what `_read` returns for a dataclass
    return record


def _read(kind: object, value: object, path: str) -> object:
    """Return `value` as `kind`; `path` is the field's dotted name."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, value, path)
    if origin is tuple:
        return _read_tuple(arguments, value, path)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise RecordError(f"{path} is not an object")
        return {key: _read(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        return _read_dataclass(kind, value, path)
    return _read_scalar(getattr(kind, "__supertype__", kind), value, path)


def _read_union(kinds: tuple[object, ...], value: object, path: str) -> object:
    for kind in kinds:
        try:
            return _read(kind, value, path)
        except RecordError:
            continue
    raise RecordError(f"{path} has a value of the wrong type")


def _read_tuple(kinds: tuple[object, ...], value: object, path: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise RecordError(f"{path} is not a list")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise RecordError(f"{path} has {len(value)} items, not {len(kinds)}")
    return tuple(
        _read(kind, item, f"{path}[{place}]")
        for place, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _read_dataclass(
    kind: type, value: object, path: str, absent: Collection[str] = frozenset()
) -> object:
    if not isinstance(value, dict):
        raise RecordError(f"{path or 'it'} is not an object")
    prefix = f"{path}." if path else ""
    names = [field.name for field in fields(kind) if field.name not in absent]
    for name in names:
        if name not in value:
            raise RecordError(f"field {prefix}{name} is missing")
    for name in value:
        if name not in names:
            raise RecordError(f"field {prefix}{name} is unknown")
    hints = get_type_hints(kind)
    return kind(**{name: _read(hints[name], value[name], f"{prefix}{name}") for name in names})


def _read_scalar(kind: object, value: object, path: str) -> object:
    if kind is float and type(value) is int:  # JSON writers may drop the `.0`
        try:
            return float(value)
        except OverflowError as error:
            raise RecordError(f"{path} is too large") from error
    if type(value) is not kind:  # exact, since a bool is an int to isinstance
        raise RecordError(f"{path} has a value of the wrong type")
    return value

"""Checks the plain dataclasses of a stored MRE model: their types, choices and sizes.

Annotations alone hold nobody to anything, and what an index says decides how much is allocated.
"""

import dataclasses
from types import GenericAlias
from typing import Any, Literal, get_args, get_origin, get_type_hints

LARGEST = 2**20
"""Of any number of features, units or members."""


def check_spec(spec: object, *, least: int) -> None:
    """Check every field of a dataclass against its annotation.

    Args:
        spec: Its fields are texts, whole numbers, flags, choices, tuples of whole numbers, and
            dataclasses again.
        least: Smallest whole number that may be.

    Raises:
        ValueError: A field has another type, or is none of its choices, or out of range.
    """
    hints = get_type_hints(type(spec))
    for field in dataclasses.fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, field.name)
        if not _fits(value, hints[field.name], least):
            raise ValueError(f"{type(spec).__name__}.{field.name} is {str(value)[:80]!r}")


def _fits(value: object, kind: Any, least: int) -> bool:  # noqa: ANN401 - an annotation
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if isinstance(kind, GenericAlias):  # tuple[int, ...]
        return isinstance(value, tuple) and all(_fits(item, int, least) for item in value)
    if dataclasses.is_dataclass(kind):
        check_spec(value, least=least)
        return True
    if kind is int:
        return type(value) is int and least <= value <= LARGEST
    return type(value) is kind

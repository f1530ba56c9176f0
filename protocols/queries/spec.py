"""What questions and answers are made of, and the checks that both ends share."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Answer: TypeAlias = dict[str, Array]

MAX_MODELS = 512
"""Models in one question about classes."""
MAX_TASKS = 256
"""Tasks in one question."""
MAX_CLASSES = 1024
"""Names of classes in one question about whole classes."""
MAX_CLASS_NAME = 128
"""Bytes of a class name in UTF-8."""
MAX_OUTPUTS = 4096
"""Outputs or features of one model."""
MAX_ENTRIES = 2**21
"""Numbers in one array that crosses the wire: 16 MiB in float64, half the largest body."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


class QueryError(ValueError):
    """A question or an answer that the closed list does not allow."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What one array of an answer must be: dtype name, shape (None is any length), bounds.

    `low` and `high` are the least and the largest value allowed, infinite for none. NaN and
    infinities are never allowed; only plus infinity is where `unbounded` says so.
    """

    dtype: str
    shape: tuple[int | None, ...]
    low: float = -math.inf
    high: float = math.inf
    unbounded: bool = False


def check_array(place: str, array: Array, spec: ArraySpec) -> None:
    """Raise `QueryError` where `array` is not what `spec` says; `place` names it."""
    if array.dtype.name != spec.dtype:
        raise QueryError(f"{place} is {array.dtype.name}, not {spec.dtype}")
    fits = len(array.shape) == len(spec.shape) and all(
        want is None or have == want for have, want in zip(array.shape, spec.shape, strict=False)
    )
    if not fits:
        raise QueryError(f"{place} has shape {array.shape}, not {spec.shape}")
    if array.dtype.kind == "f":
        finite = np.isfinite(array) | (np.isposinf(array) & spec.unbounded)
        if not finite.all():
            raise QueryError(f"{place} holds a NaN or an infinity")
    if array.size and (array.min() < spec.low or array.max() > spec.high):
        raise QueryError(f"{place} lies outside [{spec.low}, {spec.high}]")


def check_digest(name: str, digest: str) -> None:
    """Raise `QueryError` unless `digest` is a SHA-256 in lower-case hex."""
    if not _DIGEST.fullmatch(digest):
        raise QueryError(f"{name} must be a SHA-256 digest in lower-case hex")


def check_digests(name: str, digests: Sequence[str], most: int) -> None:
    """Raise `QueryError` unless there are 1 to `most` digests."""
    check_range(f"number of {name}", len(digests), 1, most)
    for digest in digests:
        check_digest(name, digest)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise `QueryError` unless low <= value <= high; a NaN never is."""
    if not low <= value <= high:
        raise QueryError(f"{name} is {value}; it must lie in [{low}, {high}]")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise `QueryError` unless `value` is one of `choices`."""
    if value not in choices:
        raise QueryError(f"{name} is '{value[:40]}'; it must be one of {', '.join(choices)}")


def check_class_name(name: str) -> None:
    """Raise `QueryError` unless `name` can name a class: printable, not empty, not too long."""
    if not name.isprintable() or not 1 <= len(name.encode()) <= MAX_CLASS_NAME:
        raise QueryError(
            f"a class is named {name[:40]!r}; a name has 1 to {MAX_CLASS_NAME} bytes, all printable"
        )


def check_classes(name: str, classes: Sequence[str]) -> None:
    """Raise `QueryError` unless there are 1 to `MAX_CLASSES` different names of classes."""
    check_range(f"number of {name}", len(classes), 1, MAX_CLASSES)
    for item in classes:
        check_class_name(item)
    if len(set(classes)) != len(classes):
        raise QueryError(f"{name} has a class twice")


def check_entries(name: str, *sides: int) -> None:
    """Raise `QueryError` where an array of these sides has more than `MAX_ENTRIES` numbers."""
    check_range(f"size of {name}", math.prod(sides), 1, MAX_ENTRIES)

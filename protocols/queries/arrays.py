"""Arrays as parameters of a question: checked, kept read-only, compared by content."""

import dataclasses
from typing import Any

import numpy as np

from protocols.queries.spec import (
    MAX_TASKS,
    Array,
    ArraySpec,
    QueryError,
    check_array,
    check_entries,
    check_range,
)

MAX_TASK_CLASSES = 256
"""Classes in one task."""


class ByContent:
    """Equality and hash of a frozen dataclass that holds arrays; declare it with `eq=False`."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash((type(self), self._content()))

    def _content(self) -> tuple[Any, ...]:
        values = (getattr(self, field.name) for field in dataclasses.fields(self))  # type: ignore[arg-type]
        return tuple(
            (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
            for value in values
        )


def keep_array(query: object, name: str, spec: ArraySpec, *, most: int | None = None) -> Array:
    """Check an array parameter and put a read-only copy in its place.

    Args:
        query: The frozen dataclass, under construction.
        name: The parameter's.
        spec: What it must be.
        most: Most numbers in it; by default what one body may carry.

    Raises:
        QueryError: The array is not what `spec` says, has no number, or too many.
    """
    array: Array = getattr(query, name)
    check_array(name, array, spec)
    if most is None:
        check_entries(name, array.size)
    else:
        check_range(f"size of {name}", array.size, 1, most)
    if array.flags.writeable or not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
        array.flags.writeable = False
    object.__setattr__(query, name, array)
    return array


def keep_tasks(query: object, classes: int) -> Array:
    """Check the parameter `tasks`: which classes make up each task.

    It is (t, w) int32: indices into the question's classes, -1 behind the last class of a task that
    has fewer than w. No task names a class twice, and each has at least one.

    Raises:
        QueryError: It is not so.
    """
    spec = ArraySpec("int32", (None, None), low=-1, high=classes - 1)
    tasks = keep_array(query, "tasks", spec, most=MAX_TASKS * MAX_TASK_CLASSES)
    check_range("number of tasks", len(tasks), 1, MAX_TASKS)
    check_range("classes of a task", tasks.shape[1], 1, MAX_TASK_CLASSES)
    present = tasks >= 0
    if not present[:, 0].all() or (present[:, 1:] & ~present[:, :-1]).any():
        raise QueryError("tasks must name at least one class each, and -1 only behind the last")
    rising = np.sort(tasks, axis=1)
    if ((rising[:, 1:] == rising[:, :-1]) & (rising[:, 1:] >= 0)).any():
        raise QueryError("tasks names a class twice in one task")
    return tasks


def rows_of_tasks(tasks: Array, rows: Array) -> Array:
    """Rows behind each class of each task: (t, w), 0 where a task has no further class."""
    return np.where(tasks >= 0, rows[tasks], 0)


def within(name: str, values: Array, low: Array | float, high: Array | float) -> None:
    """Raise `QueryError` where a value lies outside bounds that come with the answer itself."""
    if (values < low).any() or (values > high).any():
        raise QueryError(f"'{name}' does not fit the rows that the answer tells of")

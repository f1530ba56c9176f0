"""A task as a metric knows it: a mean feature for each class, and how many examples are behind it.

All that has to leave a machine for its task to be ranked elsewhere: no image does, and no feature
of a single one where a class has several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import InputError

MOST_EXAMPLES: Final = 1_000_000
"""Of a class; more is a mistake."""
_LONGEST_FEATURE: Final = 1.001
"""Features of single images are of length 1, so their mean is no longer, but for rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class TaskMeans:
    """One task.

    Attributes:
        means: (c, f) float32, mean feature of the examples of each class, none longer than 1; for
            regression a single row, the mean of all.
        counts: (c,) int64 examples of each, at least 1.
        classes: (c,) their names.
    """

    means: NDArray[np.float32]
    counts: NDArray[np.int64]
    classes: tuple[str, ...]

    @classmethod
    def of(
        cls, means: ArrayLike, counts: ArrayLike, classes: Sequence[str] | None = None
    ) -> "TaskMeans":
        """Check what somebody says a task is.

        Args:
            means: (c, f) numbers.
            counts: (c,) whole numbers.
            classes: (c,) names, all different; where None, classes are numbered from 1.

        Raises:
            InputError: Shapes do not fit, a number is not finite or none that a mean of features
                could be, a count is below 1, or two classes have one name.
        """
        rows, numbers = _matrix(means), _counts(counts)
        if len(rows) != len(numbers):
            raise InputError(
                f"there are {len(rows)} class means and {len(numbers)} counts; give one of each "
                "for every class."
            )
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
        if not (lengths <= _LONGEST_FEATURE).all():  # so written, NaN is refused, too
            bad = int(np.argmin(lengths <= _LONGEST_FEATURE))
            raise InputError(
                f"the mean of class {bad + 1} is of length {lengths[bad]:.4g}: features of images "
                "are of length 1, and no mean of them is longer; send what the backbone gives."
            )
        names = tuple(classes) if classes is not None else numbered(len(rows))
        if len(names) != len(rows):
            raise InputError(
                f"there are {len(names)} class names for {len(rows)} classes; give one for each."
            )
        if len(set(names)) < len(names):
            raise InputError("two classes have the same name; give each its own.")
        return cls(rows, numbers, names)

    @property
    def examples(self) -> int:
        """Of the class that has fewest: K."""
        return int(self.counts.min())

    def nameless(self) -> "TaskMeans":
        """The same task; classes are numbered, so that their names stay where they are."""
        return TaskMeans(self.means, self.counts, numbered(len(self.counts)))


def numbered(count: int) -> tuple[str, ...]:
    """Names of classes that have none.

    >>> numbered(2)
    ('1', '2')
    """
    return tuple(str(number) for number in range(1, count + 1))


def _matrix(means: ArrayLike) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):
            rows = np.ascontiguousarray(means, np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "class means are not numbers of one shape; give a list of as many numbers for every "
            "class as the backbone has features."
        ) from error
    if rows.ndim != 2 or not rows.size:
        raise InputError(
            f"class means have shape {rows.shape}; give (classes, features), at least one of each."
        )
    if not np.isfinite(rows).all():
        bad = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise InputError(
            f"the mean of class {bad + 1} holds a NaN or an infinity; compute it again."
        )
    return rows


def _counts(counts: ArrayLike) -> NDArray[np.int64]:
    try:
        given = np.asarray(counts)
    except ValueError as error:
        raise InputError("counts are not whole numbers; give one for each class.") from error
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise InputError("counts are not whole numbers; give one for each class.")
    if len(given) and not (given.min() >= 1 and given.max() <= MOST_EXAMPLES):
        raise InputError(
            f"a class has {int(given.min())} to {int(given.max())} examples; counts lie in "
            f"1..{MOST_EXAMPLES:,}."
        )
    return given.astype(np.int64)

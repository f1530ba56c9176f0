"""How good a head on a model's frozen features is: sums to learn it from, then counts of hits.

The node splits its rows once, by its own secret, into a half A to learn from and a half B to test
on. `HeadStatistics` sums over A; least squares needs no more. `HeadCorrect` counts over B. Where
nothing is to be tested, `HeadStatistics` sums over all rows.

Features of every length become vectors of one width: longer ones are projected by signs that
`feature_signs` fixes for all nodes, shorter ones are filled up with zeros.
"""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocols.queries.arrays import ByContent, keep_array, keep_tasks, rows_of_tasks, within
from protocols.queries.spec import (
    MAX_MODELS,
    Answer,
    Array,
    ArraySpec,
    check_classes,
    check_digests,
    check_entries,
    check_range,
)

MAX_WIDTH = 1024
_ROUNDING = 1e-6
_LARGEST_WEIGHT = 1e12


def packed_length(width: int) -> int:
    """Numbers in the upper triangle of a (width, width) matrix, diagonal included.

    >>> packed_length(3)
    6
    """
    return width * (width + 1) // 2


def half_sizes(rows: int) -> tuple[int, int]:
    """How many of a class's rows are in half A and in half B; A has the odd one.

    >>> half_sizes(5)
    (3, 2)
    """
    return rows - rows // 2, rows // 2


def feature_signs(features: int, width: int) -> Array:
    """Public projection of `features` numbers to `width`: (features, width) float64, +-width^-1/2.

    Lengths are kept on average over such matrices; every node has the very same one.
    """
    name = f"synlearn/feature-signs/v1/{features}x{width}".encode()
    size = features * width
    stream = hashlib.shake_256(name).digest(-(-size // 8))
    bits = np.unpackbits(np.frombuffer(stream, np.uint8), count=size)
    signs: Array = (1.0 - 2.0 * bits).reshape(features, width) / np.sqrt(width)
    return signs


@dataclass(frozen=True, slots=True)
class HeadStatistics:
    """Per class, sums of several models' features and of their products, over its rows.

    Answer: `sums` (m, k, width) float64; `products` (m, k, width (width + 1) / 2) float64, the
    upper triangle of sum_i x_i x_i', row by row; `rows` (k,) int64. Zeros for a class not held.

    Attributes:
        models: m digests of files; architectures may differ.
        classes: k names.
        width: Of the features, once projected or filled up.
        unit_length: Divide each feature vector by its length, which bounds all sums by the rows.
        halved: Sum over half A of the rows alone.
    """

    function: ClassVar[str] = "head_statistics"
    models: tuple[str, ...]
    classes: tuple[str, ...]
    width: int
    unit_length: bool
    halved: bool

    def __post_init__(self) -> None:
        check_digests("models", self.models, MAX_MODELS)
        check_classes("classes", self.classes)
        check_range("width", self.width, 1, MAX_WIDTH)
        sides = (len(self.models), len(self.classes), packed_length(self.width))
        check_entries("the answer", *sides)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The models' files."""
        return self.models

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        sides = (len(self.models), len(self.classes))
        return {
            "sums": ArraySpec("float64", (*sides, self.width)),
            "products": ArraySpec("float64", (*sides, packed_length(self.width))),
            "rows": ArraySpec("int64", sides[1:], low=0),
        }

    def check(self, answer: Answer) -> None:
        """Raise `QueryError` where the sums are more than the rows allow, or no sums of squares."""
        rows = answer["rows"][:, None]
        squares = answer["products"][..., _diagonal(self.width)]
        within("products", squares, 0.0, np.inf)
        # Cauchy and Schwarz: |sum_i x_i|^2 <= n sum_i x_i^2, entry by entry.
        limit = np.sqrt(rows * squares) * (1 + _ROUNDING)
        within("sums", answer["sums"], -limit, limit)
        if self.unit_length:
            most = answer["rows"] * (1 + _ROUNDING)
            within("products", squares.sum(axis=2), 0.0, most)


@dataclass(frozen=True, slots=True, eq=False)
class HeadCorrect(ByContent):
    """How often the heads of several tasks are right about the rows of half B.

    A head says class argmax_y (w_y' x + b_y) of its task, the first of equal ones.

    Answer: `correct` (m, t, w) int64, rows of each class of each task that the head is right about;
    `rows` (k,) int64, rows of half B. Zeros for a class not held, and where a task has no further.

    Attributes:
        models: m digests of files; architectures may differ.
        classes: k names.
        unit_length: As in `HeadStatistics`.
        tasks: (t, w) int32, indices into `classes`, -1 behind the last class of a task.
        weights: (m, t, w, width) float32, of each model's head for each task.
        biases: (m, t, w) float32.
    """

    function: ClassVar[str] = "head_correct"
    models: tuple[str, ...]
    classes: tuple[str, ...]
    unit_length: bool
    tasks: Array
    weights: Array
    biases: Array

    def __post_init__(self) -> None:
        check_digests("models", self.models, MAX_MODELS)
        check_classes("classes", self.classes)
        tasks = keep_tasks(self, len(self.classes))
        shape = (len(self.models), *tasks.shape)
        bounds = (-_LARGEST_WEIGHT, _LARGEST_WEIGHT)
        weights = keep_array(self, "weights", ArraySpec("float32", (*shape, None), *bounds))
        check_range("width", weights.shape[3], 1, MAX_WIDTH)
        keep_array(self, "biases", ArraySpec("float32", shape, *bounds))

    @property
    def blobs(self) -> tuple[str, ...]:
        """The models' files."""
        return self.models

    @property
    def width(self) -> int:
        """Of the features, once projected or filled up."""
        return int(self.weights.shape[3])

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {
            "correct": ArraySpec("int64", (len(self.models), *self.tasks.shape), low=0),
            "rows": ArraySpec("int64", (len(self.classes),), low=0),
        }

    def check(self, answer: Answer) -> None:
        """Raise `QueryError` where a head is right about more rows than there are."""
        within("correct", answer["correct"], 0, rows_of_tasks(self.tasks, answer["rows"]))


def _diagonal(width: int) -> Array:
    """Where the packed upper triangle holds the diagonal."""
    lengths = np.arange(width, 0, -1)
    return np.concatenate([[0], np.cumsum(lengths[:-1])])

"""The closed list of questions that a coordinator may ask, and the shape of every answer.

Each question is a frozen dataclass whose construction checks its parameters, so that none can
exist in a wrong state at either end. `answer` names the arrays that come back; a node refuses to
send, and a coordinator refuses to use, anything else.

Callers never choose rows: a question names how many, and the node draws them.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, get_type_hints

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, FrameError, Refused
from protocols.values import Value, decode_values, encode_values

Array: TypeAlias = npt.NDArray[Any]
Answer: TypeAlias = dict[str, Array]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_MODELS = 4096
_MAX_ROWS = 1_000_000
MAX_BATCH = 256
"""Rows in one batch of pre-training: a node's memory grows with its cube, the triplets."""


class QueryError(ValueError):
    """A question or an answer that the closed list does not allow."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What one array of an answer must be: dtype name, shape (None is any length), bound.

    `bound` is the largest absolute value allowed, infinity for none; NaN is never allowed.
    """

    dtype: str
    shape: tuple[int | None, ...]
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True, slots=True)
class Describe:
    """How many rows the provider answers for, and the shape of one input.

    Answer: `rows` () int64; `input_shape` (d,) int64; `targets` () int64, the number of values
    to predict for each row.
    """

    function: ClassVar[str] = "describe"

    @property
    def blobs(self) -> tuple[str, ...]:
        """Digests of the files needed for the answer: none."""
        return ()

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {
            "rows": ArraySpec("int64", (), low=0),
            "input_shape": ArraySpec("int64", (None,), low=1),
            "targets": ArraySpec("int64", (), low=0),
        }


@dataclass(frozen=True, slots=True)
class PretrainingGradient:
    """Gradient of the class-wise hinge *sum* at one backbone, and the hinge counts.

    The sum and the count decompose over providers; the mean hinge that the coordinator
    minimises is their quotient (SynLearn, Algorithm 1, line 4).

    Answer: `gradient` (p,) float32 or float64, parameters in the backbone file's order;
    `hinge_sum` () float64; `active` () int64, hinges above zero; `triplets` () int64.
    """

    function: ClassVar[str] = "pretraining_gradient"
    backbone: str
    classes: int
    rows_per_class: int
    margin: float
    precision: str = "float32"

    def __post_init__(self) -> None:
        _check_digest("backbone", self.backbone)
        _check_range("classes", self.classes, 2, 64)
        _check_range("rows_per_class", self.rows_per_class, 2, 256)
        _check_range("classes x rows_per_class", self.classes * self.rows_per_class, 4, MAX_BATCH)
        _check_range("margin", self.margin, 0.0, 100.0)
        _check_choice("precision", self.precision, ("float32", "float64"))

    @property
    def blobs(self) -> tuple[str, ...]:
        """The backbone's file."""
        return (self.backbone,)

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {"gradient": ArraySpec(self.precision, (None,)), **_HINGE_COUNTS}


@dataclass(frozen=True, slots=True)
class PretrainingUpdate:
    """The change of the backbone's parameters after a few local gradient steps.

    Plain gradient descent on the provider's mean hinge, `steps` times with fresh rows; the
    coordinator averages the changes, weighted by triplets.

    Answer: `change` (p,) float32 or float64, new parameters minus old; and, over all local steps,
    `hinge_sum`, `active` and `triplets` as in `PretrainingGradient`.
    """

    function: ClassVar[str] = "pretraining_update"
    backbone: str
    classes: int
    rows_per_class: int
    margin: float
    steps: int
    learning_rate: float
    precision: str = "float32"

    def __post_init__(self) -> None:
        PretrainingGradient.__post_init__(self)  # type: ignore[arg-type]
        _check_range("steps", self.steps, 1, 1000)
        _check_range("learning_rate", self.learning_rate, 0.0, 10.0)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The backbone's file."""
        return (self.backbone,)

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {"change": ArraySpec(self.precision, (None,)), **_HINGE_COUNTS}


@dataclass(frozen=True, slots=True)
class SquaredError:
    """Sums of squared errors of several models over the same sampled rows.

    Answer: `sums` (m,) float64, for each model the sum over rows and targets; `count` () int64,
    rows times targets.
    """

    function: ClassVar[str] = "squared_error"
    models: tuple[str, ...]
    rows: int

    def __post_init__(self) -> None:
        _check_range("number of models", len(self.models), 1, _MAX_MODELS)
        for digest in self.models:
            _check_digest("models", digest)
        _check_range("rows", self.rows, 1, _MAX_ROWS)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The models' files."""
        return self.models

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {
            "sums": ArraySpec("float64", (len(self.models),), low=0),
            "count": ArraySpec("int64", (), low=1),
        }


@dataclass(frozen=True, slots=True)
class TargetFeatures:
    """Target datasets of an isolated closure: means of `g_mu` over K rows, several draws.

    The metric model sees a target dataset only through this mean, so no row has to leave.

    Answer: `means` (draws, width) float32, each within the unit ball, since the features of
    `g_mu` have unit length.
    """

    function: ClassVar[str] = "target_features"
    backbone: str
    k: int
    draws: int

    def __post_init__(self) -> None:
        _check_digest("backbone", self.backbone)
        _check_range("k", self.k, 1, _MAX_ROWS)
        _check_range("draws", self.draws, 1, 10_000)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The backbone's file."""
        return (self.backbone,)

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {"means": ArraySpec("float32", (self.draws, None), low=-1.001, high=1.001)}


Query: TypeAlias = (
    Describe | PretrainingGradient | PretrainingUpdate | SquaredError | TargetFeatures
)

QUERIES: dict[str, type[Query]] = {
    kind.function: kind
    for kind in (Describe, PretrainingGradient, PretrainingUpdate, SquaredError, TargetFeatures)
}

_HINGE_COUNTS = {
    "hinge_sum": ArraySpec("float64", (), low=0),
    "active": ArraySpec("int64", (), low=0),
    "triplets": ArraySpec("int64", (), low=0),
}


def encode_query(query: Query) -> bytes:
    """Return the question's body as it crosses the wire; equal questions give equal bytes."""
    fields = {
        field.name: getattr(query, field.name)
        for field in sorted(dataclasses.fields(query), key=lambda field: field.name)
    }
    return encode_values(query.function, fields)


def decode_query(body: bytes) -> Query:
    """Parse a question's body.

    Raises:
        Refused: The function is not on the closed list, or a parameter is missing, unknown, of
            the wrong type or out of range; nothing else, whatever the bytes.
    """
    try:
        function, values = decode_values(body)
    except FrameError as error:
        raise Refused(Code.BAD_PARAMETERS, local=f"the body is unreadable: {error}") from error
    kind = QUERIES.get(function)
    if kind is None:
        raise Refused(Code.UNKNOWN_FUNCTION, local=f"asked for '{function[:80]}'")
    hints = get_type_hints(kind)
    names = {field.name for field in dataclasses.fields(kind)}
    if set(values) != names:
        odd = ", ".join(sorted(set(values) ^ names))
        raise Refused(Code.BAD_PARAMETERS, local=f"{function}: missing or unknown: {odd[:200]}")
    for name, value in values.items():
        if not _has_type(value, str(hints[name])):
            raise Refused(Code.BAD_PARAMETERS, local=f"{function}: {name} has a wrong type")
    try:
        return kind(**values)  # type: ignore[arg-type]
    except QueryError as error:
        raise Refused(Code.BAD_PARAMETERS, local=f"{function}: {error}") from error


def encode_answer(query: Query, answer: Answer) -> bytes:
    """Return an answer's body, after checking that it is what the question promises.

    Raises:
        QueryError: An array is missing or extra, has another dtype or shape, lies outside its
            bounds, or holds a NaN or infinity.
    """
    check_answer(query, answer)
    return encode_values("", answer)


def decode_answer(query: Query, body: bytes) -> Answer:
    """Parse and check an answer's body; the coordinator's side of `encode_answer`.

    Raises:
        QueryError: As `encode_answer`, or the body holds something other than arrays.
    """
    try:
        _, values = decode_values(body)
    except FrameError as error:
        raise QueryError(f"{query.function}: the answer is unreadable: {error}") from error
    answer: Answer = {}
    for name, value in values.items():
        if not isinstance(value, np.ndarray):
            raise QueryError(f"{query.function}: '{name}' is not an array")
        answer[name] = value
    check_answer(query, answer)
    return answer


def check_answer(query: Query, answer: Answer) -> None:
    """Raise `QueryError` where `answer` is not what `query` promises."""
    specs = query.answer
    if set(answer) != set(specs):
        odd = ", ".join(sorted(set(answer) ^ set(specs)))
        raise QueryError(f"{query.function}: arrays missing or unknown: {odd[:200]}")
    for name, spec in specs.items():
        array = answer[name]
        place = f"{query.function}: '{name}'"
        if array.dtype.name != spec.dtype:
            raise QueryError(f"{place} is {array.dtype.name}, not {spec.dtype}")
        fits = len(array.shape) == len(spec.shape) and all(
            want is None or have == want
            for have, want in zip(array.shape, spec.shape, strict=False)
        )
        if not fits:
            raise QueryError(f"{place} has shape {array.shape}, not {spec.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise QueryError(f"{place} holds a NaN or an infinity")
        if array.size and (array.min() < spec.low or array.max() > spec.high):
            raise QueryError(f"{place} lies outside [{spec.low}, {spec.high}]")


def _has_type(value: Value, hint: str) -> bool:
    if "tuple" in hint:
        return isinstance(value, tuple)
    if "float" in hint:
        return isinstance(value, float)
    if "int" in hint:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)


def _check_digest(name: str, digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise QueryError(f"{name} must be a SHA-256 digest in lower-case hex")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise QueryError(f"{name} is {value}; it must lie in [{low}, {high}]")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise QueryError(f"{name} is '{value[:40]}'; it must be one of {', '.join(choices)}")

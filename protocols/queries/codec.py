"""The closed list, and questions and answers as they cross the wire."""

import dataclasses
from collections.abc import Mapping
from typing import TypeAlias, TypeVar, get_type_hints

import numpy as np

from protocols.errors import Code, FrameError, Refused
from protocols.queries.class_features import ClassFeatureSums
from protocols.queries.describe import Describe
from protocols.queries.evidence import TaskEvidence
from protocols.queries.heads import HeadCorrect, HeadStatistics
from protocols.queries.outputs import ClassOutputs, LeepLikelihood
from protocols.queries.pretraining import PretrainingGradient, PretrainingUpdate
from protocols.queries.regression import SquaredError, TargetFeatures
from protocols.queries.spec import Answer, QueryError, check_array
from protocols.values import Value, decode_values, encode_values

Query: TypeAlias = (
    Describe
    | PretrainingGradient
    | PretrainingUpdate
    | SquaredError
    | TargetFeatures
    | ClassOutputs
    | LeepLikelihood
    | HeadStatistics
    | HeadCorrect
    | TaskEvidence
)
"""A question that one provider answers by itself: SQUERY."""

QUERIES: dict[str, type[Query]] = {
    kind.function: kind
    for kind in (
        Describe,
        PretrainingGradient,
        PretrainingUpdate,
        SquaredError,
        TargetFeatures,
        ClassOutputs,
        LeepLikelihood,
        HeadStatistics,
        HeadCorrect,
        TaskEvidence,
    )
}

_FitsItself: TypeAlias = (
    Describe | ClassOutputs | LeepLikelihood | HeadStatistics | HeadCorrect | TaskEvidence
)
"""Questions that check more of an answer than its arrays one by one."""

SumQuery: TypeAlias = ClassFeatureSums
"""A question whose answer exists only as a sum over several providers: MQUERY."""

SUM_QUERIES: dict[str, type[SumQuery]] = {ClassFeatureSums.function: ClassFeatureSums}

_Kind = TypeVar("_Kind", Query, SumQuery)

_KINDS: tuple[type[Query | SumQuery], ...] = (*QUERIES.values(), *SUM_QUERIES.values())
_HINTS = {
    kind.function: {
        field.name: str(get_type_hints(kind)[field.name]) for field in dataclasses.fields(kind)
    }
    for kind in _KINDS
}
"""Types of all parameters in words; looked up for each question, they took longer than the rest."""


def encode_query(query: Query | SumQuery) -> bytes:
    """Return the question's body as it crosses the wire; equal questions give equal bytes."""
    fields = {field.name: getattr(query, field.name) for field in dataclasses.fields(query)}
    return encode_values(query.function, fields)


def decode_query(body: bytes) -> Query:
    """Parse the body of a question that one provider answers by itself.

    Raises:
        Refused: The function is not on the closed list, or a parameter is missing, unknown, of
            the wrong type or out of range; nothing else, whatever the bytes.
    """
    return _decode(body, QUERIES)


def decode_sum_query(body: bytes) -> SumQuery:
    """Parse the body of a question that is answered under secure aggregation only.

    Raises:
        Refused: As `decode_query`.
    """
    return _decode(body, SUM_QUERIES)


def encode_answer(query: Query, answer: Answer) -> bytes:
    """Return an answer's body, after checking that it is what the question promises.

    Raises:
        QueryError: An array is missing or extra, has another dtype or shape, lies outside its
            bounds, holds a NaN or infinity, or does not fit another.
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
        check_array(f"{query.function}: '{name}'", answer[name], spec)
    if isinstance(query, _FitsItself):
        try:
            query.check(answer)
        except QueryError as error:
            raise QueryError(f"{query.function}: {error}") from error


def _decode(body: bytes, kinds: Mapping[str, type[_Kind]]) -> _Kind:
    try:
        function, values = decode_values(body)
    except FrameError as error:
        raise Refused(Code.BAD_PARAMETERS, local=f"the body is unreadable: {error}") from error
    kind = kinds.get(function)
    if kind is None:
        raise Refused(Code.UNKNOWN_FUNCTION, local=f"asked for '{function[:80]}'")
    hints = _HINTS[function]
    if values.keys() != hints.keys():
        odd = ", ".join(sorted(values.keys() ^ hints.keys()))
        raise Refused(Code.BAD_PARAMETERS, local=f"{function}: missing or unknown: {odd[:200]}")
    for name, value in values.items():
        if not _has_type(value, hints[name]):
            raise Refused(Code.BAD_PARAMETERS, local=f"{function}: {name} has a wrong type")
    try:
        return kind(**values)  # type: ignore[arg-type]
    except QueryError as error:
        raise Refused(Code.BAD_PARAMETERS, local=f"{function}: {error}") from error


def _has_type(value: Value, hint: str) -> bool:
    for word, kind in (("ndarray", np.ndarray), ("tuple", tuple), ("float", float), ("bool", bool)):
        if word in hint:
            return isinstance(value, kind)
    if "int" in hint:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)

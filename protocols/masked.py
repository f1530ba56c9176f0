"""Answers that exist as one vector of numbers, so that secure aggregation can add them up.

A sum-valued answer is a few arrays. Here they become one vector, in the same order at every party,
and the sum of the vectors becomes arrays again. A secure aggregation has one bound and one step for
all entries; arrays whose bound is known beforehand are scaled to it by a power of two, which costs
no bit, so that a count beside a gradient neither drowns it nor is drowned.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, FrameError, Refused
from protocols.queries import (
    SUM_QUERIES,
    Answer,
    ClassFeatureSums,
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    Query,
    QueryError,
    SquaredError,
    SumQuery,
    decode_query,
    decode_sum_query,
)
from protocols.queries.outputs import LEAST_LIKELIHOOD
from protocols.queries.sensitivity import of_rows
from protocols.values import decode_values

WholeClassQuery: TypeAlias = ClassOutputs | LeepLikelihood | HeadStatistics | HeadCorrect
"""Sums over all rows of each class, or of a half that the node has set aside for good."""

MaskedQuery: TypeAlias = SquaredError | PretrainingGradient | ClassFeatureSums | WholeClassQuery
"""A question whose answers may be added up under masks."""

MASKED: dict[str, type[MaskedQuery]] = {
    kind.function: kind
    for kind in (
        SquaredError,
        PretrainingGradient,
        ClassFeatureSums,
        ClassOutputs,
        LeepLikelihood,
        HeadStatistics,
        HeadCorrect,
    )
}
"""The closed list of functions that a secure aggregation may ask."""

ROWS = "rows"
"""Name of the one class slot of questions that are not about classes."""

_UNIT_DISTANCE = 4.0
"""Largest squared distance of two features of unit length."""


_ROUNDED = 1 + 1e-6
"""Probabilities and unit vectors are so exactly what they should be."""


@dataclass(frozen=True, slots=True)
class Part:
    """One array of an answer.

    Attributes:
        name: Of the array.
        shape: None is any length; at most one of a vector's axes is.
        whole: Whether its entries are integers.
        most: Largest size of one party's entry; None where only the question's bound says.
    """

    name: str
    shape: tuple[int | None, ...]
    whole: bool = False
    most: float | None = None


@dataclass(frozen=True, slots=True)
class VectorLayout:
    """Where the arrays of an answer stand in the vector.

    Attributes:
        parts: In the vector's order.
    """

    parts: tuple[Part, ...]

    def least_length(self) -> int:
        """Entries of the vector where the axis of any length has one."""
        return sum(math.prod(side or 1 for side in part.shape) for part in self.parts)

    def shapes(self, length: int) -> dict[str, tuple[int, ...]]:
        """Each array's shape in a vector of `length` entries.

        Raises:
            QueryError: No answer has that length.
        """
        spare = length - self.least_length()
        free = [part for part in self.parts if None in part.shape]
        stride = math.prod(side or 1 for side in free[0].shape) if free else 0
        if spare < 0 or (spare % stride if stride else spare):
            raise QueryError(f"no answer to this question is a vector of {length} entries")
        side_of_any = 1 + (spare // stride if stride else 0)
        return {
            part.name: tuple(side_of_any if side is None else side for side in part.shape)
            for part in self.parts
        }

    def check_bound(self, bound: float) -> None:
        """Raise `QueryError` where an array known beforehand cannot be scaled to `bound`."""
        for part in self.parts:
            _scale(part, bound)

    def coarsest_step(self, bound: float) -> float:
        """The largest step, a power of two, at which integers still add up exactly."""
        return min((_scale(part, bound) for part in self.parts if part.whole), default=math.inf)

    def flatten(self, answer: Answer, bound: float) -> npt.NDArray[np.float64]:
        """One party's answer as a vector, float64; what is out of bound is left as it is.

        Raises:
            QueryError: An array has an entry beyond what its question allows.
        """
        for part in self.parts:
            array = answer[part.name]
            if part.most is not None and array.size and not np.abs(array).max() <= part.most:
                raise QueryError(f"'{part.name}' lies outside [-{part.most}, {part.most}]")
        return np.concatenate(
            [
                answer[part.name].astype(np.float64).ravel() * _scale(part, bound)
                for part in self.parts
            ]
        )

    def unflatten(self, total: npt.NDArray[np.float64], bound: float) -> Answer:
        """The sum of vectors as arrays: int64 where `Part.whole`, else float64.

        Raises:
            QueryError: No answer has that length.
        """
        answer: Answer = {}
        start = 0
        shapes = self.shapes(len(total))
        for part in self.parts:
            shape = shapes[part.name]
            end = start + math.prod(shape)
            values = total[start:end] / _scale(part, bound)
            array = np.rint(values).astype(np.int64) if part.whole else values
            answer[part.name] = array.reshape(shape)
            start = end
        return answer


def vector_of(query: MaskedQuery) -> VectorLayout:
    """How the answers to `query` become vectors."""
    if isinstance(query, ClassFeatureSums):
        return VectorLayout((Part("sums", (len(query.slots), query.width)),))
    most = _most(query) if isinstance(query, PretrainingGradient) else {}
    return VectorLayout(
        tuple(
            Part(name, spec.shape, whole=spec.dtype == "int64", most=most.get(name))
            for name, spec in query.answer.items()
        )
    )


def slots_of(query: MaskedQuery) -> tuple[str, ...]:
    """Names of the class slots of a question; each party says how many rows it adds to each."""
    if isinstance(query, ClassFeatureSums):
        return query.slots
    return query.classes if isinstance(query, WholeClassQuery) else (ROWS,)


def bound_of(query: MaskedQuery, rows: int) -> float | None:
    """Largest size of an entry over so many rows of a party, where the function itself says.

    A question has to state no smaller one: who is refused for an entry out of bound would tell
    something about its rows.

    Args:
        query: What each party computes.
        rows: Most rows that it adds to any class slot.

    Returns:
        None where nothing but the rows decides.
    """
    match query:
        case ClassFeatureSums():
            return query.bound(rows)
        case ClassOutputs() | HeadCorrect():
            return rows * _ROUNDED
        case LeepLikelihood():
            return rows * -math.log(LEAST_LIKELIHOOD) * _ROUNDED
        case HeadStatistics():
            return rows * _ROUNDED if query.unit_length else None
        case _:
            return None


def sensitivity(query: MaskedQuery, bound: float, length: int) -> float:
    """How far another row in place of one can move a party's vector, as a Euclidean distance.

    Where the function itself says nothing, the vector's bound does: then a whole party's part is
    protected as well.

    Args:
        query: What each party computes.
        bound: Largest size of an entry of the vector.
        length: Entries of the vector.
    """
    everything = 2 * bound * math.sqrt(length)
    if isinstance(query, WholeClassQuery):
        parts = of_rows(query)
        return everything if parts is None else min(math.hypot(*parts.values()), everything)
    if isinstance(query, ClassFeatureSums):
        # A row has a vector of length 1 in every slot of its class that happens to draw it.
        slots = max(Counter(query.slots).values())
        return min(2 * math.sqrt(slots), everything)
    return everything


def decode_masked(body: bytes) -> MaskedQuery:
    """Parse the body of a question to be answered under masks.

    Raises:
        Refused: UNKNOWN_FUNCTION, it is not on the closed list of such questions; or as
            `decode_query` has it.
    """
    try:
        function, _ = decode_values(body)
    except FrameError as error:
        raise Refused(Code.BAD_PARAMETERS, local=f"the body is unreadable: {error}") from error
    query: Query | SumQuery = (
        decode_sum_query(body) if function in SUM_QUERIES else decode_query(body)
    )
    if not isinstance(query, MaskedQuery):
        raise Refused(Code.UNKNOWN_FUNCTION, local=f"{query.function} has no sum to be masked")
    return query


def _most(query: PretrainingGradient) -> dict[str, float]:
    """Largest counts of hinges: an anchor, another row of its class, a row of another class."""
    rows = query.rows_per_class
    triplets = query.classes * rows * (rows - 1) * (query.classes - 1) * rows
    return {
        "hinge_sum": triplets * (_UNIT_DISTANCE + query.margin),
        "active": triplets,
        "triplets": triplets,
    }


def _scale(part: Part, bound: float) -> float:
    """The power of two that brings a part's own bound just below `bound`."""
    if part.most is None:
        return 1.0
    room = bound / max(part.most, 1.0)
    if not (math.isfinite(room) and room > 0):
        raise QueryError(f"'{part.name}' cannot be scaled to a bound of {bound}")
    return math.ldexp(1.0, math.frexp(room)[1] - 1)

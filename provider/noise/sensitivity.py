"""What of each plain answer is noised, and how far one row can move it.

Neighbours are as in `protocols.queries.sensitivity`: one row of one class is another row of that
class. Which rows a node draws, and into which half it puts them, depends on their numbers alone, so
it is the same for neighbours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from protocols.errors import Code, Refused
from protocols.queries import (
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
)
from protocols.queries.sensitivity import ROUNDING, of_rows
from provider.noise.rule import NoiseRule

_HINGE_ROUNDING = 1.001
"""A sum of hinges in float32 is so exactly what it should be, as seen from one row's part."""
_LARGEST_DISTANCE = 4.0
"""Squared distance of two features of unit length."""


@dataclass(frozen=True, slots=True)
class Noised:
    """One array of an answer that gets noise.

    Attributes:
        sensitivity: Greatest Euclidean distance between the arrays of neighbours.
        share: Of the question's rho, above 0; the shares of a question's arrays sum to 1.
    """

    sensitivity: float
    share: float = 1.0


def noised(query: Query, rule: NoiseRule) -> dict[str, Noised]:
    """The arrays of an answer that get noise, by name; all others are the same for neighbours.

    Raises:
        Refused: NOT_ALLOWED, no bound is known for what one row can move.
    """
    match query:
        case Describe():
            return {}
        case ClassOutputs() | LeepLikelihood() | HeadStatistics() | HeadCorrect():
            return _alike(of_rows(query) or _unbounded(query))
        case SquaredError():
            return {"sums": Noised(of_squared_error(query, rule.clip))}
        case TargetFeatures():
            return {"means": Noised(of_target_features(query))}
        case PretrainingGradient() | PretrainingUpdate():
            active, hinge_sum = of_hinges(query)
            vector = "gradient" if isinstance(query, PretrainingGradient) else "change"
            return {
                vector: Noised(of_clipped_vector(rule.clip), 0.8),
                "hinge_sum": Noised(hinge_sum, 0.1),
                "active": Noised(active, 0.1),
            }
        case TaskEvidence():
            return _alike(_unbounded(query))


def of_squared_error(query: SquaredError, clip: float) -> float:
    """`sums`: clip sqrt(m), for m models, since a row adds 0 to `clip` to each sum."""
    return clip * math.sqrt(len(query.models)) * ROUNDING


def of_target_features(query: TargetFeatures) -> float:
    """`means`: (2 / K) sqrt(draws).

    A row has a feature of length 1 at most in a mean of K; another row's is at most 2 away. It may
    be in every draw, since draws of a question are independent of each other.
    """
    return 2 / query.k * math.sqrt(query.draws) * ROUNDING


def of_clipped_vector(clip: float) -> float:
    """`gradient` and `change`: 2 clip, since both vectors are clipped to that length."""
    return 2 * clip * ROUNDING


def of_hinges(query: PretrainingGradient | PretrainingUpdate) -> tuple[float, float]:
    """`active` and `hinge_sum`: 3 T / n, and that times (4 + margin), for T triplets of n rows.

    A triplet has three rows, so a row is in 3 T / n of them; each counts as 0 or 1, and its hinge
    lies between 0 and 4 + margin, features having unit length. A row is in a batch once at most.
    From the second local step on the whole backbone depends on the row, so all triplets may.
    """
    rows = query.rows_per_class
    each = (rows - 1) * (query.classes - 1) * rows  # triplets of one anchor
    moved = 3.0 * each
    if isinstance(query, PretrainingUpdate):
        moved += (query.steps - 1) * query.classes * rows * each
    return moved, moved * (_LARGEST_DISTANCE + query.margin) * _HINGE_ROUNDING


def _alike(sensitivities: Mapping[str, float]) -> dict[str, Noised]:
    share = 1 / len(sensitivities)
    return {name: Noised(sensitivity, share) for name, sensitivity in sensitivities.items()}


def _unbounded(query: Query) -> dict[str, float]:
    why = (
        "features without unit length have no bound; ask for unit_length"
        if isinstance(query, HeadStatistics)
        else "scores of a few rows have no useful bound"
    )
    raise Refused(Code.NOT_ALLOWED, local=f"{query.function} cannot be answered with noise: {why}")

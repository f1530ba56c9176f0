"""Noisy arrays become an answer that the question allows.

Everything here is a function of noisy numbers and of public ones: numbers of rows and the question.
So it costs no privacy, whatever it does.
"""

import math

import numpy as np
import numpy.typing as npt

from protocols.queries import (
    Answer,
    Array,
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
from protocols.queries.arrays import rows_of_tasks
from protocols.queries.outputs import LEAST_LIKELIHOOD
from provider.noise.projections import (
    onto_ball,
    onto_moments,
    onto_simplex,
    onto_whole_simplex,
)
from provider.noise.rule import NoiseRule

Noisy = dict[str, npt.NDArray[np.float64]]


def allowed(query: Query, noisy: Noisy, public: Answer, rule: NoiseRule) -> Answer:
    """Bring noisy arrays into the ranges, types and sums that `check_answer` asks for.

    Args:
        query: The question.
        noisy: Its noisy arrays by name, float64, any values.
        public: The arrays that got no noise.
        rule: For its clipping.
    """
    return {**_arrays(query, noisy, public, rule), **public}


def _arrays(  # noqa: PLR0911 - one for each function
    query: Query, noisy: Noisy, public: Answer, rule: NoiseRule
) -> Answer:
    match query:
        case ClassOutputs():
            shape = noisy["sums"].shape[:2]
            rows = np.broadcast_to(public["rows"], shape)
            return {
                "sums": onto_simplex(noisy["sums"], rows.astype(np.float64)),
                "hard": onto_whole_simplex(noisy["hard"], rows),
            }
        case LeepLikelihood():
            rows = rows_of_tasks(query.tasks, public["rows"])
            return {"sums": noisy["sums"].clip(rows * math.log(LEAST_LIKELIHOOD), 0.0)}
        case HeadStatistics():
            rows = np.broadcast_to(public["rows"], noisy["sums"].shape[:2]).astype(np.float64)
            sums, products = onto_moments(noisy["sums"], noisy["products"], rows)
            return {"sums": sums, "products": products}
        case HeadCorrect():
            rows = rows_of_tasks(query.tasks, public["rows"])
            return {"correct": _whole(noisy["correct"], rows)}
        case SquaredError():
            return {"sums": noisy["sums"].clip(0.0, query.rows * rule.clip)}
        case TargetFeatures():
            return {"means": onto_ball(noisy["means"], 1.0).astype(np.float32)}
        case PretrainingGradient() | PretrainingUpdate():
            return _of_hinges(query, noisy, public)
        case Describe() | TaskEvidence():
            return {}


def _of_hinges(
    query: PretrainingGradient | PretrainingUpdate, noisy: Noisy, public: Answer
) -> Answer:
    name = "gradient" if isinstance(query, PretrainingGradient) else "change"
    triplets = int(public["triplets"])
    most = triplets * (4.0 + query.margin)
    return {
        name: noisy[name].astype(query.precision),
        "hinge_sum": np.asarray(noisy["hinge_sum"].clip(0.0, most)),
        "active": np.asarray(_whole(noisy["active"], triplets)),
    }


def _whole(values: npt.NDArray[np.float64], most: Array | int) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = np.rint(values).clip(0, most).astype(np.int64)
    return found

"""How far one row can move the answer to a question, where the question itself bounds it.

Two data sets are neighbours where one row of one class is another row of that class; so classes,
their counts, and all numbers of rows in an answer are the same in both. A sensitivity is the
Euclidean distance between the exact answers of neighbours, at most. Plain and masked noise both
rest on these numbers.

Each holds only where a row's own part is a number: who adds noise has to give another part a fixed
value, see `provider.answers.limits`.
"""

import math
from typing import TypeAlias

import numpy as np

from protocols.queries.heads import HeadCorrect, HeadStatistics
from protocols.queries.outputs import LEAST_LIKELIHOOD, ClassOutputs, LeepLikelihood
from protocols.queries.spec import Array

ROUNDING = 1 + 1e-6
"""Probabilities and unit vectors are so exactly what they should be."""

RowBounded: TypeAlias = ClassOutputs | LeepLikelihood | HeadStatistics | HeadCorrect
"""Questions about classes, each row's part of which is bounded; but see `of_head_statistics`."""


def of_class_outputs(query: ClassOutputs) -> dict[str, float]:
    """`sums` and `hard`: sqrt(2 m) each, for m models.

    A row has, for each model, a vector of probabilities in the sums of its class, and a vector of a
    single 1 in the counts. Two points of a simplex are at most sqrt(2) apart, and the m models'
    vectors stand side by side.
    """
    each = math.sqrt(2 * len(query.models)) * ROUNDING
    return {"sums": each, "hard": each}


def of_leep_likelihood(query: LeepLikelihood) -> dict[str, float]:
    """`sums`: 28 sqrt(m t), for m models and the t tasks of the class that is in most of them.

    A row has one addend for each model and each task that its class is in, between log 2^-40 and 0.
    """
    return {"sums": -math.log(LEAST_LIKELIHOOD) * _entries(query.tasks, query) * ROUNDING}


def of_head_statistics(query: HeadStatistics) -> dict[str, float] | None:
    """`sums`: 2 sqrt(m), `products`: sqrt(2 m), for m models; None without unit length.

    A row has a vector x of length 1 (or 0) for each model, and two of these are at most 2 apart.
    Its products are x x'; the Frobenius distance of x x' and y y' is sqrt(2 - 2 (x'y)^2), at most
    sqrt(2), and the upper triangle is a part of that. Without unit length nothing bounds a row.
    """
    if not query.unit_length:
        return None
    models = math.sqrt(len(query.models)) * ROUNDING
    return {"sums": 2 * models, "products": math.sqrt(2) * models}


def of_head_correct(query: HeadCorrect) -> dict[str, float]:
    """`correct`: sqrt(m t), for m models and the t tasks of the class that is in most of them.

    A row adds 0 or 1 for each model and each task that its class is in.
    """
    return {"correct": _entries(query.tasks, query)}


def of_rows(query: RowBounded) -> dict[str, float] | None:
    """The sensitivity of each array of a question about classes; None where there is no bound.

    Arrays that are not named are the same for neighbours.
    """
    match query:
        case ClassOutputs():
            return of_class_outputs(query)
        case LeepLikelihood():
            return of_leep_likelihood(query)
        case HeadStatistics():
            return of_head_statistics(query)
        case HeadCorrect():
            return of_head_correct(query)


def _entries(tasks: Array, query: LeepLikelihood | HeadCorrect) -> float:
    """Root of the number of entries that a row has a part in: a task has a class once at most."""
    most = np.bincount(tasks[tasks >= 0], minlength=1).max()
    return math.sqrt(len(query.models) * int(most))

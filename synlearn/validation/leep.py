"""LEEP as a validation function; higher is better.

Two passes. First, per class y, each provider sums a model's probabilities theta_z (`psi_joint`);
over all providers and the classes of a task these are P(y, z), and `conditional_tables` gives
p(y | z) = P(y, z) / P(z). Then each provider sums log sum_z p(y | z) theta_z over its rows of each
class (`psi_likelihood`), and LEEP is the mean over all rows (`combine`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synlearn.validation.class_parts import (
    Float64,
    Int64,
    Tasks,
    by_class,
    of_tasks,
    places_of,
    rows_of_class,
    rows_of_tasks,
)

LEAST_LIKELIHOOD = 2.0**-40
"""What a row's likelihood counts as at least, which bounds what one row can move.

Tables made of n rows never come below 1/n for these rows (Cauchy and Schwarz), so it changes no
score of fewer than 2^40 rows."""


@dataclass(frozen=True, slots=True)
class LogLikelihoods:
    """One provider's part of the second pass.

    Attributes:
        sums: (m, t, w) sum of the rows' log likelihoods, of each model, task and class of the task.
        rows: (k,) rows of each class.
    """

    sums: Float64
    rows: Int64


def psi_joint(probabilities: Float64, labels: Int64, classes: int) -> Float64:
    """Sum one provider's probabilities per class.

    Args:
        probabilities: (m, n, z) of m models, each row summing to 1.
        labels: (n,) in [0, classes).
        classes: k.

    Returns:
        (m, k, z).
    """
    return by_class(probabilities, labels, classes)


def conditional_tables(parts: Sequence[Float64], tasks: Tasks) -> Float64:
    """p(y | z) of each task's classes y given each model's class z, over all providers' rows.

    Args:
        parts: One for each provider, (m, k, z).
        tasks: (t, w) indices into the k classes, -1 behind the last of a task.

    Returns:
        (m, t, w, z) in [0, 1]; 0 behind a task's last class and for a z without mass.
    """
    joint = of_tasks(np.sum(parts, axis=0), tasks)
    mass = joint.sum(axis=2, keepdims=True)
    tables: Float64 = np.divide(joint, mass, out=np.zeros_like(joint), where=mass > 0)
    return tables


def psi_likelihood(
    probabilities: Float64, labels: Int64, classes: int, tables: Float64, tasks: Tasks
) -> LogLikelihoods:
    """Sum one provider's log likelihoods per task and class.

    Args:
        probabilities: (m, n, z), as in `psi_joint`.
        labels: (n,) in [0, classes).
        classes: k.
        tables: (m, t, w, z).
        tasks: (t, w).
    """
    sums = np.zeros(tables.shape[:3])
    for label in np.unique(labels).tolist():
        task, place = places_of(tasks, label)
        own = probabilities[:, labels == label]
        likelihood = own @ tables[:, task, place].transpose(0, 2, 1)
        np.clip(likelihood, LEAST_LIKELIHOOD, 1.0, out=likelihood)
        sums[:, task, place] = np.log(likelihood, out=likelihood).sum(axis=1)
    return LogLikelihoods(sums, rows_of_class(labels, classes))


def combine(parts: Sequence[LogLikelihoods], tasks: Tasks) -> Float64:
    """LEEP of each model on each task, over all providers' rows.

    Equal to `synlearn.scorers.leep` on the pooled rows of the task's classes.

    Args:
        parts: One for each provider.
        tasks: (t, w), as in `conditional_tables`.

    Returns:
        (t, m), in [-H(y), 0].

    Raises:
        InputError: A task has a class of which there is no row.
    """
    total = np.sum([part.sums for part in parts], axis=0)
    rows = rows_of_tasks(tasks, np.sum([part.rows for part in parts], axis=0)).sum(axis=1)
    scores: Float64 = total.sum(axis=2).T / rows[:, None]
    return scores

"""Accuracy of a re-trained head as a validation function; higher is better.

A ridge head on a model's frozen features is a function of sums over
rows, so each provider sums features and their products per class over one half of its rows
(`psi_statistics`), and `solve_heads` has from these the head of any task. Each provider then counts
how often the heads, `rounded`, are right about the other half (`psi_correct`), and the counts are
the accuracy (`combine`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synlearn.errors import InputError
from synlearn.validation.class_parts import (
    Float64,
    Int64,
    Tasks,
    by_class,
    places_of,
    rows_of_class,
    rows_of_tasks,
)

PENALTY = 1.0
"""Weighs as much as this many rows of average length, as in `synlearn.scorers.ridge_loo`."""
_CONSTANT = 1e-10
"""Features whose spread is below this share of their size are constant but for rounding."""


@dataclass(frozen=True, slots=True)
class FeatureSums:
    """One provider's sums over the rows to learn from.

    Attributes:
        sums: (m, k, d) of the features of m models, per class.
        products: (m, k, d (d + 1) / 2) upper triangle of sum_i x_i x_i', row by row.
        rows: (k,).
    """

    sums: Float64
    products: Float64
    rows: Int64


@dataclass(frozen=True, slots=True)
class Heads:
    """Linear heads of m models for t tasks: class argmax_y (w_y' x + b_y), the first of equal ones.

    Attributes:
        weights: (m, t, w, d), 0 behind a task's last class.
        biases: (m, t, w).
    """

    weights: npt.NDArray[np.floating]
    biases: npt.NDArray[np.floating]

    def rounded(self) -> "Heads":
        """The heads in float32, as providers are sent them.

        Whoever counts in one place what a federation counts takes these as well.
        """
        return Heads(self.weights.astype(np.float32), self.biases.astype(np.float32))


@dataclass(frozen=True, slots=True)
class CorrectCounts:
    """One provider's counts over the rows to test on.

    Attributes:
        correct: (m, t, w) rows of each class of each task that the task's head is right about.
        rows: (k,) rows of each class.
    """

    correct: Int64
    rows: Int64


def psi_statistics(features: Float64, labels: Int64, classes: int) -> FeatureSums:
    """Sum one provider's features, and their products, per class.

    Args:
        features: (m, n, d) of m models.
        labels: (n,) in [0, classes).
        classes: k.
    """
    models, _, width = features.shape
    upper = np.triu_indices(width)
    products = np.zeros((models, classes, len(upper[0])))
    for label in np.unique(labels).tolist():
        own = features[:, labels == label]
        products[:, label] = (own.transpose(0, 2, 1) @ own)[:, upper[0], upper[1]]
    return FeatureSums(
        by_class(features, labels, classes), products, rows_of_class(labels, classes)
    )


def solve_heads(
    parts: Sequence[FeatureSums],
    tasks: Tasks,
    penalty: float = PENALTY,
    *,
    balanced: bool = True,
) -> Heads:
    """Ridge regression of one-hot labels on features, with an intercept, for each model and task.

        minimise  sum_i a_i |y_i - b - W x_i|^2 + lambda |W|^2,
        lambda = penalty * mean_i |x_i - mean|^2,  both means weighted by a_i as well.

    Args:
        parts: One for each provider.
        tasks: (t, w) indices into the k classes, -1 behind the last of a task.
        penalty: Above 0.
        balanced: Each class of a task has the same weight, however many rows it has: a_i is the
            mean number of rows of the task's classes over that of the row's own. Otherwise 1.

    Raises:
        InputError: A task has a class of which there is no row, or the penalty is not above 0.
    """
    if not 0 < penalty < np.inf:
        raise InputError(f"the head's penalty is {penalty}; choose a number above 0.")
    sums = np.sum([part.sums for part in parts], axis=0)
    products = np.sum([part.products for part in parts], axis=0)
    behind = rows_of_tasks(tasks, np.sum([part.rows for part in parts], axis=0))
    models, _, width = sums.shape
    upper = np.triu_indices(width)
    weights, biases = np.zeros((models, *tasks.shape, width)), np.zeros((models, *tasks.shape))
    gram = np.empty((models, width, width))
    for task, (classes, rows) in enumerate(zip(tasks, behind, strict=True)):
        used = classes >= 0
        each = rows[used].astype(np.float64)
        weight = each.mean() / each if balanced else np.ones(len(each))
        mass, total = weight * each, float(each.sum())
        own = sums[:, classes[used]] * weight[:, None]
        mean = own.sum(axis=1) / total
        packed = np.tensordot(weight, products[:, classes[used]], axes=(0, 1))
        gram[:, upper[0], upper[1]] = packed
        gram[:, upper[1], upper[0]] = packed
        size = np.trace(gram, axis1=1, axis2=2)
        gram -= total * mean[:, :, None] * mean[:, None, :]
        spread = np.trace(gram, axis1=1, axis2=2)
        scale = np.where(spread > _CONSTANT * size, spread, np.where(size > 0, size, 1.0))
        gram[:, np.arange(width), np.arange(width)] += (penalty / total * scale)[:, None]
        target = own - mass[:, None] * mean[:, None, :]
        found = np.linalg.solve(gram, target.transpose(0, 2, 1)).transpose(0, 2, 1)
        weights[:, task, used] = found
        biases[:, task, used] = mass / total - np.einsum("mwd,md->mw", found, mean)
    return Heads(weights, biases)


def psi_correct(
    features: Float64, labels: Int64, classes: int, heads: Heads, tasks: Tasks
) -> CorrectCounts:
    """Count one provider's rows that the heads are right about.

    Args:
        features: (m, n, d) of m models.
        labels: (n,) in [0, classes).
        classes: k.
        heads: Of m models for t tasks.
        tasks: (t, w).
    """
    models, _, width = features.shape
    correct = np.zeros((models, *tasks.shape), np.int64)
    absent = np.where(tasks >= 0, 0.0, -np.inf)
    for label in np.unique(labels).tolist():
        task, place = places_of(tasks, label)
        own = features[:, labels == label]
        maps = heads.weights[:, task].reshape(models, -1, width).transpose(0, 2, 1)
        scores = (own @ maps).reshape(*own.shape[:2], *tasks[task].shape)
        scores += heads.biases[:, None, task] + absent[task]
        correct[:, task, place] = (scores.argmax(axis=3) == place).sum(axis=1)
    return CorrectCounts(correct, rows_of_class(labels, classes))


def combine(parts: Sequence[CorrectCounts], tasks: Tasks, *, balanced: bool = True) -> Float64:
    """Accuracy of each model's head on each task, over all providers' rows.

    Args:
        parts: One for each provider.
        tasks: (t, w) indices into the k classes, -1 behind the last of a task.
        balanced: The mean over a task's classes of the accuracy on each. Otherwise over rows.

    Returns:
        (t, m), in [0, 1].

    Raises:
        InputError: A task has a class of which there is no row to test on.
    """
    correct = np.sum([part.correct for part in parts], axis=0)
    rows = rows_of_tasks(tasks, np.sum([part.rows for part in parts], axis=0))
    if not balanced:
        share: Float64 = correct.sum(axis=2).T / rows.sum(axis=1)[:, None]
        return share
    each = correct / np.maximum(rows, 1)
    mean: Float64 = each.sum(axis=2).T / (tasks >= 0).sum(axis=1)[:, None]
    return mean

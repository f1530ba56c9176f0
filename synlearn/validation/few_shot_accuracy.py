"""Expected accuracy of a few-shot head as a validation function; higher is better.

What a downstream team will reach with K examples of a class is the accuracy of a head fitted on
them, averaged over draws. Few providers hold enough rows of a task to repeat such draws, and none
may hand rows over; but sums over rows say where each class lies in a model's features and how it
spreads. So providers answer with the sums that `head_accuracy.psi_statistics` makes, and the
coordinator draws *synthetic* rows from a Gaussian with each class's mean and covariance: few-shot
heads are fitted on some of these and judged on others. Nothing is counted at the providers.

All models are drawn for with the same normal deviates, so that they differ by their features alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synlearn.errors import InputError
from synlearn.few_shot_heads import head_accuracy
from synlearn.threads import one_thread
from synlearn.validation.class_parts import Float64, Tasks, rows_of_tasks
from synlearn.validation.head_accuracy import FeatureSums

JUDGED = 10
"""Synthetic rows of each class that a head is judged on, in each draw."""
_RIDGE = 1e-4
"""Added to variances, relative to their mean: few rows span few directions."""
_ROUNDING = 1e-10
"""Relative to the mean square of the features: what rounding may leave of a constant one."""
_AT_ONCE = 2**22
"""Numbers that are worked on at a time, for all models together."""


@dataclass(frozen=True, slots=True)
class ClassGaussians:
    """Each class in the features of m models.

    Attributes:
        means: (m, k, d) float64; NaN for a class without rows.
        roots: (m, k, d, d) float64 lower triangular factors of the covariances.
    """

    means: Float64
    roots: Float64


def gaussians(parts: Sequence[FeatureSums]) -> ClassGaussians:
    """Describe each class by its mean and covariance over all providers' rows.

    A class with one row has the mean covariance of the others.

    Args:
        parts: One for each provider.

    Raises:
        InputError: No class has two rows.
    """
    rows = np.sum([part.rows for part in parts], axis=0)
    if rows.max(initial=0) < 2:
        raise InputError("no class has two rows, so none says how classes spread; add rows.")
    models, classes, width = parts[0].sums.shape
    with np.errstate(invalid="ignore"):
        means = np.sum([part.sums for part in parts], axis=0) / rows[:, None]
    packed = np.sum([part.products for part in parts], axis=0)
    upper = np.triu_indices(width)
    spread = np.empty((models, classes, width, width))
    spread[:, :, upper[0], upper[1]] = packed
    spread[:, :, upper[1], upper[0]] = packed
    size = np.trace(spread, axis1=2, axis2=3) / (np.maximum(rows, 1) * width)
    known = np.nan_to_num(means)
    spread -= rows[:, None, None] * known[..., :, None] * known[..., None, :]
    several = rows > 1
    spread[:, several] /= (rows[several] - 1)[:, None, None]
    spread[:, ~several] = spread[:, several].mean(axis=1, keepdims=True)
    ridge = _RIDGE * np.trace(spread, axis1=2, axis2=3) / width + _ROUNDING * size
    diagonal = np.arange(width)
    spread[:, :, diagonal, diagonal] += np.maximum(ridge, np.finfo(np.float32).tiny)[:, :, None]
    return ClassGaussians(means, np.linalg.cholesky(spread).astype(np.float64))


def combine(
    parts: Sequence[FeatureSums],
    tasks: Tasks,
    examples: Sequence[int],
    *,
    draws: int,
    random: np.random.Generator,
) -> Float64:
    """Expected accuracy of few-shot heads, from sums over all providers' rows.

    Args:
        parts: One for each provider.
        tasks: (t, w) indices into the k classes, -1 behind the last of a task.
        examples: Numbers of examples of each class that heads are fitted on.
        draws: Of synthetic rows, for each of `examples`.
        random: Source of the deviates.

    Returns:
        (examples, t, m), in [0, 1].

    Raises:
        InputError: A task has a class of which there is no row, or no class has two.
    """
    rows_of_tasks(tasks, np.sum([part.rows for part in parts], axis=0))
    with one_thread():
        return _accuracies(gaussians(parts), tasks, examples, draws, random)


def _accuracies(
    found: ClassGaussians,
    tasks: Tasks,
    examples: Sequence[int],
    draws: int,
    random: np.random.Generator,
) -> Float64:
    models, classes, width = found.means.shape
    most = max(examples)
    # Centred before it is rounded to float32: a head sees differences between rows alone.
    centre = np.nanmean(found.means, axis=1, keepdims=True)
    means = torch.from_numpy(np.nan_to_num(found.means - centre)).float()
    roots = torch.from_numpy(found.roots).float()
    accuracy = np.zeros((len(examples), len(tasks), models))
    ways = (tasks >= 0).sum(axis=1)
    for _ in range(draws):
        deviates = random.standard_normal((classes, most + JUDGED, width), np.float32)
        drawn = means[:, :, None] + torch.from_numpy(deviates) @ roots.transpose(2, 3)
        for own in np.unique(ways).tolist():
            of_size = np.flatnonzero(ways == own)
            step = max(1, _AT_ONCE // (models * own * (most + JUDGED) * width))
            for start in range(0, len(of_size), step):
                some = of_size[start : start + step]
                rows = drawn[:, torch.from_numpy(tasks[some, :own].astype(np.int64))]
                for place, k in enumerate(examples):
                    accuracy[place, some] += _judged(rows, k, most).T
    return accuracy / draws


def _judged(rows: Tensor, k: int, most: int) -> Float64:
    """Accuracy, (m, t), of heads fitted on k of the synthetic rows, (m, t, w, most + judged, d)."""
    models, tasks, ways, every, _ = rows.shape
    classes = torch.arange(ways)
    found = head_accuracy(
        rows[:, :, :, :k].flatten(0, 1).flatten(1, 2),
        classes.repeat_interleave(k),
        rows[:, :, :, most:].flatten(0, 1).flatten(1, 2),
        classes.repeat_interleave(every - most),
    )
    return found.reshape(models, tasks)

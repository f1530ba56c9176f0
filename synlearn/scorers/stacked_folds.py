"""How often few-shot heads are right on examples that they have not seen, of many models at once.

Leaving out one row leaves its class one example fewer than the others, and a head then favours
those. Leaving out one row of *each* class keeps them even: what is counted is the accuracy that a
head with that many examples can be expected to reach, without bias.
"""

import numpy as np

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels
from synlearn.scorers.ridge_loo import LEAST_FREEDOM
from synlearn.scorers.stacked import accuracies


def held_out_accuracy(features: Float64, labels: Labels, penalty: float = 1.0) -> Float64:
    """Accuracy of ridge heads on one row of each class, fitted on all others; (m,), each in [0, 1].

    As many heads as the smallest class has rows; the rows of larger classes are dealt to them
    evenly, so that each row is left out once. The penalty is as in `ridge_loo`, relative to the
    length of all rows. The residuals of a left-out block are those of the full fit, times the
    inverse of that block of the residual maker: no head is fitted.

    Args:
        features: (m, n, d) finite numbers of a magnitude whose square is finite, n >= 2.
        labels: (n,) classes 0..c-1, every one of them there.
        penalty: Above 0.

    Returns:
        (m,), higher is better; 0 for all where a class has one row, of which a head learns nothing
        once it is left out.

    Raises:
        ScoreInputError: The penalty is so small that a fit follows rows exactly.
    """
    folds = int(np.bincount(labels).min())
    if folds < 2:
        return np.zeros(len(features))
    maker = _residual_makers(features, penalty)
    one_hot = np.eye(int(labels.max()) + 1)[labels]
    missed = maker @ (one_hot - one_hot.mean(axis=0))
    fold = deal(labels, folds)
    errors = np.empty_like(missed)
    for own in (np.flatnonzero(fold == number) for number in range(folds)):
        block = maker[:, own[:, None], own]
        if np.linalg.eigvalsh(block).min() < LEAST_FREEDOM:
            raise ScoreInputError(
                "penalty is so small that the fit follows rows exactly; choose a larger one."
            )
        errors[:, own] = np.linalg.solve(block, missed[:, own])
    return accuracies(errors, labels)


def deal(labels: Labels, folds: int) -> Labels:
    """Deal the rows of each class to folds evenly, in their order: (n,) number of each row's fold.

    >>> deal(np.array([0, 0, 0, 1, 1]), 2).tolist()
    [0, 0, 1, 0, 1]
    """
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    within = np.empty(len(labels), np.int64)
    within[order] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    found: Labels = within * folds // counts[labels]
    return found


def _residual_makers(features: Float64, penalty: float) -> Float64:
    """(m, n, n): what a ridge fit with an intercept leaves of the labels of all rows."""
    n, d = features.shape[1:]
    x = features - features.mean(axis=1, keepdims=True)
    total = np.einsum("mij,mij->m", x, x)
    weight = penalty * np.where(total > 0, total / n, 1.0)[:, None, None]
    across = x.transpose(0, 2, 1)
    found: Float64
    if n <= d:
        found = weight * np.linalg.inv(x @ across + weight * np.eye(n)) - 1 / n
    else:
        found = np.eye(n) - 1 / n - x @ np.linalg.inv(across @ x + weight * np.eye(d)) @ across
    return found

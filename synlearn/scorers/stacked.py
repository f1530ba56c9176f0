"""Scores of many models at once, for features of one width stacked as (m, n, d).

The same numbers as the scorers of one model, to rounding, but without a Python loop over models:
what an experiment needs that scores a hundred models for thousands of handfuls of examples.
"""

import numpy as np

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels
from synlearn.scorers.pairs import ROUNDING
from synlearn.scorers.ridge_loo import LEAST_FREEDOM, TIE


def ridge_loo_errors(features: Float64, labels: Labels, penalty: float = 1.0) -> Float64:
    """What a ridge classifier misses of each row's label when it learns from the other rows.

    See `ridge_loo` for the fit and its penalty. With the smaller of the two Gram matrices, one
    batched inverse serves all models.

    Args:
        features: (m, n, d) finite numbers of a magnitude whose square is finite, n >= 2.
        labels: (n,) classes 0..c-1, every one of them there.
        penalty: Above 0.

    Returns:
        (m, n, c): one-hot label minus the prediction without the row.

    Raises:
        ScoreInputError: The penalty is so small that a fit follows a row exactly.
    """
    n, d = features.shape[1:]
    x = features - features.mean(axis=1, keepdims=True)
    one_hot = np.eye(int(labels.max()) + 1)[labels]
    y = one_hot - one_hot.mean(axis=0)
    total = np.einsum("mij,mij->m", x, x)
    weight = penalty * np.where(total > 0, total / n, 1.0)[:, None, None]
    if n <= d:
        left = weight * np.linalg.inv(x @ x.transpose(0, 2, 1) + weight * np.eye(n)) - 1 / n
        missed, freedom = left @ y, np.einsum("mii->mi", left)
    else:
        fit = x @ np.linalg.inv(x.transpose(0, 2, 1) @ x + weight * np.eye(d))
        missed = y - fit @ (x.transpose(0, 2, 1) @ y)
        freedom = 1 - 1 / n - np.einsum("mij,mij->mi", fit, x)
    if freedom.min() < LEAST_FREEDOM:
        raise ScoreInputError(
            "penalty is so small that the fit follows single rows exactly; choose a larger one."
        )
    errors: Float64 = missed / freedom[:, :, None]
    return errors


def squared_errors(missed: Float64) -> Float64:
    """`ridge_loo` by measure "squared_error", (m,), from what was missed, (m, n, c)."""
    found: Float64 = -(missed**2).sum(axis=(1, 2)) / missed.shape[1]
    return found


def accuracies(missed: Float64, labels: Labels) -> Float64:
    """`ridge_loo` by measure "accuracy", (m,), from what was missed, (m, n, c)."""
    predicted = np.eye(missed.shape[2])[labels] - missed
    winning = predicted >= predicted.max(axis=2, keepdims=True) - TIE
    own = np.take_along_axis(winning, labels[None, :, None], axis=2)[:, :, 0]
    found: Float64 = (own / winning.sum(axis=2)).mean(axis=1)
    return found


def nearest_neighbour(features: Float64, labels: Labels) -> Float64:
    """`knn` with k = 1, leave-one-out, by Euclidean distance, (m,).

    Neighbours as near as the nearest but for the rounding of the matrix product share the vote.
    """
    n = features.shape[1]
    x = features - features.mean(axis=1, keepdims=True)
    length = np.einsum("mij,mij->mi", x, x)
    distance = length[:, :, None] + length[:, None, :] - 2 * x @ x.transpose(0, 2, 1)
    distance[:, np.arange(n), np.arange(n)] = np.inf
    slack = 100 * ROUNDING * (length + length.max(axis=1, keepdims=True))
    near = distance <= (distance.min(axis=2) + slack)[:, :, None]
    alike = labels[:, None] == labels
    found: Float64 = ((near & alike).sum(axis=2) / near.sum(axis=2)).mean(axis=1)
    return found


def leep_of_many(source_probs: Float64, labels: Labels) -> Float64:
    """`leep` of each model, (m,).

    Args:
        source_probs: (m, n, z); rows sum to 1; models of fewer than z classes have columns of 0.
        labels: (n,) classes 0..c-1, every one of them there.
    """
    one_hot = np.eye(int(labels.max()) + 1)[labels]
    joint = one_hot.T @ source_probs  # (m, c, z)
    mass = joint.sum(axis=1, keepdims=True)
    given_source = joint / np.where(mass > 0, mass, 1.0)
    predicted = (source_probs * given_source[:, labels]).sum(axis=2)
    found: Float64 = np.minimum(np.log(predicted).mean(axis=1), 0.0)
    return found


def nce_of_many(source_probs: Float64, labels: Labels) -> Float64:
    """`nce` of each model, (m,); arguments as for `leep_of_many`."""
    one_hot = np.eye(int(labels.max()) + 1)[labels]
    hard = np.eye(source_probs.shape[2])[source_probs.argmax(axis=2)]
    joint = one_hot.T @ hard
    share = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1.0)
    terms = joint * np.log(np.where(joint > 0, share, 1.0))
    found: Float64 = np.minimum(terms.sum(axis=(1, 2)) / len(labels), 0.0)
    return found

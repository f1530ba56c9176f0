"""Leave-one-out accuracy of a ridge classifier, the baseline that every score has to beat."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels, check_labelled
from synlearn.scorers.pairs import centred, scaled

Measure = Literal["accuracy", "squared_error"]

PENALTY_GRID = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2)
"""What `penalty="loo"` chooses from."""

LEAST_FREEDOM = 1e-10
"""1 - h_ii below this: the fit follows row i alone, and nothing is known about leaving it out."""

TIE = 1e-9
"""Predictions of a row that are this close are tied."""


def ridge_loo(
    features: ArrayLike,
    labels: ArrayLike,
    penalty: float | Literal["loo"] = 1.0,
    *,
    measure: Measure = "accuracy",
) -> float:
    """How well a linear classifier predicts each row from all the others; higher is better.

    Ridge regression of one-hot labels Y on features, with an intercept that is not penalised:

        minimise |Y - 1 b' - X W|^2 + lambda |W|^2,   lambda = penalty * mean_i |x_i - mean(x)|^2

    so a penalty weighs as much as that many rows of average length, and neither the scale nor a
    shift or rotation of the features changes the score. The n refits are not made: with the hat
    matrix H = 1 1'/n + Xc (Xc'Xc + lambda I)^-1 Xc' of the centred features Xc, what the fit
    without row i predicts for it is exactly

        p_i = y_i - (Y - H Y)_i / (1 - H_ii)

    and lambda stays the one of all rows. Classes that tie for the highest prediction share the
    point.

    Leaving a row out makes its class smaller than the others, and a penalty far above 1 lets that
    decide: for 2 rows in each class and a penalty of 10, hardly a row is predicted right.

    Special cases. n < d: the same through the n x n matrix Xc Xc'; no d x d matrix is formed. One
    sample in a class: that row is a miss. Every class with one sample: accuracy 0 for any features,
    and only "squared_error" differs between models. A constant feature: no effect. Only constant
    features: the most frequent class among the other rows is predicted, so accuracy is 0 for
    classes of equal size. Labels with a gap, or a class that never occurs: no effect. One class: 1.

    Args:
        features: (n, d) finite real numbers, n >= 2.
        labels: (n,) whole numbers.
        penalty: Above 0. The default, 1, is a strong penalty for a handful of rows and a weak one
            for thousands. "loo" takes from `PENALTY_GRID` the one with the least leave-one-out
            squared error, the largest where they tie; no label is used that a refit would not see,
            but the choice itself sees all rows.
        measure: "accuracy", or "squared_error" for minus the mean of |y_i - p_i|^2: the labels'
            view is coarse for few rows, this one is not.

    Returns:
        Accuracy in [0, 1], or minus the error, <= 0.

    Raises:
        ScoreInputError: Unusable arrays, one row, a penalty that is not above 0, or one so small
            that the fit follows a row exactly.

    Source: leave-one-out identity of Allen, "The relationship between variable selection and data
    augmentation and a method for prediction", Technometrics 1974.
    """
    data = check_labelled(features, labels)
    n = len(data.y)
    if n < 2:
        raise ScoreInputError("features have one row; leaving it out leaves nothing to learn from.")
    if measure not in ("accuracy", "squared_error"):
        raise ScoreInputError(f"measure is {measure!r}: choose 'accuracy' or 'squared_error'.")
    penalties = PENALTY_GRID if penalty == "loo" else (_positive(penalty),)
    one_hot = np.eye(data.classes)[data.y]
    errors = _left_out_errors(centred(scaled(data.x)), one_hot, penalties)
    squares = [float((error**2).sum() / n) for error in errors]
    best = max(range(len(errors)), key=lambda i: (-squares[i], penalties[i]))
    if measure == "squared_error":
        return -squares[best]
    return _accuracy(one_hot - errors[best], data.y)


def _positive(penalty: float | str) -> float:
    if isinstance(penalty, str) or not 0 < penalty < np.inf:
        raise ScoreInputError(f"penalty is {penalty!r}: choose a number above 0, or 'loo'.")
    return float(penalty)


def _left_out_errors(x: Float64, one_hot: Float64, penalties: tuple[float, ...]) -> list[Float64]:
    """Y - P for each penalty, (n, c), after one eigendecomposition of the smaller Gram matrix."""
    n, d = x.shape
    total = float(np.einsum("ij,ij->", x, x))
    unit = total / n if total > 0 else 1.0  # constant features: any penalty gives the same fit
    y = centred(one_hot)
    fits = _row_space if n <= d else _column_space
    return [e / f[:, None] for e, f in fits(x, y, [unit * p for p in penalties])]


def _row_space(x: Float64, y: Float64, penalties: list[float]) -> list[tuple[Float64, Float64]]:
    """(I - H) Y and diag(I - H) from the eigenvectors of X X'.

    I - H has the eigenvalues lambda / (s + lambda), except for the constant vector, where it is 0.
    That vector's own s = 0 is raised above all others, so that it is known to come last.
    """
    gram = x @ x.T
    gram += (1 + 2 * np.trace(gram)) / len(x)
    s, vectors = linalg.eigh(gram, overwrite_a=True, check_finite=False)
    s = np.maximum(s, 0)
    coordinates, squares = vectors.T @ y, vectors**2
    found = []
    for penalty in penalties:
        left = penalty / (s + penalty)
        left[-1] = 0.0
        found.append((vectors @ (left[:, None] * coordinates), _freedom(squares @ left)))
    return found


def _column_space(x: Float64, y: Float64, penalties: list[float]) -> list[tuple[Float64, Float64]]:
    """(I - H) Y and diag(I - H) from the eigenvectors of X' X."""
    s, vectors = linalg.eigh(x.T @ x, overwrite_a=True, check_finite=False)
    s = np.maximum(s, 0)
    z = x @ vectors
    coordinates, squares = z.T @ y, z**2
    found = []
    for penalty in penalties:
        fit = z @ (coordinates / (s + penalty)[:, None])
        leverage = 1 / len(x) + squares @ (1 / (s + penalty))
        found.append((y - fit, _freedom(1 - leverage)))
    return found


def _freedom(left: Float64) -> Float64:
    if left.min() < LEAST_FREEDOM:
        raise ScoreInputError(
            "penalty is so small that the fit follows single rows exactly; choose a larger one."
        )
    return left


def _accuracy(predicted: Float64, truth: Labels) -> float:
    winning = predicted >= predicted.max(axis=1, keepdims=True) - TIE
    return float((winning[np.arange(len(truth)), truth] / winning.sum(axis=1)).mean())

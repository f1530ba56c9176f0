"""Linear discriminant posteriors in the space of the rows: what sfda, fda, etran and ncti share.

With class means mu_c, within-class scatter S_w = sum over rows (x - mu_y)(x - mu_y)' / n, shrinkage
s and d features, the regularised scatter is S = (1 - s) S_w + s tr(S_w) / d I, and

    p(c | x) = softmax over c of (x' S^-1 mu_c - mu_c' S^-1 mu_c / 2 + log(n_c / n)).

This is what the generalised eigenproblem of the papers (U' S U = I) amounts to when all directions
are kept: U U' = S^-1. No eigenvector is needed, only one triangular factor of S.

For n < d the rows are first written in an orthonormal basis of their own span, at most n
coordinates. Scatter, means and inner products are unchanged by that, and S acts on the rest of the
feature space as a multiple of the identity that no row meets, so no (d, d) matrix is ever formed.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky

from synlearn.errors import ScoreInputError
from synlearn.scorers.classes import EPSILON, ClassRows, triangular_factor
from synlearn.scorers.inputs import Float64

SAFE_PIVOT = 1e-6
"""A Cholesky pivot below this share of its diagonal has lost too many digits; QR then."""

SMALLEST_SHRINKAGE = 1e-10


@dataclass(frozen=True, slots=True)
class Discriminant:
    """Rows, moved to mean zero, in k = min(n, d) orthonormal coordinates.

    Attributes:
        rows: (n, k), sorted by class.
        means: (c, k), class means (mu_c).
        within: (n, k), rows less their class mean.
        scatter: (k, k), within-class scatter S_w.
        spread: tr(S_w) / d, with d the width of the features that were given.
        start: (k,), S_w times the vector of ones *of the original features*.
    """

    rows: ClassRows
    means: Float64
    within: Float64
    scatter: Float64
    spread: float
    start: Float64


def discriminant(data: ClassRows) -> Discriminant:
    """Split rows into class means and residuals, in at most n coordinates."""
    n, d = data.x.shape
    means = data.means(data.x)
    within = data.within(means)
    means = means - data.counts @ means / n
    spread = float(np.vdot(within, within)) / (n * d)
    row_sums = within.sum(axis=1)
    x = means[data.y] + within
    if n < d:
        x = triangular_factor(x.T).T
        means = data.means(x)
        within = x - means[data.y]
    return Discriminant(
        rows=ClassRows(x, data.y, data.counts),
        means=means,
        within=within,
        scatter=within.T @ within / n,
        spread=spread,
        start=within.T @ row_sums / n,
    )


def mixed(first: Discriminant, x: Float64, width: int) -> Discriminant:
    """Return the same classes with other rows `x`, in the coordinates of `first`."""
    rows = ClassRows(x, first.rows.y, first.rows.counts)
    means = rows.means(x)
    within = x - means[rows.y]
    scatter = within.T @ within / len(x)
    return Discriminant(
        rows, means, within, scatter, float(np.trace(scatter)) / width, np.zeros(x.shape[1])
    )


def require_within_scatter(fit: Discriminant, score: str) -> None:
    """Raise `ScoreInputError` where no row differs from its class mean."""
    if fit.spread == 0:
        raise ScoreInputError(
            f"{score} divides by the spread within classes, and no row differs from the mean of its"
            " class; give two distinct rows of at least one class."
        )


def adaptive_shrinkage(fit: Discriminant) -> float:
    """max(exp(-5 sigma), 1e-10), with sigma the largest eigenvalue of S_w by three power steps.

    The steps are those of the authors: doubled, started at the row sums of S_w. Where these vanish
    (features that sum to the same in every row, such as probabilities) the start would be a
    rounding error; the eigenvalue itself is taken then.
    """
    scatter, left = fit.scatter, fit.start
    scale = math.sqrt(len(left)) * float(np.linalg.norm(scatter))
    if float(np.linalg.norm(left)) <= len(left) * EPSILON * scale:
        sigma = float(np.linalg.eigvalsh(scatter)[-1])
        return max(math.exp(-5 * sigma), SMALLEST_SHRINKAGE)
    left = left / np.linalg.norm(left)
    right = left
    for _ in range(3):
        right = scatter @ left
        right /= np.linalg.norm(right)
        left = scatter @ right
        left /= np.linalg.norm(left)
    return max(math.exp(-5 * float(left @ scatter @ right)), SMALLEST_SHRINKAGE)


def posteriors(fit: Discriminant, shrinkage: float, score: str) -> Float64:
    """(n, c) posterior of each class for each row, rows summing to 1.

    Raises:
        ScoreInputError: Without shrinkage, S_w is singular; or a discriminant overflows.
    """
    return softmax(discriminants(fit, scatter_factor(fit, shrinkage, score), score))


def discriminants(fit: Discriminant, factor: Float64, score: str) -> Float64:
    """(n, c) values x' S^-1 mu_c - mu_c' S^-1 mu_c / 2 + log prior, S = factor' factor."""
    with np.errstate(over="ignore", invalid="ignore"):
        weights = cho_solve((factor, False), fit.means.T, check_finite=False)  # (k, c)
        offset = 0.5 * np.einsum("ck,kc->c", fit.means, weights)
        values: Float64 = fit.rows.x @ weights - offset + fit.rows.log_prior
    if not np.isfinite(values).all():
        raise ScoreInputError(f"{score} overflows on these features; standardise them first.")
    return values


def scatter_factor(fit: Discriminant, shrinkage: float, score: str) -> Float64:
    """(k, k) upper triangular R with R'R = (1 - shrinkage) S_w + shrinkage spread I.

    Cholesky of the scatter where that is accurate; where a pivot has lost its digits (collinear
    features, shrinkage of 1e-10) the orthogonal factor of the residuals themselves, which never
    squares them.

    Raises:
        ScoreInputError: The matrix is singular to working precision.
    """
    k, ridge = len(fit.scatter), shrinkage * fit.spread
    matrix = (1 - shrinkage) * fit.scatter
    matrix.flat[:: k + 1] += ridge
    diagonal = matrix.diagonal().copy()
    try:
        factor: Float64 = cholesky(matrix, lower=False, overwrite_a=True, check_finite=False)
        if (factor.diagonal() ** 2 >= SAFE_PIVOT * diagonal).all() and diagonal.all():
            return factor
    except LinAlgError:
        pass  # not positive definite to rounding: the careful way below decides
    residuals = fit.within * math.sqrt((1 - shrinkage) / len(fit.within))
    if ridge > 0:
        residuals = np.vstack([residuals, math.sqrt(ridge) * np.eye(k)])
    if len(residuals) >= k:
        factor = triangular_factor(residuals)
        norms = np.linalg.norm(residuals, axis=0)
        if (np.abs(factor.diagonal()) > max(residuals.shape) * EPSILON * norms).all():
            return factor
    raise ScoreInputError(
        f"{score} needs a non-singular scatter within classes: more rows than features and classes"
        " together, and no feature that is constant or a combination of others within the classes."
    )


def softmax(values: Float64) -> Float64:
    """(n, c) exp(values), rows divided by their sum; no overflow."""
    exponentials: Float64 = np.exp(values - values.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


def log_softmax(values: Float64) -> Float64:
    """(n, c) logarithm of `softmax`, finite where a probability underflows."""
    shifted: Float64 = values - values.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def mean_true_class(probabilities: Float64, data: ClassRows) -> float:
    """Mean (n, c) value at the true class; rows sorted as `data` has them."""
    return float(np.mean(probabilities[np.arange(len(data.y)), data.y]))

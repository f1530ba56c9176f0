"""Exact principal components, without a (d, d) matrix where n < d."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from synlearn.errors import ScoreInputError
from synlearn.scorers.classes import EPSILON, centred, triangular_factor
from synlearn.scorers.inputs import Float64

SAFE_RATIO = 1e-8
"""Smallest ratio of variances that the eigenvalues of a product matrix still resolve well."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Rows in the directions of their largest variances.

    Attributes:
        scores: (n, k), mean zero, uncorrelated columns of arbitrary sign (see `oriented`).
        variances: (k,), falling, with 1 / (n - 1).
    """

    scores: Float64
    variances: Float64


def principal_components(x: Float64, components: int, score: str) -> Principal:
    """Project (n, d) rows on their leading principal directions.

    At most as many as the centred rows have rank are kept: further ones are rounding errors.

    Raises:
        ScoreInputError: `components` is below 1, or all rows are equal.
    """
    if components < 1:
        raise ScoreInputError(f"{score}: components must be at least 1, not {components}.")
    n, d = x.shape
    rows = centred(x)
    if not rows.any():
        raise ScoreInputError(f"{score} needs rows that differ; all rows are equal.")
    scores = _by_product(rows, components)
    if scores is None:
        # both are (k, k) with k = min(n, d) and have the singular values of the rows
        small = triangular_factor(rows.T).T if n <= d else triangular_factor(rows)
        left, values, right = np.linalg.svd(small)
        rank = int((values > max(n, d) * EPSILON * values[0]).sum())
        k = min(components, rank)
        scores = left[:, :k] * values[:k] if n <= d else rows @ right[:k].T
    return Principal(scores, (scores**2).sum(axis=0) / max(n - 1, 1))


def oriented(x: Float64, scores: Float64) -> Float64:
    """(n, k) scores with the sign that makes each component's largest loading positive.

    For what depends on the sign of a component, which the decomposition leaves open.

    Args:
        x: (n, d) rows that were projected.
        scores: (n, k) their principal scores.
    """
    loadings = centred(x).T @ scores  # (d, k), up to a positive factor each
    largest = np.abs(loadings).argmax(axis=0)
    result: Float64 = scores * np.sign(loadings[largest, np.arange(scores.shape[1])])
    return result


def _by_product(rows: Float64, components: int) -> Float64 | None:
    """Scores from the eigenvectors of the smaller product; None where squaring loses too much."""
    n, d = rows.shape
    size = min(n, d)
    k = min(components, d, n - 1)  # centred rows have rank n - 1 at most
    product = rows @ rows.T if n <= d else rows.T @ rows
    values, vectors = eigh(product, subset_by_index=(size - k, size - 1), check_finite=False)
    if values[0] < SAFE_RATIO * values[-1]:
        return None
    values, vectors = values[::-1], vectors[:, ::-1]
    scores: Float64 = vectors * np.sqrt(values) if n <= d else rows @ vectors
    return scores

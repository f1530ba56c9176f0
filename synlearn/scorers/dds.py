"""DDS: duality diagram similarity of a model and a reference."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist, squareform

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64
from synlearn.scorers.pairs import ROUNDING, row_correlations, standard_columns, unit_rows
from synlearn.scorers.rsa import check_pair

Kernel = Literal["cosine", "pearson", "euclidean", "laplacian", "rbf", "linear"]


def dds(features: ArrayLike, reference: ArrayLike, *, kernel: Kernel = "cosine") -> float:
    """Similarity of two models' distances between rows, not biased by small n; higher is better.

    score = <U(A), U(B)> / (|U(A)| |U(B)|)

    A and B are the n x n matrices of `kernel` between rows of the two sides with standardised
    columns. U removes, off the diagonal, what rows and columns have in common, and the diagonal
    itself: with m_i = sum_{j != i} A_ij / (n - 2) and t = sum_i m_i / (2 (n - 1)),

        U(A)_ij = A_ij - (m_i - t) - (m_j - t) for i != j, else 0

    Models that have nothing in common score 0 in expectation.

    Special cases. n < d: nothing changes; memory is that of n x n and n x d matrices. A constant
    feature: a column of zeros, no effect. Only constant features: undefined. d = 1: undefined for
    "pearson". Labels play no part.

    Args:
        features: (n, d) outputs of the model on n rows, n >= 4.
        reference: (n, d_reference) outputs of a reference network, trained on the target task, on
            the same rows.
        kernel: Between rows x and y: "cosine" 1 - cosine, "pearson" 1 - correlation, "euclidean"
            |x - y|, "laplacian" exp(-|x - y|_1 / d), "rbf" exp(-2 |x - y|^2 / median), the median
            being that of all n^2 squared distances, "linear" <x, y>.

    Returns:
        A float in [-1, 1].

    Raises:
        ScoreInputError: Unusable arrays, fewer than 4 rows, a row without direction ("cosine",
            "pearson"), or rows that are all equally far from each other.

    Source: Dwivedi, Huang, Cichy and Roig, "Duality diagram similarity: a generic framework for
    initialization selection in task transfer learning", ECCV 2020.
    """
    x, r = check_pair(features, reference, at_least=4)
    return inner(diagram(x, kernel, "features"), diagram(r, kernel, "reference"))


def diagram(x: Float64, kernel: Kernel, name: str) -> Float64:
    """U(A) of checked features, (n, n), of unit length.

    Raises:
        ScoreInputError: As `dds`.
    """
    return _without_common_part(_between_rows(x, kernel, name), name)


def inner(one: Float64, other: Float64) -> float:
    """Inner product of two `diagram`s."""
    return min(1.0, max(-1.0, float(np.einsum("ij,ij->", one, other))))


def _between_rows(x: Float64, kernel: Kernel, name: str) -> Float64:
    if kernel == "pearson":
        return 1 - row_correlations(x, name)
    z = standard_columns(x)
    match kernel:
        case "cosine":
            unit = unit_rows(
                z, f"{name}: row {{row}} is the mean of all rows and has no direction from it."
            )
            return 1 - unit @ unit.T
        case "linear":
            return z @ z.T
        case "euclidean":
            return _square(pdist(z))
        case "laplacian":
            return np.asarray(np.exp(-_square(pdist(z, "cityblock")) / z.shape[1]))
        case "rbf":
            squares = _square(pdist(z, "sqeuclidean"))
            median = float(np.median(squares))
            if median == 0:
                raise ScoreInputError(
                    f"{name}: most rows are equal, so kernel 'rbf' has no width; use 'cosine'."
                )
            return np.exp(-2 * squares / median)
        case _:
            raise ScoreInputError(
                f"kernel is {kernel!r}: choose cosine, pearson, euclidean, laplacian, rbf or "
                "linear."
            )


def _square(pairs: Float64) -> Float64:
    matrix: Float64 = squareform(pairs)
    return matrix


def _without_common_part(matrix: Float64, name: str) -> Float64:
    """U(A), of unit length."""
    n = len(matrix)
    np.fill_diagonal(matrix, 0.0)
    scale = float(np.abs(matrix).max())
    means = matrix.sum(axis=0) / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    matrix -= means[:, None]
    matrix -= means
    np.fill_diagonal(matrix, 0.0)
    length = float(np.sqrt(np.einsum("ij,ij->", matrix, matrix)))
    if length <= ROUNDING * n * scale:
        raise ScoreInputError(
            f"{name}: rows are all equally far from each other, so no similarity is defined."
        )
    matrix /= length
    return matrix

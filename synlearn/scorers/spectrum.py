"""The rows of a feature matrix in their own principal axes, without ever forming d x d for n < d.

Scores of few rows and many columns live in the space of the rows: whatever a linear model can say
about n targets depends on the singular values of the features and on the targets' coordinates along
the left singular vectors, n numbers each.
"""

from dataclasses import dataclass

import numpy as np

from synlearn.scorers.inputs import Float64

EPS = float(np.finfo(np.float64).eps)

SAFE_RATIO = 1e-8
"""The Gram matrix serves down to this ratio of its eigenvalues.

It squares the condition number, so an eigenvalue of this relative size is right to 1e-8. That moves
a score by 1e-8 of one direction's share in it; below, the singular value decomposition takes over.
"""


@dataclass(frozen=True, slots=True)
class RowSpectrum:
    """X = U S V', seen from the rows.

    Attributes:
        squares: (r,) positive squared singular values of X, r its numerical rank.
        coordinates: (r, c) U'Y for the c targets Y.
        residual: (c,) squared length of the targets outside the span of U; 0 where r = n.
    """

    squares: Float64
    coordinates: Float64
    residual: Float64


def row_spectrum(x: Float64, y: Float64, *, gram: bool = True) -> RowSpectrum:
    """Decompose x of shape (n, d) and express the targets y of shape (n, c) in its row axes.

    Time O(n d min(n, d)), memory O(n d + n c). Singular values below max(n, d) eps of the largest
    are rounding and left out.

    Args:
        x: (n, d) finite values, small enough that their squares are finite.
        y: (n, c) targets.
        gram: Try the smaller Gram matrix first: several times faster, and used only where it is
            as good (see `SAFE_RATIO`). Its residuals are right to 1e-15 of the squared length of
            the target; those of the other way to 1e-30.
    """
    used = x.any(axis=0)
    if not used.all():  # units that never fire would make a well-conditioned matrix singular
        x = x[:, used]
    if x.size == 0:
        return RowSpectrum(np.empty(0), np.empty((0, y.shape[1])), (y**2).sum(axis=0))
    if gram:
        found = _from_gram(x, y)
        if found is not None:
            return found
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    squares = singular**2  # 0 where a tiny value underflows
    rank = int(((singular > singular[0] * max(x.shape) * EPS) & (squares > 0)).sum())
    left = left[:, :rank]
    coordinates = left.T @ y
    residual = ((y - left @ coordinates) ** 2).sum(axis=0) * (rank < len(x))
    return RowSpectrum(squares[:rank], coordinates, residual)


def _from_gram(x: Float64, y: Float64) -> RowSpectrum | None:
    n, d = x.shape
    squares, axes = np.linalg.eigh(x @ x.T if n <= d else x.T @ x)
    if squares[0] <= SAFE_RATIO * squares[-1]:
        return None
    if n <= d:
        return RowSpectrum(squares, axes.T @ y, np.zeros(y.shape[1]))
    coordinates = axes.T @ (x.T @ y) / np.sqrt(squares)[:, None]
    residual = np.maximum((y**2).sum(axis=0) - (coordinates**2).sum(axis=0), 0.0)
    return RowSpectrum(squares, coordinates, residual)


def centred(x: Float64) -> Float64:
    """Subtract the column means of (n, d) rows; a column that only rounding moves becomes 0."""
    moved: Float64 = x - x[0]  # exactly 0 in a constant column, which its rounded mean may miss
    moved -= moved.mean(axis=0)
    noise = 4 * EPS * np.abs(x).max(axis=0)
    moved[:, np.abs(moved).max(axis=0) <= noise] = 0.0
    return moved


def contrasts(moved: Float64) -> Float64:
    """Express centred rows in an orthonormal basis of the vectors that sum to zero.

    (n, d) becomes (n - 1, d) with the same scatter X'X. n centred rows never have rank n; their
    contrasts can, so that an exact zero need not be told from a small singular value. The basis is
    that of the reflection which maps (1, ..., 1) / sqrt(n) to the first axis.
    """
    rest: Float64 = moved[1:] - moved[0] / (1.0 + np.sqrt(len(moved)))
    return rest

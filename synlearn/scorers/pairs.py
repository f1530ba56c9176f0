"""What scores made of pairs of rows share: exact scaling, standard columns, ranks with ties.

Two numbers that are equal on paper come out of BLAS a few units in the last place apart, and which
of them is larger depends on the order of the rows. Whatever ranks pairs here calls two numbers tied
where they differ by no more than rounding does.
"""

import numpy as np

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64

ROUNDING = 1e-12
"""Numbers of unit scale that are this close are one number."""


def scaled(x: Float64) -> Float64:
    """Divide by a power of two so that the largest entry lies in [1/2, 1); exact, never overflows.

    Differences that lie below 2^-1022 of the largest entry are lost.
    """
    _, exponent = np.frexp(np.abs(x).max())
    unit: Float64 = np.ldexp(x, -int(exponent))
    return unit


def centred(x: Float64) -> Float64:
    """Subtract from each column its mean."""
    moved: Float64 = x - x.mean(axis=0)
    return moved


def standard_columns(x: Float64) -> Float64:
    """Give each column mean 0 and population standard deviation 1; a constant column becomes 0.

    A column counts as constant where it varies by no more than the rounding of its largest entry.
    """
    _, exponents = np.frexp(np.abs(x).max(axis=0))
    unit: Float64 = np.ldexp(x, -exponents)  # column by column, for 1e200 next to 1e-200
    unit -= unit.mean(axis=0)
    deviation = unit.std(axis=0)
    constant = deviation <= 10 * np.finfo(np.float64).eps
    unit[:, constant] = 0.0
    unit /= np.where(constant, 1.0, deviation)
    return unit


def unit_rows(x: Float64, complaint: str) -> Float64:
    """Divide each row by its length.

    Raises:
        ScoreInputError: A row is zero; the message is `complaint`, formatted with its index `row`.
    """
    lengths = np.linalg.norm(x, axis=1)
    zero = np.flatnonzero(lengths <= ROUNDING * max(1.0, float(np.abs(x).max())))
    if len(zero):
        raise ScoreInputError(complaint.format(row=int(zero[0])))
    unit: Float64 = x / lengths[:, None]
    return unit


def row_correlations(x: Float64, name: str) -> Float64:
    """Pearson's correlation between the rows of standardised columns, (n, n).

    Raises:
        ScoreInputError: A row is constant, as it always is for d = 1.
    """
    z = standard_columns(x)
    z -= z.mean(axis=1, keepdims=True)
    unit = unit_rows(
        z,
        f"{name}: once columns are standardised, row {{row}} is constant, so its correlation with "
        "other rows is undefined; this happens for one feature or for features that do not vary.",
    )
    return unit @ unit.T


def below_diagonal(matrix: Float64) -> Float64:
    """Return the n (n - 1) / 2 entries below the diagonal."""
    n = len(matrix)
    found: Float64 = matrix[np.tri(n, k=-1, dtype=bool)]
    return found


def tied_ranks(values: Float64, tolerance: float = ROUNDING) -> Float64:
    """Ranks from 0, with the mean rank for ties.

    Args:
        values: (m,) finite numbers.
        tolerance: Neighbours in order that differ by no more than this are tied.

    >>> tied_ranks(np.array([0.3, 0.1 + 0.2, 0.1]))
    array([1.5, 1.5, 0. ])
    """
    order = np.argsort(values)
    ordered = values[order]
    first = np.empty(len(values), dtype=bool)
    first[:1] = True
    np.greater(np.diff(ordered), tolerance, out=first[1:])
    starts = np.flatnonzero(first)
    sizes = np.diff(starts, append=len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + (sizes - 1) / 2, sizes)
    return ranks

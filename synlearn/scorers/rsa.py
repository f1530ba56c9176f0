"""RSA: do two models find the same pairs of rows alike?"""

import numpy as np
from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, check_matrix
from synlearn.scorers.pairs import below_diagonal, row_correlations, tied_ranks


def rsa(features: ArrayLike, reference: ArrayLike) -> float:
    """Representation similarity of a model and a reference; higher is better.

    score = 100 * Spearman's correlation, over the n (n - 1) / 2 pairs of rows i < j, between
    1 - Pearson(z_i, z_j) of the two sides, where z are features with standardised columns

    Dissimilarities that differ by rounding are tied, and ties get their mean rank.

    Special cases. n < d: nothing changes; memory is that of n x n and n x d matrices. A constant
    feature: ignored in effect, as a column of zeros. d = 1, or only constant features: undefined.
    Labels play no part.

    Args:
        features: (n, d) outputs of the model on n rows, n >= 3.
        reference: (n, d_reference) outputs of a reference network, trained on the target task, on
            the same rows.

    Returns:
        A float in [-100, 100].

    Raises:
        ScoreInputError: Unusable arrays, fewer than 3 rows, a constant row once columns are
            standardised, or dissimilarities that are all equal.

    Source: Dwivedi and Roig, "Representation similarity analysis for efficient task taxonomy and
    transfer learning", CVPR 2019; columns standardised and times 100 as in Bolya et al., "Scalable
    Diverse Model Selection for Accessible Transfer Learning", NeurIPS 2021.
    """
    x, r = check_pair(features, reference, at_least=3)
    return agreement(pair_ranks(x, "features"), pair_ranks(r, "reference"))


def check_pair(features: ArrayLike, reference: ArrayLike, at_least: int) -> tuple[Float64, Float64]:
    """Check two matrices of equally many rows.

    Raises:
        ScoreInputError: One is unusable, their rows differ in number or are fewer than `at_least`.
    """
    x, r = check_matrix(features, "features"), check_matrix(reference, "reference")
    if len(x) != len(r):
        raise ScoreInputError(
            f"features have {len(x)} rows and reference {len(r)}; run both models on the same rows."
        )
    if len(x) < at_least:
        raise ScoreInputError(
            f"{len(x)} rows are too few to compare two models by pairs of rows; it needs "
            f"{at_least}."
        )
    return x, r


def pair_ranks(x: Float64, name: str) -> Float64:
    """Centred ranks of how alike two rows are, for all n (n - 1) / 2 pairs of checked features.

    Raises:
        ScoreInputError: A row is constant once columns are standardised, or all pairs tie.
    """
    alike = below_diagonal(row_correlations(x, name))
    ranks = tied_ranks(alike)  # the order of 1 - Pearson, backwards on both sides
    if ranks.min() == ranks.max():
        raise ScoreInputError(f"{name}: all pairs of rows are equally alike, which orders nothing.")
    return ranks - (len(ranks) - 1) / 2


def agreement(one: Float64, other: Float64) -> float:
    """100 times the correlation of two `pair_ranks`."""
    value = 100 * float(one @ other) / float(np.sqrt((one @ one) * (other @ other)))
    return min(100.0, max(-100.0, value))

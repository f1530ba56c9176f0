"""PARC: pairwise annotation representation comparison."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import ScoreInputError
from synlearn.scorers.classes import EPSILON, ClassRows, centred, class_rows
from synlearn.scorers.inputs import Float64
from synlearn.scorers.principal import oriented, principal_components

Bools = NDArray[np.bool_]

TIE = 1e-12
"""Correlations are rounded to about 1e-15; dissimilarities closer than this are the same."""


def parc(features: ArrayLike, labels: ArrayLike, *, components: int | None = None) -> float:
    """Rank agreement of feature and label dissimilarities over all pairs of rows; higher is better.

    Features are standardised (column mean 0, population variance 1; a constant column becomes 0).
    For every pair of rows i < j,

        a_ij = 1 - Pearson correlation of rows i and j of the standardised features,
        b_ij = 0 if y_i = y_j, else 1,
        PARC = 100 * Spearman correlation of a and b, ties sharing their mean rank.

    The correlation of one-hot rows, as the reference computes b, takes two values only; its
    rounding errors split them and change the score by points. Here b is exact, and values of a that
    differ by rounding alone (less than 1e-12) are tied.

    Args:
        features: (n, d) floats, n >= 3. n < d needs no care: only inner products of rows count.
        labels: (n,) whole numbers; gaps in the numbering and classes that never occur change
            nothing. One sample in some classes is allowed.
        components: Reduce the features to this many principal components first (the authors take
            32); None keeps all. At most as many as the features have rank are kept. The sign of a
            component changes the correlation of rows: its largest loading is made positive.

    Returns:
        A number in [-100, 100], 0 where distances do not see the labels. Memory O(n^2 + n d).

    Raises:
        ScoreInputError: All pairs share a label or none does (a single class; one sample in every
            class), all pairs are equally dissimilar, or a row has no correlation because its
            standardised features are all equal (d = 1, constant features).

    Source: Bolya et al., "Scalable Diverse Model Selection for Accessible Transfer Learning",
    NeurIPS 2021.
    """
    data = class_rows(features, labels, "parc")
    same = same_class_pairs(data)
    if same.all() or not same.any():
        raise ScoreInputError(
            "parc needs pairs of rows of one class and pairs of two; the labels have "
            f"{data.classes} classes for {len(data.y)} rows."
        )
    x = data.x
    if components is not None:
        x = oriented(x, principal_components(x, components, "parc").scores)
    return 100 * spearman_with_binary(dissimilarities(x), ~same)


def same_class_pairs(data: ClassRows) -> Bools:
    """(n (n - 1) / 2,) bool, row-wise upper triangle: do the two rows share their class?"""
    upper = np.triu(np.ones((len(data.y), len(data.y)), dtype=bool), 1)
    same: Bools = (data.y[:, None] == data.y)[upper]
    return same


def dissimilarities(x: Float64) -> Float64:
    """(n (n - 1) / 2,) one less the correlation of each pair of standardised rows."""
    z = centred(x)
    deviation = np.sqrt((z**2).mean(axis=0))
    z = z / np.where(deviation > 0, deviation, 1.0)
    rounding = len(x) * EPSILON * np.abs(z).max(axis=1)
    z -= z.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(z, axis=1)
    if (lengths <= rounding).any():
        raise ScoreInputError(
            "parc correlates rows of standardised features, and in a row all of them are equal; it"
            " needs at least two features that vary."
        )
    z /= lengths[:, None]
    upper = np.triu(np.ones((len(z), len(z)), dtype=bool), 1)
    result: Float64 = 1.0 - (z @ z.T)[upper]
    return result


def spearman_with_binary(values: Float64, larger: Bools) -> float:
    """Spearman correlation of (m,) values with an (m,) indicator, both of whose values occur.

    Ranks of a two-valued vector are a linear function of it, so the correlation is that of the
    values' ranks with the indicator: one sort and the rank sum of one side.

    Raises:
        ScoreInputError: All values are equal.
    """
    m = len(values)
    ordered = np.sort(values)
    first = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > TIE)  # where each tie begins
    sizes = np.diff(first, append=m)
    if len(first) == 1:
        raise ScoreInputError("parc ranks dissimilarities of rows, and all pairs have the same.")
    centred_ranks = first + 0.5 * (sizes - 1) - 0.5 * (m - 1)
    minority = np.sort(values[larger] if 2 * larger.sum() <= m else values[~larger])
    tie_of = np.searchsorted(ordered[first], minority, side="right") - 1
    rank_sum = float(centred_ranks[tie_of].sum()) * (1 if 2 * larger.sum() <= m else -1)
    variance = float(sizes @ centred_ranks**2)
    k = len(minority)
    return rank_sum / float(np.sqrt(variance * k * (m - k) / m))

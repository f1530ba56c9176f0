"""H-score with a shrunk covariance: defined, and informative, for fewer rows than columns."""

import numpy as np
from numpy.typing import ArrayLike

from synlearn.scorers.hscore import class_contrasts
from synlearn.scorers.inputs import Float64, check_labelled
from synlearn.scorers.spectrum import centred, contrasts, row_spectrum


def hscore_regularised(features: ArrayLike, labels: ArrayLike) -> float:
    """H-score with the covariance shrunk as by Ledoit and Wolf; higher is better.

    With centred features f, g the mean feature of each row's class, S = f'f / n,
    mu = trace(S) / d and the shrinkage a in [0, 1] below,

        H = trace( S_a^-1 (1 - a) cov g ),    S_a = (1 - a) S + a mu I,    cov g = g'g / (n - 1),
        a = min(b, e) / e,    e = |S - mu I|^2,    b = (sum_i |f_i|^4 / n - |S|^2) / n.

    S_a is applied in the axes of the rows, so that n < d costs O(n^2 d) and no d x d matrix.

    Args:
        features: (n, d) values.
        labels: (n,) whole numbers.

    Returns:
        A value in [0, (c - 1) n / (n - 1)] for c classes; the factor comes from the two divisors,
        n and n - 1, of the authors' covariances. It is the same for any order of rows or columns,
        for any names of the labels, and for a rotation or common scale of the features.

    Special cases: n < d is what it is made for. With one row in each class it still is only a
    measure of the spread of the rows. A constant feature counts towards d and thus lowers mu; if
    all are constant, and with a single class, the score is 0. Where a = 0 (d = 1) it is
    n / (n - 1) times the H-score. A label that never occurs, or a gap in the numbering, changes
    nothing.

    Raises:
        ScoreInputError: Input does not fit.

    Source: Ibrahim, Ponomareva and Mazumder, "Newer is Not Always Better: Rethinking
    Transferability Metrics, Their Peculiarities, Stability and Performance", ECML PKDD 2022; Ledoit
    and Wolf, "A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices", 2004.

    >>> round(hscore_regularised([[2.0], [1.0], [-1.0], [-2.0]], [1, 1, 0, 0]), 3)
    1.2
    """
    data = check_labelled(features, labels)
    n, d = data.x.shape
    moved = centred(data.x / (np.abs(data.x).max() or 1.0))
    moved /= np.abs(moved).max() or 1.0
    if data.classes == 1 or not moved.any():
        return 0.0
    spectrum = row_spectrum(contrasts(moved), class_contrasts(data))
    variances = spectrum.squares / n  # non-zero eigenvalues of S
    mean = float(variances.sum()) / d
    shrinkage = _ledoit_wolf(moved, variances, mean)
    kept = (1 - shrinkage) * variances
    between = (spectrum.coordinates**2).sum(axis=1)
    score = (kept * between / (kept + shrinkage * mean)).sum() * n / (n - 1)
    return float(score)


def _ledoit_wolf(moved: Float64, variances: Float64, mean: float) -> float:
    """Return the weight of the identity in the shrunk covariance of centred rows."""
    n, d = moved.shape
    missing = d - len(variances)
    distance = float(((variances - mean) ** 2).sum()) + missing * mean**2
    fourth = float(((moved**2).sum(axis=1) ** 2).mean())
    spread = max(fourth - float((variances**2).sum()), 0.0) / n
    return min(spread / distance, 1.0) if distance > 0 and d > 1 else 0.0

"""H-score: how much of the features' variation lies between the classes, whitened."""

import numpy as np
from numpy.typing import ArrayLike

from synlearn.scorers.inputs import Float64, Labelled, check_labelled
from synlearn.scorers.spectrum import centred, contrasts, row_spectrum


def hscore(features: ArrayLike, labels: ArrayLike) -> float:
    """Between-class variation of the whitened features; higher is better.

    With f the features and g the mean feature of each row's class,

        H = trace( pinv(cov f) cov g ).

    It is the squared length of the normalised class indicators projected on the span of the
    centred features, and computed so: no covariance is formed or inverted.

    Args:
        features: (n, d) values.
        labels: (n,) whole numbers.

    Returns:
        A value in [0, c - 1] for c classes. It is the same for any order of rows, for any names of
        the labels, and for features that another invertible linear map has been applied to: columns
        of any scale count alike (the cut-offs of the public code lose small ones).

    Special cases: whenever the centred features have rank n - 1, as for n <= d in general position,
    the value is c - 1 whatever the labels: for few rows use `hscore_regularised`. A class of one
    row counts as any other. A constant feature counts as absent; if all are, and with a single
    class, the score is 0. A label that never occurs, or a gap in the numbering, changes nothing.

    Raises:
        ScoreInputError: Input does not fit.

    Source: Bao, Li, Huang, Zhang, Zheng, Zamir and Guibas, "An Information-Theoretic Approach to
    Transferability in Task Transfer Learning", ICIP 2019, definition 2.

    >>> round(hscore([[2.0], [1.0], [-1.0], [-2.0]], [1, 1, 0, 0]), 3)
    0.9
    """
    data = check_labelled(features, labels)
    moved = centred(data.x / _positive(np.abs(data.x).max(axis=0)))
    spectrum = row_spectrum(
        contrasts(moved / _positive(np.sqrt((moved**2).sum(axis=0)))), class_contrasts(data)
    )
    return min(float((spectrum.coordinates**2).sum()), data.classes - 1.0)


def class_contrasts(data: Labelled) -> Float64:
    """Return the contrasts of the unit vectors 1_c / sqrt(n_c): (n - 1, c), of squared norm c - 1.

    With X the contrasts of the centred features, X' times these is sqrt(n_c) times the mean
    feature of each class.
    """
    member = (data.y[:, None] == np.arange(data.classes)) / np.sqrt(data.counts)
    return contrasts(centred(member))


def _positive(scale: Float64) -> Float64:
    return np.where(scale > 0, scale, 1.0)

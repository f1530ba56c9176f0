"""LogME: the evidence that linear models on the features give to the labels."""

import numpy as np
from numpy.typing import ArrayLike

from synlearn.scorers.evidence_schedules import Schedule, mean_evidence
from synlearn.scorers.inputs import check_labelled


def logme(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    schedule: str = Schedule.MAXIMUM,
    likelihood: bool = False,
) -> float:
    """Logarithm of maximum evidence, one class against the rest; higher is better.

    For each class c that occurs, y is 1 on its rows and 0 elsewhere, and

        LogME = mean over c of max over alpha, beta of (1/n) log N(y; 0, I / beta + X X' / alpha).

    The maximum is found, not approached: the score is the supremum over all alpha and beta,
    including its finite limits alpha / beta -> infinity (a class the features say nothing about)
    and, for rows in general position with n <= d, alpha / beta -> 0 (labels without noise). The
    authors' code iterates instead, with 1e-5 in its denominators; those schedules are options. On
    features of one scale they agree with the maximum to 1e-6..1e-2. They depend on that scale, and
    where columns differ by orders of magnitude the evidence has several maxima, of which an
    iteration finds one.

    Args:
        features: (n, d) values; no intercept is added.
        labels: (n,) whole numbers.
        schedule: "maximum" (the definition), "fixed_point" (the authors' later schedule), "icml"
            (their first) or "converged" (the iteration without constants, to its end). A
            log-determinant over the non-zero singular values only, which the authors' fixed-point
            code has for n < d, is their mistake and not reproduced.
        likelihood: With an authors' schedule, report log p(y) / n at its alpha and beta instead of
            its own expression, which lags one step behind. "maximum" is always a likelihood.

    Returns:
        Nats per row, of a density: it may be positive. The default does not depend on the order of
        rows or columns, on the labels' names, nor on a rotation or common scale of the features.

    Special cases: n < d is a regular case; memory is O(n d). A class of one row counts as any
    other class. A constant feature acts as an intercept; features that are all zero score
    the best evidence of pure noise. A label that never occurs, or a gap in the numbering, adds
    nothing (the authors' code adds the evidence of an empty class).

    Raises:
        ScoreInputError: Input does not fit; or the labels of a class are a linear function of
            features of rank below n, so that the evidence has no bound; or a schedule breaks down.

    Source: You, Liu, Wang and Long, "LogME: Practical Assessment of Pre-trained Models for Transfer
    Learning", ICML 2021 ("icml"); You, Liu, Zhang, Wang, Jordan and Long, "Ranking and Tuning
    Pre-trained Models", JMLR 2022 ("fixed_point").

    >>> round(logme([[2.0], [1.0], [-1.0], [-2.0]], [1, 1, 0, 0]), 3)
    -1.03
    """
    data = check_labelled(features, labels)
    targets = (data.y[:, None] == np.arange(data.classes)).astype(np.float64)
    names = [f"class {name}" for name in data.names]
    return mean_evidence(data.x, targets, names, Schedule.named(schedule), likelihood=likelihood)

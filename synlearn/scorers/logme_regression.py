"""LogME for regression: the evidence that linear models on the features give to real targets."""

from numpy.typing import ArrayLike

from synlearn.scorers.evidence_schedules import Schedule, mean_evidence
from synlearn.scorers.inputs import check_regression


def logme_regression(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    schedule: str = Schedule.MAXIMUM,
    likelihood: bool = False,
) -> float:
    """Logarithm of maximum evidence of each target column; higher is better.

        LogME = mean over k of max over alpha, beta of (1/n) log N(y_k; 0, I / beta + X X' / alpha).

    Args:
        features: (n, d) values; no intercept is added.
        targets: (n,) or (n, k) values. The score depends on their unit: it is comparable between
            models of one task, not between tasks.
        schedule: "maximum" (the definition), "fixed_point", "icml" or "converged": see `logme`.
        likelihood: See `logme`.

    Returns:
        Nats per row, of a density: it may be positive. The default does not depend on the order of
        rows or columns, nor on a rotation or common scale of the features; targets multiplied
        by a shift it by -log a.

    Special cases: n < d is a regular case; memory is O(n d). A constant feature acts as an
    intercept; features that are all zero score the best evidence of pure noise. There are no
    classes: one row of a value, gaps and values that never occur mean nothing here.

    Raises:
        ScoreInputError: Input does not fit; or a target is zero throughout or a linear function of
            features of rank below n, so that the evidence has no bound; or a schedule breaks
            down.

    Source: as `logme`.

    >>> round(logme_regression([[2.0], [1.0], [-1.0], [-2.0]], [2.1, 0.9, -1.0, -1.9]), 3)
    0.035
    """
    x, y = check_regression(features, targets)
    names = [f"target column {k}" for k in range(y.shape[1])]
    return mean_evidence(x, y, names, Schedule.named(schedule), likelihood=likelihood)

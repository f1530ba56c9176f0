"""Mean squared error as a validation function, for regression.

v_valid(mu, h) = sum_d sums_d / sum_d count_d over the providers d of the task's closure; lower is
better, as for `v_star` in the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SquaredErrorSums:
    """One provider's part.

    Attributes:
        sums: (m,) for each model the sum of squared errors over rows and targets.
        count: Rows times targets.
    """

    sums: Float64
    count: int


def psi(
    predicted: npt.NDArray[np.floating],
    targets: npt.NDArray[np.floating],
    most: float | None = None,
) -> SquaredErrorSums:
    """Sum the squared errors of several models over one provider's rows.

    Args:
        predicted: (m, n, t), what m models say about each row.
        targets: (n, t).
        most: What a row may add to a sum; more, or what is no number, counts as this.
    """
    errors = predicted.astype(np.float64) - targets
    if most is None:
        return SquaredErrorSums((errors**2).sum(axis=(1, 2)), targets.size)
    each = np.nan_to_num((errors**2).sum(axis=2), nan=most, posinf=most)
    return SquaredErrorSums(each.clip(max=most).sum(axis=1), targets.size)


def combine(parts: Sequence[SquaredErrorSums]) -> Float64:
    """Mean squared error of each model over all providers' rows; (m,)."""
    total = np.zeros_like(parts[0].sums)
    for part in parts:
        total += part.sums
    return total / sum(part.count for part in parts)

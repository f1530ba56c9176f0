"""Means over repeated runs with the interval that says how much to trust them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from synlearn.errors import ScoreInputError


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over runs and its two-sided Student-t confidence interval.

    Attributes:
        mean: arithmetic mean, in the unit of the values.
        low: lower end; None when a single run says nothing about its spread.
        high: upper end; None together with `low`.
        runs: number of values behind the mean, usually seeds.
        confidence: probability that such an interval covers the mean over all possible runs.
    """

    mean: float
    low: float | None
    high: float | None
    runs: int
    confidence: float = 0.95

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.mean:.3f} (one run, no interval)"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of zero; False without an interval."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Mean of independent runs with a t-interval: mean +- t_(n-1) s / sqrt(n).

    Args:
        values: (runs,) finite numbers, one for each independent run.
        confidence: coverage, in (0, 1).

    Raises:
        ScoreInputError: for no runs, a value that is not finite, or a confidence out of range.

    >>> print(mean_interval([0.76, 0.77, 0.78]))
    0.770 (0.745 to 0.795)
    >>> print(mean_interval([0.76]))
    0.760 (one run, no interval)
    """
    runs = np.asarray(values, dtype=np.float64)
    if runs.ndim != 1 or runs.size == 0:
        raise ScoreInputError(f"values has shape {runs.shape}: pass a vector of at least one run.")
    if not np.isfinite(runs).all():
        raise ScoreInputError(
            f"Run {int(np.argmin(np.isfinite(runs)))} is not finite: a failed run has no mean, "
            "so repeat it or report it as failed."
        )
    mean = float(runs.mean())
    quantile = student_t(runs.size - 1, confidence) if runs.size > 1 else None
    if quantile is None:
        return Estimate(mean, None, None, 1, confidence)
    half_width = quantile * float(runs.std(ddof=1)) / runs.size**0.5
    return Estimate(mean, mean - half_width, mean + half_width, runs.size, confidence)


def paired_difference(
    a: Mapping[int, float], b: Mapping[int, float], *, confidence: float = 0.95
) -> Estimate:
    """Mean of a - b over the seeds both share, with the t-interval of the differences.

    Runs of two methods under one seed share data and draws. Their difference therefore varies
    less than either of them, and comparing two separate intervals would hide real differences.

    Args:
        a: value by seed of the first method.
        b: value by seed of the second, for exactly the same seeds.
        confidence: coverage, in (0, 1).

    Raises:
        ScoreInputError: if the seeds differ, or as `mean_interval`.

    >>> print(paired_difference({0: 0.77, 1: 0.79}, {0: 0.55, 1: 0.57}))
    0.220 (0.220 to 0.220)
    """
    if a.keys() != b.keys():
        raise ScoreInputError(
            f"The first method ran seeds {sorted(a)} and the second {sorted(b)}: "
            "a paired difference needs the same seeds."
        )
    return mean_interval([a[seed] - b[seed] for seed in a], confidence=confidence)


def student_t(degrees: int, confidence: float) -> float:
    """Half-width of the central `confidence` interval of Student's t, in standard errors.

    Raises:
        ScoreInputError: unless degrees >= 1 and confidence lies in (0, 1).

    >>> round(student_t(4, 0.95), 3)
    2.776
    """
    if degrees < 1:
        raise ScoreInputError(f"{degrees} degrees of freedom give no interval: use more runs.")
    if not 0.0 < confidence < 1.0:
        raise ScoreInputError(f"confidence is {confidence}: choose a number between 0 and 1.")
    return float(stdtrit(degrees, 0.5 + confidence / 2))

"""Rows of features grouped by class: what every score that compares classes starts from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels, check_labelled, require_classes

LARGEST = 1e60
"""Largest magnitude of a feature: sums of fourth powers of such values are still finite."""

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class ClassRows:
    """Rows sorted by class; no score depends on the order of the rows.

    Attributes:
        x: (n, d) float64, rows of class 0 first, then of class 1, ...
        y: (n,) int64, class of each row, rising, 0..c-1; every class occurs.
        counts: (c,) int64, rows of each class.
    """

    x: Float64
    y: Labels
    counts: Labels

    @property
    def classes(self) -> int:
        """Number of classes that occur."""
        return len(self.counts)

    @property
    def log_prior(self) -> Float64:
        """(c,) log of the share of each class."""
        return np.log(self.counts / len(self.y))

    def means(self, values: Float64) -> Float64:
        """(c, k) class means of (n, k) values that are sorted as `x` is."""
        starts = np.cumsum(self.counts) - self.counts
        sums: Float64 = np.add.reduceat(values, starts, axis=0)
        return sums / self.counts[:, None]

    def slices(self) -> list[slice]:
        """Where each class's rows lie in `x`."""
        ends = np.cumsum(self.counts)
        return [slice(int(e - n), int(e)) for e, n in zip(ends, self.counts, strict=True)]

    def within(self, means: Float64) -> Float64:
        """(n, d) rows less their class mean; exactly zero where a feature never varies in a class.

        Without the last step a constant feature would keep the rounding error of its mean, and a
        score that divides by the spread would be decided by it.
        """
        residual = self.x - means[self.y]
        noise = len(self.y) * EPSILON * np.abs(self.x).max(axis=0)
        residual[:, np.abs(residual).max(axis=0) <= noise] = 0.0
        return residual


def class_rows(
    features: ArrayLike, labels: ArrayLike, score: str, *, at_least: int = 1
) -> ClassRows:
    """Check (n, d) features and (n,) labels for a score by classes and sort the rows by class.

    Raises:
        ScoreInputError: As `check_labelled`; fewer than `at_least` classes; or magnitudes whose
            squares would overflow.
    """
    data = check_labelled(features, labels)
    require_classes(data, at_least, score)
    check_magnitude(data.x, "features")
    order = np.argsort(data.y, kind="stable")
    return ClassRows(data.x[order], data.y[order], data.counts)


def check_magnitude(values: Float64, name: str) -> None:
    """Raise `ScoreInputError` where squares of the values would overflow."""
    largest = max(-float(values.min()), float(values.max()))
    if largest > LARGEST:
        raise ScoreInputError(
            f"{name} reach a magnitude of {largest:.3g}, beyond {LARGEST:g}; rescale them."
        )


def centred(x: Float64) -> Float64:
    """(n, d) rows less their mean; exactly zero where a feature never varies, whatever rounding."""
    moved: Float64 = x - x.mean(axis=0)
    moved[:, np.abs(moved).max(axis=0) <= len(x) * EPSILON * np.abs(x).max(axis=0)] = 0.0
    return moved


def triangular_factor(matrix: Float64) -> Float64:
    """(min(m, k), k) upper triangular R with R'R = M'M for an (m, k) matrix M, without squaring it.

    For wide rows (n, d), the columns of R of their transpose are the rows themselves in an
    orthonormal basis of their span: same inner products, at most n coordinates.
    """
    factor: Float64 = np.asarray(np.linalg.qr(matrix, mode="r"))
    return factor

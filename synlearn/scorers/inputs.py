"""What every scorer accepts, checked once; whatever cannot be scored is said, never returned.

Labels are any whole numbers: classes that do not occur are left out, so a gap in the numbering
changes nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import ScoreInputError

Float64 = NDArray[np.float64]
Labels = NDArray[np.int64]

SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may be from summing to 1: float16 outputs come so close."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows with class labels.

    Attributes:
        x: (n, d) float64, C-contiguous; never the caller's own memory.
        y: (n,) int64, class of each row, 0..c-1; every class occurs.
        counts: (c,) int64, rows of each class.
        names: (c,) int64, the caller's label of each class, rising.
    """

    x: Float64
    y: Labels
    counts: Labels
    names: Labels

    @property
    def classes(self) -> int:
        """Number of classes that occur."""
        return len(self.counts)


def check_labelled(values: ArrayLike, labels: ArrayLike, name: str = "features") -> Labelled:
    """Check (n, d) values and (n,) labels.

    Raises:
        ScoreInputError: The shapes do not match, there is no row or column, a value is not finite,
            or labels are not whole numbers.
    """
    x = check_matrix(values, name)
    given = np.asarray(labels)
    if given.ndim != 1 or len(given) != len(x):
        raise ScoreInputError(
            f"labels have shape {given.shape} for {len(x)} rows of {name}; give one for each row."
        )
    if given.dtype.kind not in "iub" and not (
        given.dtype.kind == "f" and bool(np.all(given == np.floor(given)))
    ):
        raise ScoreInputError("labels must be whole numbers, one for each row.")
    names, y, counts = np.unique(given.astype(np.int64), return_inverse=True, return_counts=True)
    return Labelled(x, y.astype(np.int64), counts.astype(np.int64), names)


def check_probabilities(source_probs: ArrayLike, labels: ArrayLike) -> Labelled:
    """Check (n, c_source) outputs of a source model, rows summing to 1, and (n,) labels.

    Rows are divided by their sum, which must lie within 1e-3 of 1.

    Raises:
        ScoreInputError: As `check_labelled`, or a row is no probability distribution.
    """
    checked = check_labelled(source_probs, labels, "source_probs")
    sums = checked.x.sum(axis=1, keepdims=True)
    if checked.x.min() < 0 or np.abs(sums - 1).max() > SUM_TOLERANCE:
        raise ScoreInputError(
            "source_probs must be probabilities: not below 0, each row summing to 1; apply softmax."
        )
    np.divide(checked.x, sums, out=checked.x)  # a copy of the caller's array already
    return checked


def check_regression(features: ArrayLike, targets: ArrayLike) -> tuple[Float64, Float64]:
    """Check (n, d) features and (n,) or (n, k) targets; return (n, d) and (n, k) float64.

    Raises:
        ScoreInputError: The shapes do not match, or a value is not finite.
    """
    x = check_matrix(features, "features")
    y = np.asarray(targets, dtype=np.float64)
    y = check_matrix(y[:, None] if y.ndim == 1 else y, "targets")
    if len(y) != len(x):
        raise ScoreInputError(f"{len(y)} targets for {len(x)} rows of features; give one for each.")
    return x, y


def check_matrix(values: ArrayLike, name: str) -> Float64:
    """Return a finite, non-empty matrix as a float64 copy.

    Raises:
        ScoreInputError: It is not numeric, not two-dimensional, empty, or not finite.
    """
    try:
        matrix = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ScoreInputError(f"{name} must be a matrix of numbers.") from error
    if matrix.ndim != 2 or matrix.size == 0:
        raise ScoreInputError(f"{name} must be a matrix (n, d) with n, d >= 1, not {matrix.shape}.")
    if not np.isfinite(matrix).all():
        raise ScoreInputError(f"{name} hold a NaN or an infinity; no score is defined for them.")
    return matrix


def require_classes(data: Labelled, at_least: int, score: str) -> None:
    """Raise `ScoreInputError` where fewer classes occur than the score needs."""
    if data.classes < at_least:
        raise ScoreInputError(
            f"{score} compares classes and needs {at_least} of them; the labels have "
            f"{data.classes}."
        )

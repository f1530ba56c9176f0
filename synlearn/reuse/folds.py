"""Cross-validation of a model that was re-trained on few examples, and how sure that is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from synlearn.datasets.stable_draw import stable_order
from synlearn.errors import InputError

Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """How often a model was right about examples that it had not learned from.

    Attributes:
        right, examples: Of all examples, each left out once.
        folds: Into which they were divided.
        low, high: Clopper and Pearson's 95 % interval of the accuracy. It takes the examples for
            independent draws of one model's success; the models of two folds share most of their
            examples, so that the truth may lie outside it somewhat more often.
    """

    right: int
    examples: int
    folds: int
    low: float
    high: float

    @property
    def accuracy(self) -> float:
        """In [0, 1]."""
        return self.right / self.examples

    def __str__(self) -> str:
        return (
            f"{self.accuracy:.3f} (95 % interval {self.low:.3f} to {self.high:.3f}; "
            f"{self.right} of {self.examples} examples, {self.folds} folds)"
        )


def cross_validated(right: NDArray[np.bool_], folds: int) -> CrossValidated:
    """Sum up which examples, (n,), a model was right about while they were left out."""
    hits, count = int(right.sum()), len(right)
    low = float(betaincinv(hits, count - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, count - hits, 0.975)) if hits < count else 1.0
    return CrossValidated(hits, count, folds, low, high)


def folds_of(labels: Int64, most: int, seed: int) -> Int64:
    """Divide examples into folds, each class as evenly as it goes.

    Args:
        labels: (n,) classes from 0.
        most: Folds at most; fewer where a class has fewer examples.
        seed: Of the draw.

    Returns:
        (n,) the fold of each example, from 0; none at all, an empty array, where a class has a
        single example, which nothing could be learned of while it is left out.
    """
    counts = np.bincount(labels)
    count = min(most, int(counts.min()))
    if count < 2:
        return np.empty(0, np.int64)
    found = np.empty(len(labels), np.int64)
    for label in range(len(counts)):
        rows = np.flatnonzero(labels == label)
        order = stable_order(f"synlearn/reuse/folds/v1/seed={seed}/class={label}", len(rows))
        found[rows[order]] = (np.arange(len(rows)) + label) % count
    return found


def left_out(folds: Int64) -> Iterator[tuple[Int64, Int64]]:
    """Yield, for each fold, the rows to learn from and those left out."""
    for fold in range(int(folds.max()) + 1):
        yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def check_labels(labels: Int64 | None, count: int) -> Int64:
    """Return labels as classes from 0 without gaps; raises InputError for less than two classes."""
    if labels is None:
        raise InputError(
            "A model is reused for classes; give a folder of images for each class, or an .npz "
            "file with 'labels'."
        )
    _, numbers = np.unique(labels, return_inverse=True)
    if len(numbers) != count or numbers.max() < 1:
        raise InputError("All examples are of one class; give examples of at least two classes.")
    return numbers.astype(np.int64)

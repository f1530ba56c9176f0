"""A new head for a model whose other layers stay as they are: the paper's way of transfer.

Least squares of one-hot labels on the features, by the same code as the validation function
`synlearn.validation.head_accuracy`. Its outputs lie about 0 and 1; a factor makes logits of them,
so that a softmax gives probabilities, chosen on examples that the head had not learned from.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from synlearn.reuse.folds import CrossValidated, cross_validated, folds_of, left_out
from synlearn.validation.head_accuracy import PENALTY, psi_statistics, solve_heads

FOLDS: Final = 10
_FACTORS: Final = 2.0 ** np.arange(0.0, 6.5, 0.5)
_USUAL_FACTOR: Final = 8.0
"""Where no example can be left out."""

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Logits W x + b.

    Attributes:
        weights: (classes, features) float32.
        biases: (classes,) float32.
        factor: That least squares' outputs were multiplied by.
        error: Mean squared error of those outputs on the examples learned from.
    """

    weights: Float32
    biases: Float32
    factor: float
    error: float

    def logits(self, features: NDArray[np.floating]) -> Float64:
        """Return (n, classes) of (n, features)."""
        found: Float64 = features.astype(np.float64) @ self.weights.T + self.biases
        return found


def train_head(
    features: NDArray[np.floating], labels: Int64, *, seed: int = 0, penalty: float = PENALTY
) -> tuple[LinearHead, CrossValidated | None]:
    """Train a head on all examples, and cross-validate heads on parts of them.

    Args:
        features: (n, f).
        labels: (n,) classes from 0, without gaps.
        seed: Of the folds.
        penalty: See `solve_heads`.

    Returns:
        The head, and how right heads were about examples left out; None where a class has a single
        example.
    """
    folds = folds_of(labels, FOLDS, seed)
    weights, biases = _solved(features, labels, penalty)
    outputs = features.astype(np.float64) @ weights.T + biases
    error = float(np.square(outputs - np.eye(len(biases))[labels]).mean())
    checked, factor = None, _USUAL_FACTOR
    if len(folds):
        said = np.empty((len(labels), len(biases)))
        for learned, tested in left_out(folds):
            own_weights, own_biases = _solved(features[learned], labels[learned], penalty)
            said[tested] = features[tested].astype(np.float64) @ own_weights.T + own_biases
        checked = cross_validated(said.argmax(axis=1) == labels, int(folds.max()) + 1)
        factor = _best_factor(said, labels)
    head = LinearHead(
        (factor * weights).astype(np.float32), (factor * biases).astype(np.float32), factor, error
    )
    return head, checked


def _solved(
    features: NDArray[np.floating], labels: Int64, penalty: float
) -> tuple[Float64, Float64]:
    """Least squares' weights (classes, f) and biases (classes,)."""
    classes = int(labels.max()) + 1
    sums = psi_statistics(features.astype(np.float64)[None], labels, classes)
    heads = solve_heads([sums], np.arange(classes)[None], penalty)
    return heads.weights[0, 0].astype(np.float64), heads.biases[0, 0].astype(np.float64)


def _best_factor(said: Float64, labels: Int64) -> float:
    """The factor whose softmax makes what was left out likeliest."""
    rows = np.arange(len(labels))
    likely = [log_softmax(factor * said, axis=1)[rows, labels].mean() for factor in _FACTORS]
    return float(_FACTORS[int(np.argmax(likely))])

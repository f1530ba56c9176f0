"""How alike candidates see the examples: the centred kernel alignment (CKA) of their features.

A model's Gram matrix holds the inner products of the examples' features, moved to mean zero. Two
models whose Gram matrices are proportional tell the examples apart in the same way, whatever their
features' number, order, scale or rotation; so a head on one does what a head on the other does.
"""

import numpy as np
from numpy.typing import NDArray

from synlearn.scorers.direct import ModelOutputs

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

MOST_ROWS = 128
"""Of more examples so many are compared, spread evenly; a Gram matrix grows with their square."""
_ROUNDING = 1e-6
"""Features that differ by less than this part of their length are all the same."""


def gram_directions(outputs: ModelOutputs) -> Float32:
    """Return unit vectors whose inner products are the models' alignments.

    Args:
        outputs: Of m models, for n examples, class after class; finite.

    Returns:
        (m, n (n + 1) / 2), n at most `MOST_ROWS`: Gram matrices, their upper triangles as vectors;
        0 of a model whose features are all the same.
    """
    rows = outputs.probabilities.shape[1]
    if rows > MOST_ROWS:
        spread = np.linspace(0, rows - 1, MOST_ROWS).round().astype(np.int64)
        return gram_directions(outputs.rows(spread))
    upper = np.triu_indices(rows)
    # An entry beside the diagonal is in the matrix twice.
    weight = np.where(upper[0] == upper[1], 1.0, 2.0**0.5)
    found = np.zeros((len(outputs), len(weight)), np.float32)
    for places, features in outputs.features:
        x = features.astype(np.float64)
        largest = np.abs(x).max(axis=(1, 2), keepdims=True)
        x /= np.where(largest > 0, largest, 1.0)
        lengths = np.linalg.norm(x, axis=(1, 2))
        x -= x.mean(axis=1, keepdims=True)
        same = np.linalg.norm(x, axis=(1, 2)) <= _ROUNDING * lengths
        packed = (x @ x.swapaxes(1, 2))[:, upper[0], upper[1]] * weight
        packed /= np.where(same, 1.0, np.linalg.norm(packed, axis=1))[:, None]
        found[places] = np.where(same[:, None], 0.0, packed)
    return found


def similarities(directions: Float32) -> Float64:
    """Return (m, m) alignments in [0, 1] of models with these directions; 1 of each with itself."""
    values = directions.astype(np.float64)
    found: Float64 = np.clip(values @ values.T, 0.0, 1.0)
    np.fill_diagonal(found, 1.0)
    return found


def triangle_of(similarity: Float64) -> Float64:
    """Pack (..., m, m) similarities as (..., m (m - 1) / 2): above the diagonal, row by row."""
    first, second = np.triu_indices(similarity.shape[-1], 1)
    packed: Float64 = similarity[..., first, second]
    return packed


def from_triangle(packed: NDArray[np.floating], models: int) -> Float64:
    """Undo `triangle_of`: (..., m (m - 1) / 2) to (..., m, m)."""
    first, second = np.triu_indices(models, 1)
    found = np.zeros((*packed.shape[:-1], models, models))
    found[..., first, second] = packed
    found[..., second, first] = packed
    diagonal = np.arange(models)
    found[..., diagonal, diagonal] = 1.0
    return found

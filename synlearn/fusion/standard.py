"""Scores of one source, made comparable with those of others."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError

Float64 = NDArray[np.float64]

CONSTANT: Final = 1e-9
"""Scores whose standard deviation is below this part of the largest say nothing."""


def standardised(scores: Float64) -> Float64:
    """Scale (..., m) scores to mean 0 and deviation 1 over the models.

    Infinite scores count as much as the largest (or smallest) finite one. Scores that are all the
    same become 0.

    Raises:
        InputError: A score is NaN.
    """
    values = bounded(scores)
    centred = values - values.mean(axis=-1, keepdims=True)
    deviation = centred.std(axis=-1, keepdims=True)
    largest = np.abs(values).max(axis=-1, keepdims=True)
    constant = deviation <= CONSTANT * np.maximum(largest, np.finfo(float).tiny)
    found: Float64 = np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation))
    return found


def bounded(scores: Float64) -> Float64:
    """Replace infinite (..., m) scores by the largest or smallest finite one of the models.

    Raises:
        InputError: A score is NaN.
    """
    values = np.array(scores, dtype=np.float64)
    if np.isnan(values).any():
        raise InputError("a source's score is not a number; leave that source out.")
    finite = np.isfinite(values)
    if not finite.all():
        top = np.where(finite, values, -np.inf).max(axis=-1, keepdims=True)
        low = np.where(finite, values, np.inf).min(axis=-1, keepdims=True)
        top, low = np.where(np.isfinite(top), top, 0.0), np.where(np.isfinite(low), low, 0.0)
        values = np.clip(values, low, top)
    return values

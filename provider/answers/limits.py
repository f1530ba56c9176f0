"""What one row may add to an answer that noise is to cover.

Noise covers what a row can move, so that has to be bounded whatever the model says: a crafted model
could be infinite for a single row, and the refusal of such a number would tell about it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RowLimits:
    """Asks that every row has a bounded part in the answer; what is no number has a fixed one.

    A row for which a model gives no number counts as one of the model's first class, as a feature
    vector of zeros, and as the largest error.

    Attributes:
        squared_error: Most that a row adds to a sum of squared errors, over all its targets.
    """

    squared_error: float


def finite_probabilities(found: Float64) -> None:
    """Give rows that are no probabilities, (..., outputs), the mass of the first output."""
    bad = ~np.isfinite(found).all(axis=-1)
    found[bad] = 0.0
    found[bad, 0] = 1.0


def finite_features(found: npt.NDArray[np.floating]) -> None:
    """Put zeros in the place of feature vectors, (..., features), that are no numbers."""
    found[~np.isfinite(found).all(axis=-1)] = 0.0

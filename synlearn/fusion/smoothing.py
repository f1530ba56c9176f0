"""The metric's scores, smoothed: what it says of a candidate and of those that see alike.

Take reusability v of m candidates for a Gaussian with covariance K, how alike they see the examples
(`similarity.py`), and the metric's scores z for v with independent errors of variance 1. Then the
expected v given z is K (K + I)^-1 z. Where the metric errs about one candidate and not about others
that see the same, they correct it. The fusion takes this as one more source.
"""

import numpy as np

from synlearn.fusion.similarity import Float64
from synlearn.fusion.standard import standardised

_NONE = 1e-9
"""A mean variance below this, of similarities in [0, 1], is rounding: all candidates see alike."""


def smoothed(scores: Float64, similarity: Float64) -> Float64:
    """Smooth scores over candidates that are alike.

    Similarities are centred, since scores are relative to the candidates' mean, and scaled to a
    mean variance of 1, as the standardised scores have.

    Args:
        scores: (..., m), higher is better; standardised first.
        similarity: (..., m, m) symmetric in [0, 1], 1 on the diagonal.

    Returns:
        (..., m); 0 where all candidates are alike.
    """
    kernel = similarity - similarity.mean(axis=-1, keepdims=True)
    kernel -= kernel.mean(axis=-2, keepdims=True)
    variance = np.trace(kernel, axis1=-2, axis2=-1)[..., None, None] / kernel.shape[-1]
    alike = variance <= _NONE
    kernel = np.where(alike, 0.0, kernel / np.where(alike, 1.0, variance))
    z = standardised(scores)[..., None]
    found: Float64 = (kernel @ np.linalg.solve(kernel + np.eye(kernel.shape[-1]), z))[..., 0]
    return found

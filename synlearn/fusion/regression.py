"""What the sources leave to be known about reusability: a Gaussian around their weighted sum.

For one task, let v (m,) be the true reusability of m candidate models, and x (q, m) what q
*sources* say of them, the learned metric and direct scores, all standardised over the models. Then

    v ~ N(weights . x, variance),

for each model on its own. The most likely weights and variance are those of least squares.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each source is worth.

    Attributes:
        weights: (q,).
        variance: Of reusability about the weighted sum, at least 0.
    """

    weights: Float64
    variance: float


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is known about the candidates' reusability, in units of its deviation among them.

    Attributes:
        mean: (m,).
        variance: The same for each, and on its own.
    """

    mean: Float64
    variance: float


def fit(sources: Float64, reusability: Float64) -> Weights:
    """Maximise the likelihood of the reusability given the sources.

    Where sources are linear functions of each other, the shortest of the most likely weights.

    Args:
        sources: (n, q) for n pairs of task and model.
        reusability: (n,).
    """
    weights: Float64 = np.linalg.lstsq(sources, reusability, rcond=None)[0].astype(np.float64)
    return Weights(weights, float(np.square(reusability - sources @ weights).mean()))


def posterior(fitted: Weights, sources: Float64) -> Posterior:
    """Reusability of m candidates given what the sources say of them, (q, m)."""
    return Posterior(fitted.weights @ sources, fitted.variance)

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
        correlation: (q,) of each source with the first, the metric; 1 with itself. Without them,
            models that were chosen by the metric cannot be told from all (`shortlist.py`), nor is
            it known what the metric is worth alone.
    """

    weights: Float64
    variance: float
    correlation: Float64

    @property
    def alone(self) -> "Weights":
        """What the first source is worth without the others.

        What least squares leaves is orthogonal to every source, so reusability goes with the first
        one as the weighted sum does; all have variance 1.
        """
        weight = float(np.clip(self.weights @ self.correlation, -1.0, 1.0))
        return Weights(np.array([weight]), 1 - weight**2, np.ones(1))


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
    variance = float(np.square(reusability - sources @ weights).mean())
    together = sources[:, 0] @ sources
    lengths = np.linalg.norm(sources, axis=0) * np.linalg.norm(sources[:, 0])
    correlation = np.where(lengths > 0, together / np.where(lengths > 0, lengths, 1.0), 0.0)
    correlation[0] = 1.0
    return Weights(weights, variance, correlation)


def posterior(fitted: Weights, sources: Float64) -> Posterior:
    """Reusability of m candidates given what the sources say of them, (q, m)."""
    return Posterior(fitted.weights @ sources, fitted.variance)

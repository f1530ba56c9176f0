"""Several scores of the same models made one: scaled over the models, then added with weights.

Scores of different kinds have different units, so each is first scaled over the models that are
being compared. A combined score therefore orders those models and says nothing about others.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import ScoreInputError

FloatArray = NDArray[np.float64]
Scaling = Literal["min_max", "z_score", "none"]

CONSTANT = 1e-12
"""Scores that differ by no more than this part of the largest are one score."""


def min_max(scores: ArrayLike) -> FloatArray:
    """Scale scores to [0, 1]: (s - min) / (max - min).

    Args:
        scores: (models,) finite numbers, at least two different ones.

    Raises:
        ScoreInputError: They are not of that form; of equal scores, none is the best.

    >>> min_max([3, 1, 2])
    array([1. , 0. , 0.5])
    """
    values = _varying(scores)
    scaled: FloatArray = (values - values.min()) / np.ptp(values)
    return scaled


def z_score(scores: ArrayLike) -> FloatArray:
    """Scale scores to mean 0 and sample standard deviation 1, dividing by models - 1.

    Args:
        scores: (models,) finite numbers, at least two different ones.

    Raises:
        ScoreInputError: They are not of that form.

    >>> z_score([3, 1, 2])
    array([ 1., -1.,  0.])
    """
    values = _varying(scores)
    centred: FloatArray = values - values.mean()
    centred /= np.sqrt(centred @ centred / (len(values) - 1))
    return centred


def combined(
    scores: Sequence[ArrayLike],
    weights: Sequence[float] | None = None,
    *,
    scaling: Scaling = "min_max",
) -> FloatArray:
    """Weighted sum of scores, each scaled over the models; higher is better.

    Published combinations: NCTI's code is min-max with weight 1 for the nuclear norm of its
    discriminant features, 1 for its mean true-class probability and -1 for its class-wise nuclear
    norms; ETran's is min-max with 0.15 for energy and 0.85 for the discriminant.

    Args:
        scores: one (models,) array for each score.
        weights: one for each score, 1 where not given; below 0 for a score where lower is better.
        scaling: "min_max", "z_score", or "none" for a plain sum.

    Returns:
        (models,) float64.

    Raises:
        ScoreInputError: A score cannot be scaled, shapes differ, or weights do not fit.

    >>> combined([[0.1, 0.3], [70.0, 50.0]], weights=[2.0, 1.0])
    array([1., 2.])
    """
    factors = [1.0] * len(scores) if weights is None else list(weights)
    if not scores or len(factors) != len(scores) or not np.isfinite(factors).all():
        raise ScoreInputError(
            f"{len(factors)} weights for {len(scores)} scores: give one finite weight for each, "
            "and at least one score."
        )
    match scaling:
        case "min_max":
            parts = [min_max(part) for part in scores]
        case "z_score":
            parts = [z_score(part) for part in scores]
        case "none":
            parts = [_vector(part) for part in scores]
        case _:
            raise ScoreInputError(f"scaling is {scaling!r}: choose min_max, z_score or none.")
    if len({len(part) for part in parts}) > 1:
        raise ScoreInputError(
            f"scores are for {', '.join(str(len(part)) for part in parts)} models: give as many "
            "of each."
        )
    return np.asarray(factors) @ np.stack(parts)


def with_depth(scores: ArrayLike, layers: ArrayLike, *, scale: float = 50.0) -> FloatArray:
    """Z-scores plus layers / 50: deeper networks adapt further than frozen features tell.

    Args:
        scores: (models,) finite numbers, higher is better, at least two different ones.
        layers: (models,) number of layers of each network.
        scale: layers that are worth one standard deviation of the scores.

    Returns:
        (models,) float64, higher is better.

    Raises:
        ScoreInputError: The arrays are not of that form.

    Source: Bolya et al., "Scalable Diverse Model Selection for Accessible Transfer Learning",
    NeurIPS 2021.
    """
    z, depth = z_score(scores), _vector(layers)
    if len(z) != len(depth) or not scale > 0:
        raise ScoreInputError(
            f"{len(z)} scores, {len(depth)} layers and scale {scale}: give one number of layers "
            "for each model and a scale above 0."
        )
    return z + depth / scale


def _vector(scores: ArrayLike) -> FloatArray:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ScoreInputError(
            f"scores of shape {values.shape}: give (models,) finite numbers, at least one."
        )
    return values


def _varying(scores: ArrayLike) -> FloatArray:
    """Scores divided by a power of two, so that none overflows; scalings undo any factor."""
    values = _vector(scores)
    _, exponent = np.frexp(np.abs(values).max())
    values = np.ldexp(values, -int(exponent))
    if np.ptp(values) <= CONSTANT:
        raise ScoreInputError("scores are the same for all models, so they cannot be scaled.")
    return values

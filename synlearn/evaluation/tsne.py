"""Exact t-SNE (van der Maaten and Hinton, 2008) for pictures of a few hundred points.

It takes distances, so that points of one picture may be compared as the model compares them. The
start is a principal coordinate analysis: the same distances give the same picture. Time and memory
are quadratic in the number of points; 1,000 points take some ten seconds.
"""

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError

Float64 = NDArray[np.float64]

_EXAGGERATION = 12.0
_EARLY = 250
_SMALL = 1e-12
_BISECTIONS = 64


def tsne(square: Float64, *, perplexity: float = 30.0, iterations: int = 750) -> Float64:
    """Return (n, 2) places in the plane for n points.

    Args:
        square: (n, n) squared distances, symmetric, 0 on the diagonal.
        perplexity: Neighbours that count, in (1, n - 1).
        iterations: Steps of gradient descent; the first 250 exaggerate.

    Raises:
        ScoreInputError: `square` is not square and finite, or the perplexity out of range.
    """
    p = affinities(square, perplexity)
    n = len(p)
    places = _principal_coordinates(square)
    places *= 1e-4 / max(float(places.std()), _SMALL)
    velocity, gains = np.zeros_like(places), np.ones_like(places)
    rate = max(n / _EXAGGERATION / 4, 50.0)
    for step in range(iterations):
        early = step < _EARLY
        slope = gradient(p * _EXAGGERATION if early else p, places)
        gains = np.where(slope * velocity < 0, gains + 0.2, gains * 0.8).clip(min=0.01)
        velocity = (0.5 if early else 0.8) * velocity - rate * gains * slope
        places = places + velocity
    centred: Float64 = places - places.mean(axis=0)
    return centred


def affinities(square: Float64, perplexity: float) -> Float64:
    """Return the joint probabilities p_ij, (n, n), which sum to 1.

    Each point's Gaussian is as wide as its neighbours' distribution has this perplexity.

    Raises:
        ScoreInputError: As `tsne`.
    """
    n = len(square)
    if square.shape != (n, n) or not np.isfinite(square).all():
        raise ScoreInputError(
            f"distances have shape {square.shape}: pass a square matrix of finite numbers."
        )
    if not 1 < perplexity < n - 1:
        raise ScoreInputError(
            f"the perplexity is {perplexity:g} for {n} points: choose one between 1 and {n - 1}."
        )
    away = np.where(np.eye(n, dtype=bool), np.inf, square)
    away = away - away.min(axis=1, keepdims=True)  # the same probabilities, without underflow
    low, high = np.full(n, -60.0), np.full(n, 60.0)  # of the logarithm of 1 / (2 sigma^2)
    conditional = np.empty_like(away)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        weight = np.exp(-np.exp(middle)[:, None] * away)
        conditional = weight / weight.sum(axis=1, keepdims=True)
        entropy = -(conditional * np.log(conditional.clip(min=1e-300))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    joint: Float64 = (conditional + conditional.T) / (2 * n)
    return joint


def divergence(p: Float64, places: Float64) -> float:
    """Return KL(P || Q), in nats, with Q the Student-t similarities of the places."""
    _, q = _similarities(places)
    known = p > 0
    return float((p[known] * np.log(p[known] / q[known].clip(min=_SMALL))).sum())


def gradient(p: Float64, places: Float64) -> Float64:
    """Return its derivative by the places, (n, 2): 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)."""
    weight, q = _similarities(places)
    pull = (p - q) * weight
    slope: Float64 = 4 * (pull.sum(axis=1)[:, None] * places - pull @ places)
    return slope


def _similarities(places: Float64) -> tuple[Float64, Float64]:
    """w_ij = 1 / (1 + |y_i - y_j|^2), and q_ij, their share of the sum."""
    length = np.square(places).sum(axis=1)
    weight = 1 / (1 + (length[:, None] + length - 2 * places @ places.T).clip(min=0))
    np.fill_diagonal(weight, 0)
    return weight, weight / weight.sum()


def _principal_coordinates(square: Float64) -> Float64:
    """The two largest coordinates of classical scaling, with signs that do not depend on LAPACK."""
    centred = square - square.mean(axis=0)
    product = -(centred - centred.mean(axis=1, keepdims=True)) / 2
    values, vectors = np.linalg.eigh((product + product.T) / 2)
    largest = vectors[:, :-3:-1] * np.sqrt(values[:-3:-1].clip(min=_SMALL))
    strongest = largest[np.abs(largest).argmax(axis=0), np.arange(2)]
    coordinates: Float64 = largest * np.sign(strongest)
    return coordinates

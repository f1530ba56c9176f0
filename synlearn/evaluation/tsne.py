"""t-SNE (van der Maaten and Hinton, 2008) for pictures of a few hundred points.

scikit-learn's, on distances, so that points of one picture may be compared as the model compares
them. The start is a principal coordinate analysis: the same distances give the same picture. Time
and memory are quadratic in the number of points.
"""

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError

Float64 = NDArray[np.float64]

_START = 1e-4
_SMALL = 1e-12


def tsne(square: Float64, *, perplexity: float = 30.0, iterations: int = 750) -> Float64:
    """Return (n, 2) places in the plane for n points, their mean in the origin.

    Args:
        square: (n, n) squared distances, symmetric, 0 on the diagonal.
        perplexity: Neighbours that count, in (1, n - 1).
        iterations: Steps of gradient descent, at least 250; the first 250 exaggerate.

    Raises:
        ScoreInputError: `square` is not square and finite, or the perplexity out of range.
    """
    from sklearn.manifold import TSNE  # noqa: PLC0415  # takes a second

    n = len(square)
    if square.shape != (n, n) or not np.isfinite(square).all():
        raise ScoreInputError(
            f"distances have shape {square.shape}: pass a square matrix of finite numbers."
        )
    if not 1 < perplexity < n - 1:
        raise ScoreInputError(
            f"the perplexity is {perplexity:g} for {n} points: choose one between 1 and {n - 1}."
        )
    start = _principal_coordinates(square)
    found = TSNE(
        metric="precomputed",
        init=start * (_START / max(float(start.std()), _SMALL)),
        perplexity=perplexity,
        max_iter=iterations,
        method="exact",  # Barnes-Hut pays above a thousand points
    ).fit_transform(np.sqrt(square.clip(min=0)))
    places: Float64 = np.asarray(found, dtype=np.float64)
    places -= places.mean(axis=0)
    return places


def _principal_coordinates(square: Float64) -> Float64:
    """The two largest coordinates of classical scaling, with signs that do not depend on LAPACK."""
    centred = square - square.mean(axis=0)
    product = -(centred - centred.mean(axis=1, keepdims=True)) / 2
    values, vectors = np.linalg.eigh((product + product.T) / 2)
    largest = vectors[:, :-3:-1] * np.sqrt(values[:-3:-1].clip(min=_SMALL))
    strongest = largest[np.abs(largest).argmax(axis=0), np.arange(2)]
    coordinates: Float64 = largest * np.sign(strongest)
    return coordinates

"""TransRate: mutual information of features and labels by coding rates."""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.scorers.classes import EPSILON, centred, class_rows, triangular_factor
from synlearn.scorers.inputs import Float64

SAFE_TRACE = 1e8
"""Up to this trace, rounding moves an eigenvalue 1 of the product matrix by 1e-8 at most."""


def transrate(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    eps: float = 1e-4,
    weights: Literal["class_size", "uniform"] = "class_size",
    unit_rows: bool = False,
) -> float:
    """Coding rate of all rows less the mean coding rate of a class; higher is better.

    With Z the features less their mean and Z_c its rows of class c (not centred again),

        R(Z) = 1/2 log det(I + Z'Z / (n eps))
        TransRate = R(Z) - sum over c of w_c R(Z_c),  w_c = n_c / n.

    The weights make the second term a conditional entropy H(Z | Y). The code listing that most
    implementations follow averages classes with w_c = 1 / c; the two agree on balanced labels.

    Args:
        features: (n, d) floats.
        labels: (n,) whole numbers; gaps in the numbering and classes that never occur change
            nothing. One sample in a class is allowed.
        eps: Squared distortion of the coding rate, positive, in squared units of the features.
        weights: "class_size" for w_c = n_c / n, "uniform" for one over the number of classes.
        unit_rows: Divide each centred row by its Euclidean norm, the authors' default; a row equal
            to the mean stays zero.

    Returns:
        A finite number; at least 0 up to rounding with "class_size", 0 for one class or constant
        features. It grows with the scale of the features. For n < d it is computed from inner
        products of rows. Not bounded above.

    Raises:
        ScoreInputError: Bad shapes or values, or `eps` is not positive.

    Source: Huang et al., "Frustratingly Easy Transferability Estimation", ICML 2022.
    """
    if not (math.isfinite(eps) and eps > 0):
        raise ScoreInputError(f"transrate: eps must be a positive number, not {eps}.")
    data = class_rows(features, labels, "transrate")
    z = centred(data.x)
    n, d = z.shape
    if unit_rows:
        norms = np.linalg.norm(z, axis=1, keepdims=True)
        rounding = n * EPSILON * np.linalg.norm(data.x, axis=1, keepdims=True)
        z = np.where(norms > rounding, z, 0.0) / np.where(norms > rounding, norms, 1.0)
    if n < d:
        z = triangular_factor(z.T).T  # all rates depend on inner products of rows only
    share = data.counts / n if weights == "class_size" else np.full(data.classes, 1 / data.classes)
    by_class = [coding_rate(z[rows], eps) for rows in data.slices()]
    return coding_rate(z, eps) - float(share @ by_class)


def coding_rate(rows: Float64, eps: float) -> float:
    """1/2 log det(I + Z'Z / (n eps)) of (n, d) rows, in nats, from the smaller product matrix."""
    n, d = rows.shape
    scaled = rows / math.sqrt(n * eps)
    if float(np.vdot(scaled, scaled)) > SAFE_TRACE:
        # squaring would drown the small directions; singular values keep them
        values = np.linalg.svd(scaled, compute_uv=False)
        return float(np.log(np.hypot(1.0, values)).sum())
    product = scaled @ scaled.T if n < d else scaled.T @ scaled
    product.flat[:: len(product) + 1] += 1.0
    return float(np.log(np.linalg.cholesky(product).diagonal()).sum())

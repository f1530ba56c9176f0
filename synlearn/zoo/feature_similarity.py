"""Which groups of public anchors look alike to a model: a sketch of its features' Gram matrix.

Two models that find the same groups alike suit the same tasks, whatever their features' number and
order. The Gram matrix of the groups' mean features has thousands of entries; random signs that are
fixed for all models keep the differences between models in a few dozen numbers.
"""

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.zoo.picture_anchors import PictureAnchors

SKETCH: Final = 64
"""Numbers in a sketch."""


def feature_similarity(
    features: NDArray[np.floating], anchors: PictureAnchors
) -> NDArray[np.float32]:
    """Return a model's sketch.

    Args:
        features: (a, f), the model's features of the anchors.
        anchors: The anchors.

    Returns:
        (64,) float32: signed sums over pairs of groups of the inner product of their mean features,
        centred, and relative to the mean squared length of an anchor's.
    """
    x = features - features.mean(axis=0, dtype=np.float64)
    x /= max(float(np.sqrt(np.square(x).sum(axis=1).mean())), np.finfo(np.float32).tiny)
    member = np.eye(len(anchors.names))[anchors.groups]
    means = (member / member.sum(axis=0)).T @ x
    gram = (means @ means.T)[np.triu_indices(len(means))]
    found: NDArray[np.float32] = (gram @ _signs(len(gram))).astype(np.float32)
    return found


def _signs(pairs: int) -> NDArray[np.float64]:
    """Return (pairs, 64) fixed signs over 8, so that lengths are kept on average."""
    size = pairs * SKETCH
    stream = hashlib.shake_256(f"synlearn/feature-similarity/v1/{pairs}".encode())
    bits = np.unpackbits(np.frombuffer(stream.digest(-(-size // 8)), np.uint8), count=size)
    signs: NDArray[np.float64] = (1.0 - 2.0 * bits).reshape(pairs, SKETCH) / np.sqrt(SKETCH)
    return signs

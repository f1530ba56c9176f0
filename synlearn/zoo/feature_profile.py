"""What a model's features are good for: how well they tell groups of public anchors apart.

A head on the features that separates drawn glyphs, but not photographs' colours, says more about
the tasks a model suits than its class probabilities do. For each family of anchors (glyphs, scenes,
clothes, ...) a ridge classifier of the groups is fitted on the features and judged by
leaving one anchor out at a time; nothing but the anchors is needed.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.zoo.picture_anchors import PictureAnchors

PENALTIES: Final = (0.1, 1.0)
"""Relative to the mean squared length of a centred row, as in `synlearn.scorers.ridge_loo`."""

Float64 = NDArray[np.float64]


def profile_width(anchors: PictureAnchors) -> int:
    """Return how many numbers a profile on these anchors has."""
    families = anchors.families()
    return len(PENALTIES) * (2 * len(families) + sum(len(own) for own in families.values()))


def feature_profile(features: NDArray[np.floating], anchors: PictureAnchors) -> NDArray[np.float32]:
    """Return a model's profile.

    Args:
        features: (a, f), the model's features of the anchors.
        anchors: The anchors.

    Returns:
        (q,) float32: for each family and penalty the mean squared error of each group's left-out
        anchors, about 0 (told apart) to 1 (not at all), their mean, and the share told right.
    """
    found: list[Float64] = []
    for groups in anchors.families().values():
        rows = np.isin(anchors.groups, groups)
        _, labels = np.unique(anchors.groups[rows], return_inverse=True)
        for squares, right in _left_out(features[rows].astype(np.float64), labels):
            by_group = np.bincount(labels, squares) / np.bincount(labels)
            found.append(np.array([*by_group, squares.mean(), right.mean()]))
    return np.concatenate(found).astype(np.float32)


def _left_out(
    features: Float64, labels: NDArray[np.int64]
) -> list[tuple[Float64, NDArray[np.bool_]]]:
    """Return for each penalty the squared error of each left-out row, and whether it is told right.

    The rows' Gram matrix gives all of them at once: with the hat matrix H of a ridge regression
    with intercept, the error of leaving row i out is (Y - H Y)_i / (1 - H_ii).
    """
    one_hot = np.eye(labels.max() + 1)[labels]
    centred = features - features.mean(axis=0)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    values = values.clip(0)
    scale = max(values.sum() / len(labels), np.finfo(float).tiny)
    y = vectors.T @ (one_hot - one_hot.mean(axis=0))
    found = []
    for penalty in PENALTIES:
        kept = values / (values + penalty * scale)
        fit = vectors @ (kept[:, None] * y) + one_hot.mean(axis=0)
        hat = np.einsum("ij,j,ij->i", vectors, kept, vectors) + 1 / len(labels)
        errors = (one_hot - fit) / (1 - hat)[:, None]
        right = (one_hot - errors).argmax(axis=1) == labels
        found.append(((errors**2).sum(axis=1), right))
    return found

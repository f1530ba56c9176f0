"""GBC: Gaussian Bhattacharyya coefficient, the overlap of classes in feature space."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from synlearn.errors import ScoreInputError
from synlearn.scorers.classes import class_rows
from synlearn.scorers.inputs import Float64

Covariance = Literal["spherical", "diagonal", "spherical_released"]

FLOOR = 1e-4
"""Smallest variance of a feature in a class, from the authors' code."""


def gbc(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    covariance: Covariance = "spherical",
    scale: Literal["log", "linear"] = "log",
    floor: float = FLOOR,
) -> float:
    """Minus the summed Bhattacharyya coefficients of all pairs of classes; higher is better.

    Each class c is a Gaussian with mean mu_c and variances v_c (population variance of each
    feature, at least `floor`). For classes i, j with v = (v_i + v_j) / 2,

        B_ij = 1/8 sum_k (mu_ik - mu_jk)^2 / v_k + 1/2 sum_k log(v_k / sqrt(v_ik v_jk))
        GBC  = - sum over ordered pairs i != j of exp(-B_ij)

    "spherical" replaces v_c by its mean over the d features, so that the second term becomes
    d/2 log(...). exp(-B) underflows for wide features, where all models would tie at 0; the default
    therefore returns -log(-GBC), an increasing function of GBC, computed in the log domain.

    Args:
        features: (n, d) floats.
        labels: (n,) whole numbers; gaps in the numbering and classes that never occur change
            nothing. A class with one sample has the variance `floor`, and so has a constant
            feature. n < d needs no care: covariances have no off-diagonal elements.
        covariance: "spherical", the paper's; "diagonal"; or "spherical_released", the released
            code, which leaves the factor d out of the second term.
        scale: "log" for -log(-GBC), "linear" for GBC itself.
        floor: Smallest variance, positive, in squared units of the features.

    Returns:
        "log": at least -log(c (c - 1)), unbounded above. "linear": in [-c (c - 1), 0], 0 for a
        single class and wherever the overlap underflows. Features are neither scaled nor reduced;
        the floor makes the score depend on their scale.

    Raises:
        ScoreInputError: "log" for a single class, which overlaps with nothing; or `floor` is not
            positive.

    Source: Pándy et al., "Transferability Estimation using Bhattacharyya Class Separability", CVPR
    2022.
    """
    if not 0 < floor < np.inf:
        raise ScoreInputError(f"gbc: floor must be a positive variance, not {floor}.")
    data = class_rows(features, labels, "gbc", at_least=2 if scale == "log" else 1)
    if data.classes == 1:
        return 0.0
    means = data.means(data.x)
    variances = np.maximum(data.means(data.within(means) ** 2), floor)
    if covariance != "diagonal":
        variances = variances.mean(axis=1, keepdims=True)
    repeats = data.x.shape[1] if covariance == "spherical" else 1
    overlap = float(logsumexp(-bhattacharyya(means, variances, repeats))) + np.log(2)
    return -float(overlap) if scale == "log" else -float(np.exp(overlap))


def bhattacharyya(means: Float64, variances: Float64, repeats: int) -> Float64:
    """(c (c - 1) / 2,) distances of all unordered pairs of classes.

    One array operation for each class against all later ones, in O(c d) memory.

    Args:
        means: (c, d).
        variances: (c, d), or (c, 1) where a class has one variance for all features.
        repeats: How often a column of `variances` counts in the logarithmic term.
    """
    logs = np.log(variances)
    distances = []
    for i in range(len(means) - 1):
        average = 0.5 * (variances[i] + variances[i + 1 :])
        moved = ((means[i] - means[i + 1 :]) ** 2 / average).sum(axis=1) / 8
        spread = (np.log(average) - 0.5 * (logs[i] + logs[i + 1 :])).sum(axis=1)
        distances.append(moved + 0.5 * repeats * spread)
    return np.concatenate(distances)

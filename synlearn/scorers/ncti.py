"""NCTI: how close features are to neural collapse under a linear discriminant."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh

from synlearn.errors import ScoreInputError
from synlearn.scorers.classes import EPSILON, ClassRows, class_rows
from synlearn.scorers.discriminant import SMALLEST_SHRINKAGE, mean_true_class, softmax
from synlearn.scorers.inputs import Float64
from synlearn.scorers.principal import principal_components

COMPONENTS = 64
LEADING = 32
"""Principal variances whose sum sets the shrinkage."""

RANK_TOLERANCE = 1e-4
"""Within-class deviation, relative to a feature's own, below which a direction is left out."""


@dataclass(frozen=True, slots=True)
class NctiParts:
    """The three terms of NCTI for one model.

    Attributes:
        seli: Nuclear norm of the discriminant features, at least 0; larger is better.
        ncc: Mean posterior of the true class, in [0, 1]; larger is better.
        variability: Log of the summed nuclear norms of the classes' posteriors ("vc" in the
            paper), at least log(sum over classes of (n_c / c)^(1/2)); smaller is better.
        shrinkage: Shrinkage of the within-class scatter, 1e-10 where none was applied.
    """

    seli: float
    ncc: float
    variability: float
    shrinkage: float


def ncti(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    components: int = COMPONENTS,
    within: Literal["n", "n_minus_c"] = "n",
) -> float:
    """Sum of the three neural collapse terms, seli + ncc - variability; higher is better.

    To rank models the paper first brings each term to [0, 1] over all models of a task. One model
    has nothing to be compared with: this is the plain sum, which seli dominates. Use `ncti_parts`
    and the min-max combination of `synlearn.evaluation` for the paper's ranking.

    Arguments, errors and source: see `ncti_parts`.
    """
    parts = ncti_parts(features, labels, components=components, within=within)
    return parts.seli + parts.ncc - parts.variability


def ncti_parts(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    components: int = COMPONENTS,
    within: Literal["n", "n_minus_c"] = "n",
) -> NctiParts:
    """Compute the three terms of NCTI.

    Z are the leading principal components of the features, v their variances (1 / (n - 1)), and
    s = max(exp(-(v_1 + ... + v_32)), 1e-10). F = Z U are discriminant coordinates, U' S U = I, with
    S the within-class scatter of Z: unshrunk where s is at its floor, else
    (1 - s) S_w + s tr(S_w) / k I. P are the posteriors

        P_ic = softmax over c of (f_i' m_c - m_c' m_c / 2 + log(n_c / n)),  m_c class means of F.

        seli        = nuclear norm of the leading c - 1 centred columns of F
        ncc         = mean over i of P_i,y_i
        variability = log of the sum over classes of the nuclear norm of the class's rows of P

    Unshrunk directions whose deviation within classes is below 1e-4 of the features' own are left
    out, as scikit-learn's solver does, on which the authors' code rests.

    Args:
        features: (n, d) floats.
        labels: (n,) whole numbers; gaps in the numbering and classes that never occur change
            nothing. One sample in some classes is allowed.
        components: Principal components to keep, 64 in the paper. With fewer than that in the
            features' rank (always for n <= 64), all are kept; the authors' code raises there.
        within: Divide the unshrunk S_w by "n", or by "n_minus_c" as scikit-learn did when the paper
            was published; seli differs by the factor ((n - c) / n)^(1/2).

    Returns:
        The three terms. A constant feature has no part in them. n < d is computed from inner
        products of rows; directions without spread within classes, in which few-shot classes lie
        perfectly apart, are left out unless s shrinks.

    Raises:
        ScoreInputError: Fewer than two classes; no row differs from the mean of its class (one
            sample in every class, equal rows), in the kept components; bad shapes or values.

    Source: Wang et al., "How Far Pre-trained Models Are from Neural Collapse on the Target Dataset
    Informs their Transferability", ICCV 2023.
    """
    data = class_rows(features, labels, "ncti", at_least=2)
    principal = principal_components(data.x, components, "ncti")
    shrinkage = max(math.exp(-float(principal.variances[:LEADING].sum())), SMALLEST_SHRINKAGE)
    z = ClassRows(principal.scores, data.y, data.counts)
    residual = within_rows(z)
    if not data.within(data.means(data.x)).any() or not residual.any():
        raise ScoreInputError(
            "ncti divides by the spread within classes, and no row differs from the mean of its"
            " class; give two distinct rows of at least one class."
        )
    if shrinkage == SMALLEST_SHRINKAGE:
        divisor = len(data.y) - (data.classes if within == "n_minus_c" else 0)
        coordinates = whitened(z, residual, divisor)
    else:
        coordinates = shrunk(z, residual, shrinkage)
    means = z.means(coordinates)
    scores = coordinates @ means.T - 0.5 * np.einsum("ck,ck->c", means, means) + z.log_prior
    posterior = softmax(scores)
    leading = coordinates[:, : data.classes - 1]
    return NctiParts(
        seli=nuclear_norm(leading - leading.mean(axis=0)),
        ncc=mean_true_class(posterior, z),
        variability=math.log(sum(nuclear_norm(posterior[rows]) for rows in z.slices())),
        shrinkage=shrinkage,
    )


def within_rows(z: ClassRows) -> Float64:
    """(n, k) rows less their class mean; zero where no more than rounding in a component."""
    residual = z.x - z.means(z.x)[z.y]
    noise = len(z.y) * EPSILON * float(np.abs(z.x).max())
    residual[:, np.abs(residual).max(axis=0) <= noise] = 0.0
    return residual


def whitened(z: ClassRows, residual: Float64, divisor: int) -> Float64:
    """(n, r) coordinates along the class means, in which residual' residual / divisor is I.

    r is at most c - 1, and 0 where all class means are equal: no direction tells classes apart.
    """
    deviation = residual.std(axis=0)
    deviation[deviation == 0] = 1.0
    _, values, right = np.linalg.svd(residual / deviation / math.sqrt(divisor), full_matrices=False)
    kept = values > RANK_TOLERANCE
    unit = z.x @ (right[kept].T / values[kept] / deviation[:, None])
    offsets = np.sqrt(z.counts)[:, None] * z.means(unit)
    _, values, right = np.linalg.svd(offsets, full_matrices=False)
    noise = len(z.y) ** 1.5 * EPSILON * float(np.abs(unit).max(initial=0.0))
    axes = right[values > max(noise, RANK_TOLERANCE * float(values.max(initial=0.0)))]
    coordinates: Float64 = unit @ axes.T
    return coordinates


def shrunk(z: ClassRows, residual: Float64, shrinkage: float) -> Float64:
    """(n, k) coordinates U'z with U' S U = I for the shrunk scatter S, largest ratio first.

    U diagonalises the shrunk total scatter less S, which orders the columns; as in the authors'
    code both are shrunk towards their own mean variance.
    """
    n, unit = len(z.y), float(np.abs(residual).max())
    x, residual = z.x / unit, residual / unit  # U'z has no unit; squares of tiny ones underflow
    s_within = _shrink(residual.T @ residual / n, shrinkage)
    s_total = _shrink(x.T @ x / n, shrinkage)
    _, vectors = eigh(s_total - s_within, s_within, check_finite=False)
    coordinates: Float64 = x @ vectors[:, ::-1]
    return coordinates


def _shrink(scatter: Float64, shrinkage: float) -> Float64:
    """(k, k) scatter drawn towards its mean variance."""
    k = len(scatter)
    result: Float64 = (1 - shrinkage) * scatter
    result.flat[:: k + 1] += shrinkage * np.trace(scatter) / k
    return result


def nuclear_norm(matrix: Float64) -> float:
    """Sum of the singular values."""
    return float(np.linalg.svd(matrix, compute_uv=False).sum())

"""ETran: energy, discriminant and regression scores of features or outputs."""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.scorers.classes import check_magnitude, class_rows, triangular_factor
from synlearn.scorers.discriminant import (
    adaptive_shrinkage,
    discriminant,
    mean_true_class,
    posteriors,
    require_within_scatter,
    softmax,
)
from synlearn.scorers.inputs import Float64, check_matrix, check_regression

Covariance = Literal["shrunk", "identity"]
Tail = Literal["lowest", "highest"]

SAME = 1e-9
"""Singular values this close, relatively, are one: which of them is larger is rounding."""


def etran(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    logits: ArrayLike | None = None,
    covariance: Covariance = "shrunk",
    percent: float = 100.0,
    tail: Tail = "lowest",
) -> float:
    """Sum of the energy and the discriminant score of a classification task; higher is better.

        ETran = etran_energy(logits or features) + etran_discriminant(features, labels)

    The energy of wide features is far larger than the discriminant score, which is at most 1; it
    decides this plain sum. The released code instead brings each part to [0, 1] over the models of
    a task and takes 0.15 energy + 0.85 discriminant: that needs all models, so take the parts from
    the functions below and combine them with `synlearn.evaluation`.

    Args:
        features: (n, d) floats.
        labels: (n,) whole numbers.
        logits: (n, c_source) outputs of the model's classifier for the energy; None uses the
            features, as the authors do.
        covariance: As in `etran_discriminant`.
        percent: As in `etran_energy`.
        tail: As in `etran_energy`.

    Returns:
        A finite number. n < d, one sample in a class, constant features, label gaps and absent
        classes: as the two parts.

    Raises:
        ScoreInputError: Where one of the two parts is not defined.

    Source: Gholami et al., "ETran: Energy-Based Transferability Estimation", ICCV 2023.
    """
    scored = etran_discriminant(features, labels, covariance=covariance)
    energy = etran_energy(features if logits is None else logits, percent=percent, tail=tail)
    return energy + scored


def etran_energy(logits: ArrayLike, *, percent: float = 100.0, tail: Tail = "lowest") -> float:
    """Mean negative free energy of a share of the rows; higher is better.

        E_i = log sum over k of exp(z_ik);  score = mean of E_i over the chosen rows

    Args:
        logits: (n, k) floats: outputs of the classifier, or features, as the authors pass.
        percent: Share of rows to average, above 0, at most 100, counted in tenths of a percent.
            The authors' driver takes 0.5, an empty set for n < 200.
        tail: Average the rows of lowest or of highest E. The count is rounded down for "lowest"
            and up for "highest", as in the authors' code.

    Returns:
        A number between the smallest and the largest logit plus log k. A constant column or n < k
        need no care, and labels are not used.

    Raises:
        ScoreInputError: The share holds no row, or is no percentage.

    Source: Gholami et al., ICCV 2023; Liu et al., "Energy-based Out-of-distribution Detection",
    NeurIPS 2020.
    """
    z = check_matrix(logits, "logits")
    check_magnitude(z, "logits")
    if not 0 < percent <= 100:
        raise ScoreInputError(f"etran_energy: percent must be in (0, 100], not {percent}.")
    tenths = math.floor(percent * 10 + 1e-9)  # 0.3 * 10 is 2.9999999999999996
    count = tenths * len(z) // 1000 if tail == "lowest" else -(-tenths * len(z) // 1000)
    if count == 0:
        raise ScoreInputError(
            f"etran_energy: {percent} percent of {len(z)} rows is no row; take a larger share."
        )
    energies = np.sort(_log_sum_exp(z))
    return float(np.mean(energies[:count] if tail == "lowest" else energies[-count:]))


def _log_sum_exp(z: Float64) -> Float64:
    """Log of the sum of exponentials of each row, (n,); overwrites z.

    SciPy's takes seven times as long: it looks after complex numbers, weights and infinities.
    """
    highest = z.max(axis=1)
    z -= highest[:, None]
    energies: Float64 = highest + np.log(np.exp(z, out=z).sum(axis=1))
    return energies


def etran_discriminant(
    features: ArrayLike, labels: ArrayLike, *, covariance: Covariance = "shrunk"
) -> float:
    """Mean true-class posterior of a regularised discriminant analysis; higher is better.

        mean over i of softmax over c of
        (x_i' S^-1 mu_c - mu_c' S^-1 mu_c / 2 + log(n_c / n))  at c = y_i

    with S = (1 - s) S_w + s tr(S_w) / d I and s = max(exp(-5 sigma), 1e-10), sigma the largest
    eigenvalue of the within-class scatter S_w (1 / n): the first stage of `sfda`. The released code
    decomposes a matrix that is not symmetric as if it were; its eigenvectors multiply to the
    identity and the score is that of S = I. "identity" is that score.

    Args:
        features: (n, d) floats.
        labels: (n,) whole numbers; gaps in the numbering and classes that never occur change
            nothing. One sample in a class is allowed.
        covariance: "shrunk" as the text describes, "identity" as the released code computes.

    Returns:
        A number in [0, 1]; 1 for a single class. For n < d "shrunk" rounds to 1: models tie. A
        constant feature only enters "shrunk" through d.

    Raises:
        ScoreInputError: "shrunk", where no row differs from the mean of its class (one sample in
            every class, constant features).

    Source: Gholami et al., ICCV 2023, section on the LDA-based classification score.
    """
    data = class_rows(features, labels, "etran_discriminant")
    if covariance == "identity":
        x = data.x - data.x.mean(axis=0)
        means = data.means(x)
        values = x @ means.T - 0.5 * np.einsum("ck,ck->c", means, means) + data.log_prior
        return mean_true_class(softmax(values), data)
    fit = discriminant(data)
    require_within_scatter(fit, "etran_discriminant")
    shrinkage = adaptive_shrinkage(fit)
    return mean_true_class(posteriors(fit, shrinkage, "etran_discriminant"), data)


def etran_regression(features: ArrayLike, targets: ArrayLike, *, kept: float = 0.8) -> float:
    """Minus the mean squared residual of a truncated least-squares fit; higher is better.

    With the singular value decomposition X = U S V' and U_r the leading r left vectors,

        score = - mean over rows and targets of (Y - U_r U_r' Y)^2,

    r the smallest number with s_1^2 + ... + s_r^2 >= kept * (s_1^2 + ...). There is no intercept,
    and features are not centred, as in the text; centre both sides first if wanted.

    Args:
        features: (n, d) floats.
        targets: (n,) or (n, t) floats.
        kept: Share of the squared singular values, above 0, at most 1. 0.8 is the text's; 1 is the
            full least-squares fit (to numerical rank).

    Returns:
        A number at most 0. With `kept` = 1 and n <= d it is 0 for features in general position:
        models tie. Singular values that are equal to the last one kept are kept as well, since
        their order is rounding. A constant feature serves as an intercept.

    Raises:
        ScoreInputError: Bad shapes or values, or `kept` is no share.

    Source: Gholami et al., ICCV 2023, section on the regression score.
    """
    if not 0 < kept <= 1:
        raise ScoreInputError(f"etran_regression: kept must be in (0, 1], not {kept}.")
    x, y = check_regression(features, targets)
    check_magnitude(x, "features")
    check_magnitude(y, "targets")
    n, d = x.shape
    left, values, _ = np.linalg.svd(triangular_factor(x.T).T if n < d else x, full_matrices=False)
    rank = int((values > max(n, d) * np.finfo(np.float64).eps * values[0]).sum())
    if kept < 1 and rank > 0:
        energy = np.cumsum(values[:rank] ** 2)
        reached = int((energy < kept * (1 - SAME) * energy[-1]).sum())  # index of the last one kept
        rank = int((values[:rank] >= (1 - SAME) * values[reached]).sum())
    basis = left[:, :rank]
    return -float(np.mean((y - basis @ (basis.T @ y)) ** 2))

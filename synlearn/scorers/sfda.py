"""SFDA, the self-challenging Fisher discriminant analysis."""

import numpy as np
from numpy.typing import ArrayLike

from synlearn.scorers.classes import class_rows
from synlearn.scorers.discriminant import (
    Discriminant,
    adaptive_shrinkage,
    discriminant,
    discriminants,
    log_softmax,
    mean_true_class,
    mixed,
    posteriors,
    require_within_scatter,
    scatter_factor,
    softmax,
)
from synlearn.scorers.inputs import Float64


def sfda(features: ArrayLike, labels: ArrayLike, *, log: bool = False) -> float:
    """Mean true-class posterior after a confidence-weighted mixing of classes; higher is better.

    With p(c | x) of `synlearn.scorers.discriminant` and shrinkage s = max(exp(-5 sigma), 1e-10),
    sigma the largest eigenvalue of the within-class scatter:

        1. p_i = p(. | x_i) at shrinkage s;
        2. x_i <- a_i x_i + (1 - a_i) m_i, with confidence a_i = softmax(p_i) at the true class and
           m_i the unweighted mean of the other classes' means;
        3. SFDA = mean over i of p(y_i | x_i) of the mixed rows, at the same s.

    Class means and scatter are recomputed in step 3. The authors' code leaves out the logarithm of
    the probabilities "in case of instability"; so do all published comparisons. `log` puts it back.

    Args:
        features: (n, d) floats.
        labels: (n,) whole numbers; gaps in the numbering and classes that never occur change
            nothing. One sample in a class is allowed.
        log: Average log p in step 3 instead of p; it still orders models whose p rounds to 1.

    Returns:
        A number in [0, 1]; with `log`, at most 0. For n < d the classes are separable and p rounds
        to 1: models tie. A constant feature only enters through d in the shrinkage.

    Raises:
        ScoreInputError: Fewer than two classes, or no row differs from the mean of its class (one
            sample a class, constant features).

    Source: Shao et al., "Not All Models Are Equal: Predicting Model Transferability in a
    Self-challenging Fisher Space", ECCV 2022.
    """
    data = class_rows(features, labels, "sfda", at_least=2)
    first = discriminant(data)
    require_within_scatter(first, "sfda")
    shrinkage = adaptive_shrinkage(first)
    probabilities = posteriors(first, shrinkage, "sfda")
    second = mixed(first, challenged(first, probabilities), data.x.shape[1])
    require_within_scatter(second, "sfda")
    values = discriminants(second, scatter_factor(second, shrinkage, "sfda"), "sfda")
    return mean_true_class(log_softmax(values) if log else softmax(values), data)


def challenged(fit: Discriminant, probabilities: Float64) -> Float64:
    """(n, k) rows moved towards the other classes' mean, the less confident the farther."""
    y = fit.rows.y
    confidence = softmax(probabilities)[np.arange(len(y)), y][:, None]
    others = (fit.means.sum(axis=0) - fit.means) / (len(fit.means) - 1)
    moved: Float64 = confidence * fit.rows.x + (1 - confidence) * others[y]
    return moved

"""LEEP: how well a source model's own outputs, read through counts, predict the labels."""

import numpy as np
from numpy.typing import ArrayLike

from synlearn.scorers.inputs import Float64, Labelled, check_probabilities


def leep(source_probs: ArrayLike, labels: ArrayLike) -> float:
    """Log expected empirical prediction; higher is better.

    With theta[i, z] the source model's probability of its class z on row i, and the joint table
    P(y, z) = (1/n) sum over rows i of label y of theta[i, z],

        LEEP = (1/n) sum_i log( sum_z P(y_i, z) / P(z) * theta[i, z] ),    P(z) = sum_y P(y, z).

    Args:
        source_probs: (n, c_source) probabilities; each row sums to 1.
        labels: (n,) whole numbers, the classes of the new task.

    Returns:
        A value in [-H(y), 0], where H(y) is the entropy of the labels in nats. With 0/1
        probabilities it equals NCE. It is the same for any order of rows or of source classes and
        for any names of the labels.

    Special cases: fewer rows than source classes make it optimistic, not undefined. A class of one
    row is counted as any other; labels of one class give 0. Source columns that are equal on all
    rows tell nothing: -H(y). A label that never occurs, or a gap in the numbering, changes nothing.
    A source class without any mass is left out (the published formula divides 0 by 0 there).

    Raises:
        ScoreInputError: The rows are no probability distributions, or labels do not fit.

    Source: Nguyen, Hassner, Seeger and Archambeau, "LEEP: A New Measure to Evaluate Transferability
    of Learned Representations", ICML 2020, equations 1 and 2.

    >>> leep([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [3, 3, 7])
    0.0
    """
    predicted = empirical_predictions(check_probabilities(source_probs, labels))
    return min(float(np.log(predicted).mean()), 0.0)


def empirical_predictions(data: Labelled) -> Float64:
    """Return the probability, in (0, 1], that the counts give to each row's own label: (n,).

    The value of a row is never 0, because its own probabilities are part of the counts.
    """
    joint = np.stack([data.x[data.y == c].sum(axis=0) for c in range(data.classes)])
    mass = joint.sum(axis=0)
    label_given_source = joint / np.where(mass > 0, mass, 1.0)
    predicted: Float64 = np.einsum("iz,iz->i", data.x, label_given_source[data.y])
    return predicted

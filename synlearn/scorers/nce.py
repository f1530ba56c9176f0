"""NCE: how much of the labels a source model's hard predictions leave open."""

import numpy as np
from numpy.typing import ArrayLike

from synlearn.scorers.inputs import check_probabilities


def nce(source_probs: ArrayLike, labels: ArrayLike) -> float:
    """Negative conditional entropy of the labels given the source model's predictions.

    Higher is better. With z_i the source class of highest probability on row i (the first of equal
    ones) and P the table of joint frequencies of labels and predictions,

        NCE = sum_{y, z} P(y, z) log( P(y, z) / P(z) ).

    Args:
        source_probs: (n, c_source) probabilities; each row sums to 1.
        labels: (n,) whole numbers, the classes of the new task.

    Returns:
        A value in [-H(y), 0], where H(y) is the entropy of the labels in nats; 0 when the
        prediction determines the label. It is the same for any order of rows and for any names of
        the labels.

    Special cases: fewer rows than source classes make it optimistic (0 when no two rows share a
    prediction), not undefined. A class of one row is counted as any other; labels of one class give
    0. Source columns that are equal on all rows give -H(y) if every row predicts the same class.
    A label or a source class that never occurs, or a gap in the numbering, changes nothing.

    Raises:
        ScoreInputError: The rows are no probability distributions, or labels do not fit.

    Source: Tran, Nguyen and Hassner, "Transferability and Hardness of Supervised Classification
    Tasks", ICCV 2019, equation 9.

    >>> nce([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [3, 3, 7])
    0.0
    """
    data = check_probabilities(source_probs, labels)
    _, predicted = np.unique(data.x.argmax(axis=1), return_inverse=True)
    source_classes = int(predicted.max()) + 1
    cell = data.y * source_classes + predicted  # one number for each (label, prediction)
    joint = np.bincount(cell, minlength=data.classes * source_classes).astype(np.float64)
    joint = joint.reshape(data.classes, source_classes)
    share = joint / joint.sum(axis=0)  # every prediction left in the table occurs
    seen = joint > 0
    return min(float((joint[seen] * np.log(share[seen])).sum()) / len(data.y), 0.0)

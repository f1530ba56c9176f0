"""K-shot ridge heads on frozen features, for many models at once."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PENALTY = 1.0
"""As in `ridge_loo`: weighs as much as this many rows of average length."""


def head_accuracy(
    support: Tensor, labels: Tensor, test: Tensor, truth: Tensor, penalty: float = PENALTY
) -> NDArray[np.float64]:
    """Return how often a ridge head fitted on few rows is right on others.

    One-hot labels are regressed on features with an intercept that is not penalised; the penalty is
    relative to the mean squared length of a centred row. Solved through the rows' Gram matrix,
    since there are fewer rows than features or about as many.

    Args:
        support: (m, n, f) float32, features of m models for the head's rows.
        labels: (n,) int64 in [0, classes).
        test: (m, t, f) features of the rows to classify.
        truth: (t,) their labels.
        penalty: Above 0.

    Returns:
        (m,) accuracies in [0, 1].
    """
    centre = support.mean(dim=1, keepdim=True)
    x = support - centre
    gram = x @ x.transpose(1, 2)
    lengths = gram.diagonal(dim1=1, dim2=2)
    weight = penalty * lengths.mean(dim=1).clamp_min(1e-12)
    gram.diagonal(dim1=1, dim2=2).add_(weight[:, None])
    classes = int(labels.max()) + 1
    one_hot = torch.nn.functional.one_hot(labels, classes).to(x.dtype)
    y = (one_hot - one_hot.mean(dim=0)).expand(len(x), -1, -1)
    factor = torch.linalg.cholesky(gram)
    dual = torch.cholesky_solve(y, factor)
    scores = (test - centre) @ (x.transpose(1, 2) @ dual) + one_hot.mean(dim=0)
    right = scores.argmax(dim=2) == truth
    found: NDArray[np.float64] = right.double().mean(dim=1).numpy()
    return found

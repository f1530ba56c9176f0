"""The triplet metric loss of SynLearn, equations 1 and 2."""

from typing import Literal

import torch
from torch import Tensor

Pairs = Literal["within", "across"]


def triplet_loss(distance: Tensor, v_star: Tensor, margin: float, pairs: Pairs) -> Tensor:
    """Mean of I[v*(mu, h) < v*(mu', h')] [d(mu, h) - d(mu', h') + margin]_+ over its triplets.

    Equation 2 sums over all pairs of (task, model) pairs and divides by their number; here the
    mean is over those with an indicator of one, so that its size does not depend on ties.

    Args:
        distance: (..., tasks, models) metric distances, lower is better; leading dimensions are
            independent models of the metric.
        v_star: (tasks, models) true reusability, lower is better; NaN where it is not known.
        margin: gamma.
        pairs: "within" compares models for the same task; "across" also compares over tasks, as
            equation 2 has it.

    Returns:
        (...), one loss for each leading index. 0 where no pair can be compared.
    """
    if pairs == "across":
        distance = distance.flatten(-2).unsqueeze(-2)
        v_star = v_star.flatten().unsqueeze(0)
    better = v_star[:, :, None] < v_star[:, None, :]  # False wherever one is NaN
    gap = distance[..., :, None] - distance[..., None, :] + margin
    hinge = torch.where(better, gap.clamp(min=0), torch.zeros((), dtype=gap.dtype))
    return hinge.sum(dim=(-3, -2, -1)) / better.sum().clamp(min=1)

"""What a metric has seen, to tell when a task lies outside it."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class LearnedTasks:
    """What the metric has seen, to tell when a task lies outside it.

    Attributes:
        means: (n, f) mean feature of each learning task, or, for classification, of each class.
        instance_variance: Variance of one instance's feature about its task's or class's mean.
    """

    means: Tensor
    instance_variance: float

    def novelty(self, feature: Tensor, k: int) -> float:
        """Squared distance to the nearest learning task, over what is usual for K examples.

        Usual is the 99 % quantile of that distance among the learning tasks themselves, plus
        twice the sampling variance of a mean over K. Above 1 the task is unlike all that was
        learned from.
        """
        between = torch.cdist(self.means, self.means).fill_diagonal_(torch.inf).amin(dim=1)
        usual = torch.quantile(between**2, 0.99) + 2 * self.instance_variance / k
        nearest = torch.cdist(feature[None], self.means).amin()
        return float(nearest**2 / usual)

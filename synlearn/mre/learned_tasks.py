"""What a metric has seen, to tell when a task lies outside it."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
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
        return self.mean_novelty(feature[None], k)

    def mean_novelty(self, features: Tensor, k: int) -> float:
        """Mean of `novelty` over the rows of features, (r, f)."""
        usual = self._usual_square + 2 * self.instance_variance / k
        nearest = torch.cdist(features, self.means).amin(dim=1)
        return float(nearest.dot(nearest)) / len(nearest) / usual

    @cached_property
    def _usual_square(self) -> float:
        """99 % quantile of the squared distance of a learning task to the nearest other one."""
        between = torch.cdist(self.means, self.means).fill_diagonal_(torch.inf).amin(dim=1)
        return float(torch.quantile(between**2, 0.99))

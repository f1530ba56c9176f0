"""The MRE model of isolated closures: one provider's data is one task, known by its inputs."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from synlearn.mre.metric import Metric
from synlearn.mre.model import Float64, MREModel, standard_scores
from synlearn.mre.task_means import TaskMeans, numbered
from synlearn.ranking import Ranking
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.filters import ModelFilter
from synlearn.zoo.specification import specifications_of


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolatedMRE(MREModel):
    """Averaging for the task, a vector for each model (SynLearn, section 4.2).

    Attributes:
        metric: Task transform, model transform and distance; several members.
    """

    metric: Metric

    def rank(
        self,
        images: ArrayLike,
        labels: ArrayLike | None,
        zoo: Zoo,
        *,
        where: ModelFilter | None = None,
    ) -> Ranking:
        """Rank all models of a zoo for the task that a handful of examples is of; see `MREModel`.

        Raises:
            InputError: The zoo's specifications are of another kind than the model learned with,
                the images do not fit, or `where` leaves no model.
        """
        return self.rank_means(self.task_means(images, labels), zoo, where=where)

    def task_means(self, images: ArrayLike, labels: ArrayLike | None) -> TaskMeans:
        """What the metric knows a task by: the mean of all its examples; see `MREModel`."""
        del labels
        examples = self.features(images)
        mean = examples.mean(dim=0, keepdim=True)
        return TaskMeans(mean.numpy(), np.array([len(examples)]), numbered(1))

    def warm_up(self, zoo: Zoo) -> None:
        """Compute the models' specifications where they are not stored; see `MREModel`."""
        self.check_anchors(specifications_of(zoo).anchors)

    def check_means(self, task: TaskMeans) -> None:
        """Raise InputError where there is more than one mean, or it is of another backbone."""
        self._check_means(task, least=1, most=1)

    def rank_means(self, task: TaskMeans, zoo: Zoo, *, where: ModelFilter | None = None) -> Ranking:
        """Rank all models of a zoo for a task that is known by its mean; see `MREModel`.

        Raises:
            InputError: As `rank`, or the mean is of another backbone.
        """
        specifications = specifications_of(zoo)
        self.check_anchors(specifications.anchors)
        self.check_means(task)
        feature = torch.from_numpy(task.means)
        vectors = torch.from_numpy(specifications.vectors)
        return self._ranking(
            zoo,
            specifications.ids,
            self.member_scores(feature, vectors)[:, 0],
            examples=task.examples,
            novelty=self.learned.novelty(feature[0], task.examples),
            where=where,
        )

    def task_feature(self, images: ArrayLike) -> Tensor:
        """Mean feature of one target dataset, (f,); images (k, channels, h, w) in [0, 1].

        Raises:
            InputError: The images have another shape than the backbone takes.
        """
        return self.features(images).mean(dim=0)

    def member_scores(self, features: Tensor, specifications: Tensor) -> Float64:
        """Score of every model for every task by every member; higher is better.

        Args:
            features: (n, f), one for each task.
            specifications: (m, p), one for each model.

        Returns:
            (members, n, m) float64; see `standard_scores`.
        """
        with torch.inference_mode():
            return standard_scores(self.metric(features, specifications))

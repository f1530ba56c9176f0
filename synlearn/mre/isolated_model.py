"""The MRE model of isolated closures: one provider's data is one task, known by its inputs."""

from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from synlearn.mre.metric import Metric
from synlearn.mre.model import Float64, MREModel, standard_scores
from synlearn.ranking import Ranking
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.specification import specifications_of


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolatedMRE(MREModel):
    """Averaging for the task, a vector for each model (SynLearn, section 4.2).

    Attributes:
        metric: Task transform, model transform and distance; several members.
    """

    metric: Metric

    def rank(self, images: ArrayLike, labels: ArrayLike | None, zoo: Zoo) -> Ranking:
        """Rank all models of a zoo for the task that a handful of examples is of; see `MREModel`.

        Raises:
            InputError: The zoo's specifications are of another kind than the model learned with,
                or the images do not fit.
        """
        del labels
        specifications = specifications_of(zoo)
        self._check_anchors(specifications.anchors)
        examples = self._features(images)
        feature = examples.mean(dim=0)
        vectors = torch.from_numpy(specifications.vectors)
        return self._ranking(
            zoo,
            list(specifications.ids),
            self.member_scores(feature[None], vectors)[:, 0],
            examples=len(examples),
            novelty=self.learned.novelty(feature, len(examples)),
        )

    def task_feature(self, images: ArrayLike) -> Tensor:
        """Mean feature of one target dataset, (f,); images (k, channels, h, w) in [0, 1].

        Raises:
            InputError: The images have another shape than the backbone takes.
        """
        return self._features(images).mean(dim=0)

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

"""The MRE model: ranks models for a task from a handful of its examples."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone
from synlearn.mre.metric import Metric
from synlearn.mre.task_transform import mean_features

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an MRE model comes from.

    Attributes:
        job: Id of the job that learned it.
        seed: Of the job.
        k: Examples behind each target dataset in learning.
        tasks: Learning tasks.
        models: Learning models.
        anchors: Which generator and anchor set are behind the model specifications.
    """

    job: str
    seed: int
    k: int
    tasks: int
    models: int
    anchors: str


@dataclass(frozen=True, slots=True)
class LearnedTasks:
    """What the metric has seen, to tell when a task lies outside it.

    Attributes:
        means: (tasks, f) mean feature of each learning task.
        instance_variance: Variance of one instance's feature about its task's mean.
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


@dataclass(frozen=True, slots=True)
class MREModel:
    """v_hat(S_mu, h) = d_theta(g_mu(S_mu), g_h(h)) (SynLearn, section 4.2).

    Attributes:
        backbone: `g_mu`.
        metric: Task transform, model transform and distance; several members.
        learned: What the metric has seen.
        provenance: Where the model comes from.
    """

    backbone: Backbone
    metric: Metric
    learned: LearnedTasks
    provenance: Provenance

    def task_feature(self, images: Float32) -> Tensor:
        """Mean feature of one target dataset, (f,); images (k, channels, h, w) in [0, 1].

        Raises:
            InputError: The images have another shape than the backbone takes.
        """
        channels = self.backbone.spec.channels
        if images.ndim != 4 or len(images) == 0 or images.shape[1] != channels:
            raise InputError(
                f"the MRE model takes images of {channels} channel(s), shaped (k, {channels}, "
                f"height, width) with k >= 1, not {images.shape}; convert the images first."
            )
        draws = np.arange(len(images))[None]
        return mean_features(self.backbone, torch.from_numpy(images), draws)[0]

    def member_scores(self, features: Tensor, specifications: Tensor) -> npt.NDArray[np.float64]:
        """Score of every model for every task by every member; higher is better.

        Args:
            features: (n, f), one for each task.
            specifications: (m, p), one for each model.

        Returns:
            (members, n, m) float64: minus the metric distance, standardised over the models
            (mean 0, deviation 1 for each member and task), since members differ in scale.
        """
        with torch.inference_mode():
            distance = self.metric(features, specifications)
        scores: npt.NDArray[np.float64] = -distance.numpy().astype(np.float64)
        centred = scores - scores.mean(axis=-1, keepdims=True)
        deviation = scores.std(axis=-1, keepdims=True)
        return centred / np.where(deviation > 0, deviation, 1.0)

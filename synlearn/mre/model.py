"""The MRE model: ranks models for a task from a handful of its examples."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone
from synlearn.mre.metric import Metric
from synlearn.mre.task_transform import mean_features
from synlearn.ranking import Ranking
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.specification import specifications_of

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
        digest: Stands for the model's files, where it was loaded from some.
    """

    backbone: Backbone
    metric: Metric
    learned: LearnedTasks
    provenance: Provenance
    digest: str = ""

    @classmethod
    def load(cls, path: Path) -> "MREModel":
        """Read the model in the folder `path`; every digest is checked before a file is parsed.

        Raises:
            InputError: The folder holds no model, or a file of it is missing or was changed.
        """
        from synlearn.mre.storage import load_mre  # noqa: PLC0415  # it builds this class

        return load_mre(path)

    def rank(self, images: ArrayLike, labels: ArrayLike | None, zoo: Zoo) -> Ranking:
        """Rank all models of a zoo for the task that a handful of examples is of.

        No model is run: the examples pass through the backbone once, and the models are known by
        their specifications.

        Args:
            images: (k, channels, h, w) in [0, 1], k >= 1.
            labels: Not used where closures are isolated: there a task is known by its inputs. May
                be None.
            zoo: Models to rank; they need not be those of the learning.

        Raises:
            InputError: The zoo's specifications are of another kind than the model learned with,
                or the images do not fit.
        """
        del labels
        specifications = specifications_of(zoo)
        if specifications.anchors != self.provenance.anchors:
            raise InputError(
                "the MRE model was learned with another kind of model specification than this "
                "version makes; use the version that learned it, or learn it again."
            )
        examples = np.asarray(images, np.float32)
        feature = self.task_feature(examples)
        vectors = torch.from_numpy(specifications.vectors)
        novelty = self.learned.novelty(feature, len(examples))
        warning = (
            f"The examples are unlike all {self.provenance.tasks} tasks that the metric has "
            f"learned from ({novelty:.1f} times the usual distance); do not trust this ranking."
            if novelty > 1
            else ""
        )
        return Ranking.from_member_scores(
            list(specifications.ids),
            self.member_scores(feature[None], vectors)[:, 0],
            warning=warning,
            provenance={
                "mre": self.digest,
                "zoo": zoo.digest,
                "k": len(examples),
                "synlearn": version("synlearn"),
            },
        )

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
        standard: npt.NDArray[np.float64] = centred / np.where(deviation > 0, deviation, 1.0)
        return standard

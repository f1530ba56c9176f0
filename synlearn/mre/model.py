"""The MRE model: ranks models for a task from a handful of its examples."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.ranking import Ranking
from synlearn.zoo.catalog import Zoo

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an MRE model comes from.

    Attributes:
        job: Id of the job that learned it.
        seed: Of the job.
        k: Examples behind each target dataset in learning, of each class where there are several;
            the largest number where it varied.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MREModel(ABC):
    """v_hat(S_mu, h) = d_theta(g_mu(S_mu), g_h(h)) (SynLearn, section 4.2).

    Attributes:
        backbone: `g_mu`.
        learned: What the metric has seen.
        provenance: Where the model comes from.
        digest: Stands for the model's files, where it was loaded from some.
    """

    backbone: Backbone
    learned: LearnedTasks
    provenance: Provenance
    digest: str = ""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the model in the folder `path`; every digest is checked before a file is parsed.

        Raises:
            InputError: The folder holds no model, one of another kind than this class, or a file
                of it is missing or was changed.
        """
        from synlearn.mre.storage import load_mre  # noqa: PLC0415  # it builds the subclasses

        model = load_mre(path)
        if not isinstance(model, cls):
            raise InputError(
                f"{path} holds an MRE model of another kind ({type(model).__name__}, not "
                f"{cls.__name__}); give one that was learned for this."
            )
        return model

    @abstractmethod
    def rank(self, images: ArrayLike, labels: ArrayLike | None, zoo: Zoo) -> Ranking:
        """Rank all models of a zoo for the task that a handful of examples is of.

        No model is run: the examples pass through the backbone once, and the models are known by
        their specifications.

        Args:
            images: (n, channels, h, w) in [0, 1], n >= 1.
            labels: (n,) class of each example; not used, and may be None, where closures are
                isolated: there a task is known by its inputs.
            zoo: Models to rank; they need not be those of the learning.

        Raises:
            InputError: The zoo's specifications are of another kind than the model learned with,
                or the examples do not fit.
        """

    def _features(self, images: ArrayLike) -> Tensor:
        """Features of single examples, (n, f).

        Raises:
            InputError: The images have another shape than the backbone takes.
        """
        examples = np.ascontiguousarray(images, np.float32)  # may be a view backwards
        channels = self.backbone.spec.channels
        if examples.ndim != 4 or len(examples) == 0 or examples.shape[1] != channels:
            raise InputError(
                f"the MRE model takes images of {channels} channel(s), shaped (k, {channels}, "
                f"height, width) with k >= 1, not {examples.shape}; convert the images first."
            )
        with torch.inference_mode():
            features: Tensor = self.backbone(torch.from_numpy(examples)).float()
        return features

    def _check_anchors(self, anchors: str) -> None:
        if anchors != self.provenance.anchors:
            raise InputError(
                "the MRE model was learned with another kind of model specification than this "
                "version makes; use the version that learned it, or learn it again."
            )

    def _ranking(
        self, zoo: Zoo, models: list[str], scores: Float64, *, examples: int, novelty: float
    ) -> Ranking:
        """Rank by the members' scores, (members, m), and warn of a task unlike all learned ones."""
        warning = (
            f"The examples are unlike all {self.provenance.tasks} tasks that the metric has "
            f"learned from ({novelty:.1f} times the usual distance); do not trust this ranking."
            if novelty > 1
            else ""
        )
        return Ranking.from_member_scores(
            models,
            scores,
            warning=warning,
            provenance={
                "mre": self.digest,
                "zoo": zoo.digest,
                "k": examples,
                "synlearn": _own_version(),
            },
        )


@cache
def _own_version() -> str:
    """Version of this package; finding it reads files, as long as a backbone takes."""
    return version("synlearn")


def standard_scores(distance: Tensor) -> Float64:
    """Turn distances, (..., m), into scores: minus the distance, standardised over the models.

    Mean 0 and deviation 1 for each member and task, since members differ in scale.
    """
    scores: Float64 = -distance.numpy().astype(np.float64)
    centred = scores - scores.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True))
    standard: Float64 = centred / np.where(deviation > 0, deviation, 1.0)
    return standard

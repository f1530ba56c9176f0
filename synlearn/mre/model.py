"""The MRE model: ranks models for a task from a handful of its examples."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike
from torch import Tensor

from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone
from synlearn.mre.compared import standard
from synlearn.mre.features import features_of
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.task_means import TaskMeans
from synlearn.ranking import Ranking
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.filters import ModelFilter

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

METRIC_ALONE: Final = "metric alone: no model was run"
"""Mode of a ranking, in words."""


class Digested(Protocol):
    """A zoo, or what stands for one: something with the zoo's digest."""

    @property
    def digest(self) -> str:
        """Of the zoo."""
        ...


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
    def rank(
        self,
        images: ArrayLike,
        labels: ArrayLike | None,
        zoo: Zoo,
        *,
        where: ModelFilter | None = None,
    ) -> Ranking:
        """Rank all models of a zoo for the task that a handful of examples is of.

        By the *metric alone*: no model is run; the examples pass through the backbone once, and the
        models are known by their specifications. Intervals are of scores, from the metric's
        members; `synlearn.ranker.Ranker` has them of accuracies, and weighs direct scores in.

        Args:
            images: (n, channels, h, w) in [0, 1], n >= 1.
            labels: (n,) class of each example; not used, and may be None, where closures are
                isolated: there a task is known by its inputs.
            zoo: Models to rank; they need not be those of the learning.
            where: Conditions that models have to meet. Scores are relative to the whole zoo, so
                that a model's does not depend on who else is left.

        Raises:
            InputError: The zoo's specifications are of another kind than the model learned with,
                the examples do not fit, or `where` leaves no model.
        """

    @abstractmethod
    def task_means(self, images: ArrayLike, labels: ArrayLike | None) -> TaskMeans:
        """What the metric knows a task by: all that `rank_means` asks for.

        Args:
            images: (n, channels, h, w) in [0, 1], n >= 1.
            labels: As for `rank`.

        Raises:
            InputError: The examples do not fit.
        """

    @abstractmethod
    def check_means(self, task: TaskMeans) -> None:
        """Raise InputError where `rank_means` would, whatever the zoo."""

    @abstractmethod
    def rank_means(self, task: TaskMeans, zoo: Zoo, *, where: ModelFilter | None = None) -> Ranking:
        """Rank as `rank` does, where only the task's means are at hand and no image.

        Raises:
            InputError: As `rank`, or the means are of another backbone.
        """

    @abstractmethod
    def warm_up(self, zoo: Zoo) -> None:
        """Do what the first ranking of a zoo would do besides, so that it takes no longer.

        Raises:
            InputError: The zoo's specifications are of another kind than the model learned with.
        """

    def _check_means(self, task: TaskMeans, *, least: int, most: int | None = None) -> None:
        classes, features = task.means.shape
        if features != self.backbone.spec.features:
            raise InputError(
                f"class means have {features} features, but the MRE model's backbone gives "
                f"{self.backbone.spec.features}; compute them with that backbone."
            )
        if classes < least:
            raise InputError(
                "all examples are of one class; give examples of at least two classes."
            )
        if most is not None and classes > most:
            raise InputError(
                f"there are means of {classes} classes; this MRE model knows a task by {most}, the "
                "mean of all its examples."
            )

    def features(self, images: ArrayLike) -> Tensor:
        """Features of single examples, (n, f); raises InputError, see `features_of`."""
        return features_of(self.backbone, images)

    def check_anchors(self, anchors: str) -> None:
        """Refuse, with an InputError, specifications of another kind than it learned with."""
        if anchors != self.provenance.anchors:
            raise InputError(
                "the MRE model was learned with another kind of model specification than this "
                "version makes; use the version that learned it, or learn it again."
            )

    def describe(self, zoo: Digested, *, examples: int, mode: str) -> dict[str, str | int | float]:
        """What a ranking of a zoo by this model is computed from, as it is told in files."""
        return {
            "mre": self.digest,
            "zoo": zoo.digest,
            "k": examples,
            "mode": mode,
            "synlearn": _own_version(),
        }

    def unlike(self, novelty: float) -> str:
        """A warning where a task is unlike all that was learned from; else empty."""
        if novelty <= 1:
            return ""
        return (
            f"The examples are unlike all {self.provenance.tasks} tasks that the metric has "
            f"learned from ({novelty:.1f} times the usual distance); do not trust this ranking."
        )

    def _ranking(
        self,
        zoo: Zoo,
        models: tuple[str, ...],
        scores: Float64,
        *,
        examples: int,
        novelty: float,
        where: ModelFilter | None,
    ) -> Ranking:
        """Rank by the members' scores, (members, m), and warn of a task unlike all learned ones."""
        places = np.arange(len(models))
        selection = None if where is None else where.select(zoo)
        if selection is not None:
            places = np.flatnonzero([model in selection.facts for model in models])
        ranking = Ranking.from_member_scores(
            [models[place] for place in places],
            scores[:, places],
            warning=self.unlike(novelty),
            provenance=self.describe(zoo, examples=examples, mode=METRIC_ALONE),
        )
        return ranking if selection is None else ranking.selected(selection)


@cache
def _own_version() -> str:
    """Version of this package; finding it reads files, as long as a backbone takes."""
    return version("synlearn")


def standard_scores(distance: Tensor) -> Float64:
    """Turn distances, (..., m), into scores; see `standard`."""
    return standard(distance.numpy().astype(np.float64))

"""The MRE model for classification: a task is known by the mean feature of each of its classes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from synlearn.errors import InputError
from synlearn.explanation import Explanation
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_training import GatheredClasses
from synlearn.mre.compared import Compared, unrest
from synlearn.mre.example_spread import moved_means
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.model import Float64, MREModel, standard_scores
from synlearn.mre.model_transform import ProjectedModels
from synlearn.mre.packed_metric import PackedMetric
from synlearn.mre.task_means import TaskMeans
from synlearn.ranking import Ranking
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import (
    ClassSpecifications,
    Generator,
    class_specifications_of,
)
from synlearn.zoo.filters import ModelFilter

CLASSES_AT_ONCE: Final = 40
"""Classes of tasks that are compared at once."""

PROBED: Final = 32
"""Models that are compared again with moved examples."""


@dataclass(frozen=True, slots=True)
class ProjectedZoo:
    """A zoo as the metric sees it, whatever the task.

    Attributes:
        ids: (m,) model ids.
        models: Their classes, projected.
        packed: The same and the metric, laid out for ranking, where there is such a layout.
        probed: Places of a few models, spread over the zoo.
        probe, probe_packed: The same of these.
    """

    ids: tuple[str, ...]
    models: ProjectedModels
    packed: PackedMetric | None
    probed: NDArray[np.int64]
    probe: ProjectedModels
    probe_packed: PackedMetric | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationMRE(MREModel):
    """Set-to-set attention for the task, the attention-based ensembler for each model.

    Attributes:
        metric: Task transform, model transform and distance; several members.
        generator: Of the model specifications that it learned with.
    """

    metric: ClassificationMetric
    generator: Generator
    _projected: dict[str, ProjectedZoo] = field(default_factory=dict, repr=False, compare=False)

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
                the images do not fit, the labels are not of at least two classes, or `where`
                leaves no model.
        """
        return self.rank_means(self.task_means(images, labels), zoo, where=where)

    def rank_means(self, task: TaskMeans, zoo: Zoo, *, where: ModelFilter | None = None) -> Ranking:
        """Rank all models of a zoo for a task that is known by its class means; see `MREModel`."""
        compared = self.compare_means(task, zoo)
        ranking = self._ranking(
            zoo,
            compared.ids,
            compared.member_scores,
            examples=compared.examples,
            novelty=compared.novelty,
            where=where,
        )
        return replace(ranking, explainer=partial(self.explain, compared, zoo))

    def task_means(self, images: ArrayLike, labels: ArrayLike | None) -> TaskMeans:
        """What the metric knows a task by; see `MREModel`.

        Raises:
            InputError: The images do not fit, or the labels are not of at least two classes.
        """
        return means_of(self.features(images), labels)

    def compare(self, images: ArrayLike, labels: ArrayLike | None, zoo: Zoo) -> Compared:
        """Compare the task that a handful of examples is of with all models of a zoo.

        Arguments and errors as `rank`.
        """
        return self.compare_means(self.task_means(images, labels), zoo)

    def check_means(self, task: TaskMeans) -> None:
        """Raise InputError where the means are of another backbone, or of a single class."""
        self._check_means(task, least=2)

    def compare_means(self, task: TaskMeans, zoo: Zoo) -> Compared:
        """Compare a task that is known by its class means with all models of a zoo.

        Raises:
            InputError: As `rank`, or the means are of another backbone.
        """
        return self.compare_all([task], zoo)[0]

    def compare_all(self, tasks: Sequence[TaskMeans], zoo: Zoo) -> list[Compared]:
        """Compare several tasks, sooner than one by one: a zoo passes through the cache once.

        Numbers are those of `compare_means`, to rounding. Tasks of as many classes go together,
        `CLASSES_AT_ONCE` classes at a time; beyond that it costs memory and saves nothing.

        Raises:
            InputError: As `compare_means`, for any of the tasks.
        """
        by_ways: dict[int, list[int]] = {}
        for place, task in enumerate(tasks):
            self.check_means(task)
            by_ways.setdefault(len(task.counts), []).append(place)
        projected = self.project(zoo)
        distances: dict[int, Float64] = {}
        for ways, places in by_ways.items():
            most = max(CLASSES_AT_ONCE // ways, 1)
            for first in range(0, len(places), most):
                some = places[first : first + most]
                means = torch.from_numpy(np.stack([tasks[place].means for place in some]))
                found = self.distances(means, projected.models, projected.packed)
                distances.update(zip(some, found.swapaxes(0, 1), strict=True))
        return [
            self._compared(task, projected.ids, distances[place])
            for place, task in enumerate(tasks)
        ]

    def _compared(self, task: TaskMeans, ids: tuple[str, ...], distances: Float64) -> Compared:
        means = torch.from_numpy(task.means)
        return Compared(
            ids=ids,
            distances=distances,
            means=means,
            classes=task.classes,
            counts=task.counts,
            novelty=self.learned.mean_novelty(means, task.examples),
        )

    def warm_up(self, zoo: Zoo) -> None:
        """Project the zoo; see `MREModel`."""
        self.project(zoo)

    def project(self, zoo: Zoo, specifications: ClassSpecifications | None = None) -> ProjectedZoo:
        """Do once for a zoo what does not depend on the task; the latest zoo's result is kept.

        Args:
            zoo: Its models.
            specifications: Theirs, where the caller has them already.

        Raises:
            InputError: The zoo's specifications are of another kind than the model learned with.
        """
        known = self._projected.get(zoo.digest)
        if known is not None:
            return known
        if specifications is None:
            specifications = class_specifications_of(zoo)
        self.check_anchors(specifications.source(self.generator))
        sets = ClassSets.of(specifications.vectors(self.generator))
        count = len(specifications.ids)
        probed = np.unique(np.linspace(0, count - 1, min(PROBED, count)).round().astype(np.int64))
        with torch.inference_mode():
            models = self.metric.project_models(sets)
            probe = models.select(probed)
            projected = ProjectedZoo(
                specifications.ids,
                models,
                PackedMetric.of(self.metric, models),
                probed,
                probe,
                PackedMetric.of(self.metric, probe),
            )
        self._projected.clear()
        self._projected[zoo.digest] = projected
        return projected

    def unrest(self, compared: Compared, zoo: Zoo) -> Float64:
        """How sure the scores are, (2,): see `unrest` in `compared.py`.

        A few models, spread over the zoo, are compared again with the examples' means moved.

        Args:
            compared: The task.
            zoo: The zoo that it was compared with.
        """
        projected = self.project(zoo)
        means = moved_means(compared.means[None], compared.counts[None], self.learned)[:, 0]
        moved = self.distances(means, projected.probe, projected.probe_packed).mean(axis=0)
        found: Float64 = unrest(compared.distances[:, None], moved[:, None], projected.probed)[0]
        return found

    def explain(self, compared: Compared, zoo: Zoo, model: str) -> Explanation:
        """Say which of a model's classes were matched to which of the task's.

        Args:
            compared: The task.
            zoo: The zoo that it was compared with.
            model: Id of one of its models.
        """
        projected = self.project(zoo)
        own = projected.models.select(np.array([projected.ids.index(model)]))
        with torch.inference_mode():
            seen = self.metric.measure(ClassSets.full(compared.means[None]), own).attention
        return Explanation.of_members(
            model,
            compared.classes,
            zoo.card(ModelId(model)).outputs,
            seen.weights[:, 0, 0].numpy()[..., : 1 + int(own.present.sum())],
        )

    def distances(
        self, means: Tensor, models: ProjectedModels, packed: PackedMetric | None
    ) -> Float64:
        """Distance of n tasks to some models, (members, n, m), the faster way where there is one.

        Args:
            means: (n, l, f), mean feature of each class of n tasks.
            models: m models.
            packed: The same.
        """
        with torch.inference_mode():
            distance = None if packed is None else packed.distance(means)
            if distance is None:
                distance = self.metric.measure(ClassSets.full(means), models).distance
        return distance.numpy().astype(np.float64)

    def member_scores(self, tasks: ClassSets, models: ProjectedModels) -> Float64:
        """Score of every model for every task by every member, (members, n, m); higher is better.

        See `standard_scores`.
        """
        with torch.inference_mode():
            return standard_scores(self.metric.measure(tasks, models).distance)


def class_means(
    features: Tensor, labels: ArrayLike | None
) -> tuple[Tensor, tuple[str, ...], NDArray[np.int64]]:
    """Mean feature of each class, in the order of the labels.

    Args:
        features: (n, f).
        labels: (n,) class of each example: numbers or names.

    Returns:
        (c, f) means, (c,) names, and (n,) which of them each example is of.

    Raises:
        InputError: There are no labels, another number of them, or fewer than two classes.
    """
    if labels is None:
        raise InputError("the MRE model ranks for classification; give a label for each example.")
    given = np.asarray(labels)
    if given.shape != (len(features),):
        raise InputError(
            f"there are labels of shape {given.shape} for {len(features)} examples; give one label "
            "for each example."
        )
    names, numbers, counts = np.unique(given, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise InputError("all examples are of one class; give examples of at least two classes.")
    member = (numbers == np.arange(len(counts))[:, None]).astype(np.float32)
    means = member / counts[:, None].astype(np.float32) @ features.numpy()
    return torch.from_numpy(means), tuple(map(str, names.tolist())), numbers.astype(np.int64)


def means_of(features: Tensor, labels: ArrayLike | None) -> TaskMeans:
    """The task that single examples are of.

    Args:
        features: (n, f).
        labels: (n,) class of each.

    Raises:
        InputError: As `class_means`.
    """
    means, classes, numbers = class_means(features, labels)
    return TaskMeans(means.numpy(), np.bincount(numbers), classes)


def gathered_classes(gathered: GatheredClasses) -> NDArray[np.int64]:
    """Which classes of data target datasets are of, rising: those of `learned_classes`."""
    present = gathered.task_classes[gathered.feature_task].numpy()
    found: NDArray[np.int64] = np.unique(present[present >= 0])
    return found


def learned_classes(gathered: GatheredClasses) -> LearnedTasks:
    """What a metric has seen that learned from these answers, class by class.

    Features of single instances are of length 1, so their variance about a class's mean m is
    1 less its squared length.
    """
    present = gathered.task_classes[gathered.feature_task]
    rows = present >= 0
    classes, index = torch.unique(present[rows], return_inverse=True)
    sums = torch.zeros(len(classes), gathered.features.shape[2])
    sums.index_add_(0, index, gathered.features[rows])
    means = sums / torch.bincount(index)[:, None]
    return LearnedTasks(means, float((1 - means.square().sum(dim=1)).clamp(min=0).mean()))

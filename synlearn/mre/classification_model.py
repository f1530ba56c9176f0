"""The MRE model for classification: a task is known by the mean feature of each of its classes."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from synlearn.errors import InputError
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_training import GatheredClasses
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.model import Float64, MREModel, standard_scores
from synlearn.mre.model_transform import ProjectedModels
from synlearn.mre.packed_metric import PackedMetric
from synlearn.ranking import Ranking
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import (
    ClassSpecifications,
    Generator,
    class_specifications_of,
)


@dataclass(frozen=True, slots=True)
class ProjectedZoo:
    """A zoo as the metric sees it, whatever the task.

    Attributes:
        ids: (m,) model ids.
        models: Their classes, projected.
        packed: The same and the metric, laid out for ranking, where there is such a layout.
    """

    ids: tuple[str, ...]
    models: ProjectedModels
    packed: PackedMetric | None


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

    def rank(self, images: ArrayLike, labels: ArrayLike | None, zoo: Zoo) -> Ranking:
        """Rank all models of a zoo for the task that a handful of examples is of; see `MREModel`.

        Raises:
            InputError: The zoo's specifications are of another kind than the model learned with,
                the images do not fit, or the labels are not of at least two classes.
        """
        examples = self._features(images)
        means, counts = class_means(examples, labels)
        projected = self.project(zoo)
        least = int(counts.min())
        novelty = self.learned.mean_novelty(means, least)
        return self._ranking(
            zoo,
            list(projected.ids),
            self.zoo_scores(means[None], projected)[:, 0],
            examples=least,
            novelty=novelty,
        )

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
        self._check_anchors(specifications.source(self.generator))
        sets = ClassSets.of(specifications.vectors(self.generator))
        with torch.inference_mode():
            models = self.metric.project_models(sets)
            packed = PackedMetric.of(self.metric, models)
        projected = ProjectedZoo(specifications.ids, models, packed)
        self._projected.clear()
        self._projected[zoo.digest] = projected
        return projected

    def zoo_scores(self, means: Tensor, zoo: ProjectedZoo) -> Float64:
        """`member_scores` of a zoo's models, by the faster way where there is one.

        Args:
            means: (n, l, f), mean feature of each class of n tasks.
            zoo: m models.
        """
        if zoo.packed is not None:
            with torch.inference_mode():
                distance = zoo.packed.distance(means)
            if distance is not None:
                return standard_scores(distance)
        return self.member_scores(ClassSets.full(means), zoo.models)

    def member_scores(self, tasks: ClassSets, models: ProjectedModels) -> Float64:
        """Score of every model for every task by every member, (members, n, m); higher is better.

        See `standard_scores`.
        """
        with torch.inference_mode():
            return standard_scores(self.metric.measure(tasks, models).distance)


def class_means(features: Tensor, labels: ArrayLike | None) -> tuple[Tensor, Tensor]:
    """Mean feature of each class, in the order of the labels.

    Args:
        features: (n, f).
        labels: (n,) class of each example: numbers or names.

    Returns:
        (c, f) means and (c,) numbers of examples.

    Raises:
        InputError: There are no labels, another number of them, or fewer than two classes.
    """
    if labels is None:
        raise InputError("the MRE model ranks for classification; give a label for each example.")
    names = np.asarray(labels)
    if names.shape != (len(features),):
        raise InputError(
            f"there are labels of shape {names.shape} for {len(features)} examples; give one label "
            "for each example."
        )
    _, inverse, counts = np.unique(names, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise InputError("all examples are of one class; give examples of at least two classes.")
    member = (inverse == np.arange(len(counts))[:, None]).astype(np.float32)
    means = member / counts[:, None].astype(np.float32) @ features.numpy()
    return torch.from_numpy(means), torch.from_numpy(counts)


def learned_classes(gathered: GatheredClasses) -> LearnedTasks:
    """What a metric has seen that learned from these answers, class by class.

    Features of single instances are of length 1, so their variance about a class's mean m is
    1 - |m|^2.
    """
    present = gathered.task_classes[gathered.feature_task]
    rows = present >= 0
    classes, index = torch.unique(present[rows], return_inverse=True)
    sums = torch.zeros(len(classes), gathered.features.shape[2])
    sums.index_add_(0, index, gathered.features[rows])
    means = sums / torch.bincount(index)[:, None]
    return LearnedTasks(means, float((1 - means.square().sum(dim=1)).clamp(min=0).mean()))

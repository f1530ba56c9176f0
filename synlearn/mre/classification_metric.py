"""The metric `d_theta` for classification: a task's and a model's classes, into one space."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synlearn.mre.blocks import TEXT, Blocks
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.distance import Distance, distances
from synlearn.mre.members import MemberLinear
from synlearn.mre.model_transform import Ensembled, ModelTransform, ProjectedModels
from synlearn.mre.task_transform import TaskTransform

_FLOOR = 0.05
"""A number that hardly differs among learning models is divided by this part of its kind's mean
deviation, at least."""


@dataclass(frozen=True, slots=True)
class ClassificationMetricSpec:
    """The shape of a metric for classification.

    Attributes:
        task_features: Width of a class's mean feature.
        model_features: Length of the vector that specifies one class of a model.
        width: Of all that lies between, and of the common space.
        hidden: Width of the hidden layer of the model feature backbone `g_h`.
        members: How many metrics are trained side by side.
        distance: A name in `distance.py`.
        blocks: How the building blocks compute.
        model_blocks: How many numbers of such a vector are of one kind, kind after kind; empty:
            all are of one.
    """

    task_features: int
    model_features: int
    width: int = 64
    hidden: int = 128
    members: int = 4
    distance: Distance = "cosine"
    blocks: Blocks = TEXT
    model_blocks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.model_blocks and sum(self.model_blocks) != self.model_features:
            raise ValueError(f"{self.model_blocks} are not {self.model_features} numbers")


@dataclass(frozen=True, slots=True)
class Measured:
    """Distances of n tasks to m models, and how the models' classes were attended to.

    Attributes:
        distance: (members, n, m), lower is better.
        attention: See `Ensembled`.
    """

    distance: Tensor
    attention: Ensembled


class ClassificationMetric(nn.Module):
    """Task transform, model transform and their distance, for all members at once.

    Inputs are standardised with the statistics of the learning tasks and models, which are part
    of the metric.
    """

    task_mean: Tensor
    task_scale: Tensor
    model_mean: Tensor
    model_scale: Tensor

    def __init__(self, spec: ClassificationMetricSpec, generator: torch.Generator) -> None:
        super().__init__()
        self.spec = spec
        members, width = spec.members, spec.width
        self.task_input = MemberLinear(members, spec.task_features, width, generator)
        self.model_input = nn.Sequential(
            MemberLinear(members, spec.model_features, spec.hidden, generator),
            nn.ReLU(),
            MemberLinear(members, spec.hidden, width, generator),
        )
        self.task_transform = TaskTransform(width, members, spec.blocks, generator)
        self.model_transform = ModelTransform(width, members, spec.blocks, generator)
        self.register_buffer("task_mean", torch.zeros(spec.task_features))
        self.register_buffer("task_scale", torch.ones(()))
        self.register_buffer("model_mean", torch.zeros(spec.model_features))
        self.register_buffer("model_scale", torch.ones(spec.model_features))

    def standardise(self, tasks: ClassSets, models: ClassSets) -> None:
        """Set the input statistics from the classes of the learning tasks and models.

        The numbers that specify a model's class are brought to one deviation each, and those of
        each kind to the same variance in all, so that no kind counts for more by having more.
        """
        rows = tasks.values[tasks.present]
        self.task_mean.copy_(rows.mean(dim=0))
        self.task_scale.copy_(rows.std(dim=0).mean().clamp(min=1e-6))
        rows = models.values[models.present]
        self.model_mean.copy_(rows.mean(dim=0))
        spec, scales = self.spec, []
        kinds = spec.model_blocks or (spec.model_features,)
        for deviation in rows.std(dim=0).split(kinds):
            floor = max(_FLOOR * float(deviation.mean()), 1e-6)  # another model may differ there
            share = len(deviation) * len(kinds) / spec.model_features
            scales.append(deviation.clamp(min=floor) * math.sqrt(share))
        self.model_scale.copy_(torch.cat(scales))

    def project_models(self, models: ClassSets, kept: Tensor | None = None) -> ProjectedModels:
        """Do once for m models what does not depend on the task.

        kept: (members, r, p) factors of the standardised inputs of the r classes that are present:
        dropout, in training.
        """
        rows = (models.values[models.present] - self.model_mean) / self.model_scale
        inputs = rows.expand(self.spec.members, -1, -1) if kept is None else rows * kept
        each = self.model_input(inputs)
        classes = each.new_zeros(*each.shape[:1], *models.present.shape, each.shape[-1])
        classes[:, models.present] = each
        return self.model_transform.project(classes, models.present)

    def measure(self, tasks: ClassSets, models: ProjectedModels) -> Measured:
        """Distance of n tasks to m projected models."""
        embedding, ensembled = self._embedded(tasks, models)
        distance = distances(embedding[:, :, None], ensembled.embedding, self.spec.distance)
        return Measured(distance.squeeze(2), ensembled)

    def embedded(self, task: ClassSets, models: ProjectedModels) -> tuple[Tensor, Tensor]:
        """One task and m models in the common space: (members, width) and (members, m, width)."""
        embedding, ensembled = self._embedded(task, models)
        return embedding[:, 0], ensembled.embedding[:, 0]

    def _embedded(self, tasks: ClassSets, models: ProjectedModels) -> tuple[Tensor, Ensembled]:
        inputs = (tasks.values - self.task_mean) / self.task_scale
        classes = self.task_input(inputs.expand(self.spec.members, -1, -1, -1))
        each, embedding = self.task_transform.forward(classes, tasks.present)
        return embedding, self.model_transform.forward(each, tasks.present, models)

    def forward(self, tasks: ClassSets, models: ClassSets, kept: Tensor | None = None) -> Measured:
        """Distance of n tasks to m models; `kept` as in `project_models`."""
        return self.measure(tasks, self.project_models(models, kept))

"""The metric `d_theta` for classification: a task's and a model's classes, into one space."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synlearn.mre.blocks import TEXT, Blocks
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.distance import Distance, distances
from synlearn.mre.members import MemberLinear
from synlearn.mre.model_transform import Ensembled, ModelTransform, ProjectedModels
from synlearn.mre.task_transform import TaskTransform


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
    """

    task_features: int
    model_features: int
    width: int = 64
    hidden: int = 128
    members: int = 4
    distance: Distance = "cosine"
    blocks: Blocks = TEXT


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
        for side, inputs in (("task", spec.task_features), ("model", spec.model_features)):
            self.register_buffer(f"{side}_mean", torch.zeros(inputs))
            self.register_buffer(f"{side}_scale", torch.ones(()))

    def standardise(self, tasks: ClassSets, models: ClassSets) -> None:
        """Set the input statistics from the classes of the learning tasks and models."""
        for side, sets in (("task", tasks), ("model", models)):
            rows = sets.values[sets.present]
            getattr(self, f"{side}_mean").copy_(rows.mean(dim=0))
            getattr(self, f"{side}_scale").copy_(rows.std(dim=0).mean().clamp(min=1e-6))

    def project_models(self, models: ClassSets) -> ProjectedModels:
        """Do once for m models what does not depend on the task."""
        inputs = (models.values - self.model_mean) / self.model_scale
        classes = self.model_input(inputs.expand(self.spec.members, -1, -1, -1))
        return self.model_transform.project(classes, models.present)

    def measure(self, tasks: ClassSets, models: ProjectedModels) -> Measured:
        """Distance of n tasks to m projected models."""
        inputs = (tasks.values - self.task_mean) / self.task_scale
        classes = self.task_input(inputs.expand(self.spec.members, -1, -1, -1))
        each, embedding = self.task_transform.forward(classes, tasks.present)
        ensembled = self.model_transform.forward(each, tasks.present, models)
        distance = distances(embedding[:, :, None], ensembled.embedding, self.spec.distance)
        return Measured(distance.squeeze(2), ensembled)

    def forward(self, tasks: ClassSets, models: ClassSets) -> Measured:
        """Distance of n tasks to m models."""
        return self.measure(tasks, self.project_models(models))

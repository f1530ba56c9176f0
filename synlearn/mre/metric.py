"""The metric `d_theta`: a task's mean feature and a model's specification, into one space.

Several members with different starting weights are trained side by side; their mean is the score
and their spread says how sure it is. Every parameter has a leading axis of members, so that all
are one batched computation.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synlearn.mre.distance import Distance, distances
from synlearn.mre.members import MemberLinear


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """The shape of a metric.

    Attributes:
        task_features: Width of a task's mean feature.
        model_features: Length of a model specification.
        hidden: Width of the hidden layers.
        embedding: Width of the common space.
        members: How many metrics are trained side by side.
        distance: A name in `distance.py`; the authors' code for dSprites has "half_squared_l2".
    """

    task_features: int
    model_features: int
    hidden: int = 256
    embedding: int = 64
    members: int = 5
    distance: Distance = "half_squared_l2"


class Metric(nn.Module):
    """Task transform, model transform and their distance, for all members at once.

    Inputs are standardised with the statistics of the learning tasks and models, which are part
    of the metric.
    """

    task_mean: Tensor
    task_scale: Tensor
    model_mean: Tensor
    model_scale: Tensor

    def __init__(self, spec: MetricSpec, generator: torch.Generator) -> None:
        super().__init__()
        self.spec = spec

        def transform(inputs: int) -> nn.Sequential:
            return nn.Sequential(
                MemberLinear(spec.members, inputs, spec.hidden, generator),
                nn.ReLU(),
                MemberLinear(spec.members, spec.hidden, spec.embedding, generator),
            )

        self.task_transform = transform(spec.task_features)
        self.model_transform = transform(spec.model_features)
        for side, width in (("task", spec.task_features), ("model", spec.model_features)):
            self.register_buffer(f"{side}_mean", torch.zeros(width))
            self.register_buffer(f"{side}_scale", torch.ones(width))

    def standardise(self, tasks: Tensor, models: Tensor) -> None:
        """Set the input statistics from the learning tasks (n, f) and models (m, p)."""
        self.task_mean.copy_(tasks.mean(dim=0))
        self.task_scale.copy_(tasks.std(dim=0).mean().clamp(min=1e-6).expand(tasks.shape[1]))
        self.model_mean.copy_(models.mean(dim=0))
        self.model_scale.copy_(models.std(dim=0).mean().clamp(min=1e-6).expand(models.shape[1]))

    def embed_tasks(self, features: Tensor) -> Tensor:
        """phi_mu in the paper: (n, task_features) to (members, n, embedding)."""
        inputs = (features - self.task_mean) / self.task_scale
        embedded: Tensor = self.task_transform(inputs.expand(self.spec.members, -1, -1))
        return embedded

    def embed_models(self, specifications: Tensor) -> Tensor:
        """phi_h in the paper: (m, model_features) to (members, m, embedding)."""
        inputs = (specifications - self.model_mean) / self.model_scale
        embedded: Tensor = self.model_transform(inputs.expand(self.spec.members, -1, -1))
        return embedded

    def forward(self, features: Tensor, specifications: Tensor) -> Tensor:
        """Distance of every task to every model, (members, n, m); lower is better."""
        return distances(
            self.embed_tasks(features), self.embed_models(specifications), self.spec.distance
        )

"""Metric learning: Algorithm 1, line 11.

Every draw is keyed by (seed, round), so that a round that is run again after an interruption
does exactly what it would have done.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synlearn.mre.losses import Pairs, triplet_loss
from synlearn.mre.metric import Metric

Float64 = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Gathered:
    """Everything the providers have answered so far.

    Attributes:
        sums: (tasks, models) float64, summed validation errors.
        counts: (tasks, models) float64, what they were summed over; 0 where nothing is known.
        features: (n, f) float32, mean feature of each target dataset.
        feature_task: (n,) int64, which task each belongs to.
    """

    def __init__(self, tasks: int, models: int, width: int) -> None:
        self.sums = torch.zeros(tasks, models, dtype=torch.float64)
        self.counts = torch.zeros(tasks, models, dtype=torch.float64)
        self.features = torch.zeros(0, width)
        self.feature_task = torch.zeros(0, dtype=torch.int64)

    def add_validation(
        self, tasks: Indices, models: Indices, sums: Float64, counts: Float64
    ) -> None:
        """Add sums (t, m) and counts (t,) for the given tasks and models."""
        cells = torch.from_numpy(tasks)[:, None], torch.from_numpy(models)[None, :]
        self.sums[cells] += torch.tensor(sums)
        self.counts[cells] += torch.tensor(counts)[:, None]

    def add_features(self, task: int, means: npt.NDArray[np.float32]) -> None:
        """Add target datasets, (draws, f), of one task."""
        self.features = torch.cat([self.features, torch.tensor(means)])
        self.feature_task = torch.cat([self.feature_task, torch.full((len(means),), task)])

    def mean_features(self) -> Tensor:
        """Mean over all target datasets of each task that has any, (tasks, f), by task."""
        rows_of = _rows_by_task(self.feature_task)
        return torch.stack([self.features[rows_of[task]].mean(dim=0) for task in sorted(rows_of)])

    def instance_variance(self, k: int) -> float:
        """Variance of one instance's feature about its task's mean, summed over the dimensions.

        Estimated from means over `k` instances: the variance between a task's target datasets,
        times k. Where no task has two, 1, the most that features of unit length can have.
        """
        rows_of = _rows_by_task(self.feature_task)
        parts = [self.features[rows] for rows in rows_of.values() if len(rows) > 1]
        if not parts:
            return 1.0
        return k * float(torch.stack([part.var(dim=0).sum() for part in parts]).mean())

    def v_star(self) -> Tensor:
        """Estimated true reusability, (tasks, models) float64; NaN where nothing is known."""
        return self.sums / torch.where(self.counts > 0, self.counts, torch.nan)


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """How the metric is updated.

    Attributes:
        updates: Gradient steps in a round.
        total_updates: Gradient steps in all rounds; the learning rate falls to 0 over them, along
            a half cosine.
        batch_tasks: Target datasets in one step, of different tasks.
        batch_models: Models in one step.
        margin: Of the triplet loss.
        pairs: See `triplet_loss`.
        learning_rate: Of Adam, at the start.
    """

    updates: int
    total_updates: int
    batch_tasks: int
    batch_models: int
    margin: float
    pairs: Pairs
    learning_rate: float


class MetricLearner:
    """The metric and its optimiser."""

    def __init__(self, metric: Metric, weight_decay: float) -> None:
        self.metric = metric
        self.optimiser = torch.optim.AdamW(metric.parameters(), weight_decay=weight_decay)
        self.done = 0

    def update(
        self,
        gathered: Gathered,
        specifications: Tensor,
        plan: UpdatePlan,
        random: np.random.Generator,
    ) -> float:
        """Take one round's gradient steps on minibatches of all that was gathered.

        Args:
            gathered: Answers of this and all earlier rounds.
            specifications: (models, p).
            plan: Sizes and rates.
            random: Source of the minibatches.

        Returns:
            Mean loss of a member over the round's steps.
        """
        rows_of = _rows_by_task(gathered.feature_task)
        tasks = np.array(sorted(rows_of), np.int64)
        if self.done == 0:
            self.metric.standardise(gathered.features, specifications)
        v_star = gathered.v_star()
        total = 0.0
        for _ in range(plan.updates):
            chosen = random.choice(tasks, min(plan.batch_tasks, len(tasks)), replace=False)
            rows = np.array([random.choice(rows_of[int(task)]) for task in chosen])
            models = random.choice(
                len(specifications), min(plan.batch_models, len(specifications)), replace=False
            )
            distance = self.metric(gathered.features[rows], specifications[models])
            losses = triplet_loss(distance, v_star[chosen][:, models], plan.margin, plan.pairs)
            self._step(losses.sum(), plan)
            total += float(losses.detach().mean())
        return total / plan.updates

    def _step(self, loss: Tensor, plan: UpdatePlan) -> None:
        share = self.done / plan.total_updates
        for group in self.optimiser.param_groups:
            group["lr"] = plan.learning_rate * (1 + np.cos(np.pi * share)) / 2
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.done += 1


def _rows_by_task(feature_task: Tensor) -> dict[int, Indices]:
    order = torch.argsort(feature_task, stable=True)
    tasks, counts = torch.unique_consecutive(feature_task[order], return_counts=True)
    parts = torch.split(order, counts.tolist())
    return {int(task): part.numpy() for task, part in zip(tasks, parts, strict=True)}

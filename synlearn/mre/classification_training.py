"""Learning the metric for classification: Algorithm 1, line 11, with attention supervision."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.supervision import AttentionRule, attention_labels, attention_loss
from synlearn.mre.triplets import Normalisation, Pairs, choose_triplets, metric_loss

Precision = Literal["float32", "bfloat16", "float16"]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GatheredClasses:
    """Everything the providers have answered, for t tasks and m models.

    Attributes:
        v_star: (levels, t, m) float64, true reusability, lower is better; NaN where it is not
            known. Levels are numbers of examples that it was validated for; there may be one only.
        responses: (classes of data, m, c) float32, p(z | y): mean output probabilities, or shares
            of hard predictions, of each model for each class of data; 0 for absent classes of a
            model, NaN where nothing is known.
        task_classes: (t, l) int64, the classes of data in each task, -1 for padding at the end.
        features: (n, l, f) float32, mean feature of each class in each target dataset.
        feature_task: (n,) int64, rising: which task each target dataset is of.
        feature_level: (n,) int64, the level that its number of examples is nearest to.
    """

    v_star: Tensor
    responses: Tensor
    task_classes: Tensor
    features: Tensor
    feature_task: Tensor
    feature_level: Tensor

    def target_datasets(self, rows: Indices) -> ClassSets:
        """Return these target datasets as class sets."""
        index = torch.from_numpy(rows)
        return ClassSets(self.features[index], self.task_classes[self.feature_task[index]] >= 0)

    def responses_of(self, tasks: Indices, models: Indices) -> Tensor:
        """p(z | y) of these models for these tasks' classes, (models, tasks, l, c)."""
        classes = self.task_classes[torch.from_numpy(tasks)]
        # At once: else all models are copied for each task.
        chosen = self.responses[classes.clamp(min=0)[:, :, None], torch.from_numpy(models)]
        return torch.where(classes[:, :, None, None] >= 0, chosen, 0).permute(2, 0, 1, 3)


@dataclass(frozen=True, slots=True)
class LearningPlan:
    """How the metric is updated.

    Attributes:
        total_updates: Gradient steps in all; the learning rate falls to 0 over them, along a half
            cosine.
        batch_tasks: Target datasets in one step, of different tasks.
        batch_models: Models in one step.
        margin: gamma of the triplet loss.
        pairs: See `choose_triplets`.
        keep_triplets: Most triplets in one step.
        normalisation: See `metric_loss`.
        attention_weight: w_att of equation 3.
        attention_rule: When attention is to be paid.
        learning_rate: Of Adam, at the start.
        dropout: Part of the numbers that specify a model's class that a step leaves out.
    """

    total_updates: int
    batch_tasks: int = 16
    batch_models: int = 48
    margin: float = 0.5
    pairs: Pairs = "within"
    keep_triplets: int = 100_000
    normalisation: Normalisation = "kept"
    attention_weight: float = 1.0
    attention_rule: AttentionRule = field(default_factory=AttentionRule)
    learning_rate: float = 1e-3
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class StepLoss:
    """What one update minimised, averaged over members: L_metric and L_att."""

    metric: float
    attention: float


class ClassificationLearner:
    """The metric, its optimiser, and the scale of its losses in half precision.

    Args:
        metric: What learns; moved to `device`.
        weight_decay: Of AdamW.
        device: Where it learns.
        precision: Of the products in a forward pass, under autocast; parameters and losses are
            float32. float16, for cards without bfloat16, scales the loss.
    """

    def __init__(
        self,
        metric: ClassificationMetric,
        weight_decay: float,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self.metric = metric.to(device)
        self.optimiser = torch.optim.AdamW(self.metric.parameters(), weight_decay=weight_decay)
        self.scaler = torch.amp.GradScaler(device, enabled=precision == "float16")
        self.device, self.precision = device, precision
        self.done = 0

    def update(
        self,
        gathered: GatheredClasses,
        models: ClassSets,
        plan: LearningPlan,
        updates: int,
        random: np.random.Generator,
    ) -> StepLoss:
        """Take gradient steps on minibatches of all that was gathered; return the mean loss.

        Args:
            gathered: Answers of this and all earlier rounds.
            models: Specifications of the m models.
            plan: Sizes and rates.
            updates: How many steps.
            random: Source of the minibatches.
        """
        if self.done == 0:
            everything = np.arange(len(gathered.features))
            self.metric.standardise(gathered.target_datasets(everything), models)
        drawer = _Drawer(gathered, len(models), plan, random)
        self.metric.train()
        sums = np.zeros(2)
        for _ in range(updates):
            self._set_rate(plan)
            sums += self._step(gathered, models, plan, drawer.draw(), random)
        self.metric.eval()
        metric, attention = (sums / max(updates, 1)).tolist()
        return StepLoss(metric, attention)

    def _step(
        self,
        gathered: GatheredClasses,
        models: ClassSets,
        plan: LearningPlan,
        drawn: tuple[Indices, Indices],
        random: np.random.Generator,
    ) -> npt.NDArray[np.float64]:
        rows, chosen = drawn
        tasks = gathered.feature_task[torch.from_numpy(rows)].numpy()
        datasets, subset = gathered.target_datasets(rows), models.select(chosen)
        responses = gathered.responses_of(tasks, chosen)
        known = datasets.present[None, :, :, None] & subset.present[:, None, None, :]
        known = known & ~responses.isnan()
        labels = attention_labels(responses.nan_to_num(), plan.attention_rule)
        level = gathered.feature_level[torch.from_numpy(rows)]
        v_star = gathered.v_star[
            level[:, None], torch.from_numpy(tasks)[:, None], torch.from_numpy(chosen)
        ]
        triplets = choose_triplets(v_star, plan.pairs, keep=plan.keep_triplets, random=random)
        dtype = getattr(torch, self.precision)
        with torch.autocast(self.device, dtype, enabled=self.precision != "float32"):
            measured = self.metric.forward(
                datasets.to(self.device), subset.to(self.device), self._kept(subset, plan, random)
            )
        metric = metric_loss(measured.distance.float(), triplets, plan.margin, plan.normalisation)
        attention = attention_loss(
            measured.attention,
            labels.to(self.device),
            known.to(self.device),
            self.metric.spec.blocks,
        )
        self.optimiser.zero_grad()
        self.scaler.scale((metric + plan.attention_weight * attention).sum()).backward()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.done += 1
        return np.array([float(metric.detach().mean()), float(attention.detach().mean())])

    def _kept(
        self, models: ClassSets, plan: LearningPlan, random: np.random.Generator
    ) -> Tensor | None:
        """Zeros for what this step leaves out of each member's inputs; from `random` alone."""
        if not plan.dropout:
            return None
        shape = (self.metric.spec.members, int(models.present.sum()), models.values.shape[2])
        kept = random.random(shape, dtype=np.float32) >= plan.dropout
        return torch.from_numpy(kept).to(self.device) / (1 - plan.dropout)

    def _set_rate(self, plan: LearningPlan) -> None:
        share = self.done / plan.total_updates
        for group in self.optimiser.param_groups:
            group["lr"] = plan.learning_rate * (1 + np.cos(np.pi * share)) / 2


class _Drawer:
    """Draws minibatches: different tasks, one target dataset of each, and different models."""

    def __init__(
        self,
        gathered: GatheredClasses,
        models: int,
        plan: LearningPlan,
        random: np.random.Generator,
    ) -> None:
        _, self._first, self._count = np.unique(
            gathered.feature_task.numpy(), return_index=True, return_counts=True
        )
        self._models, self._plan, self._random = models, plan, random

    def draw(self) -> tuple[Indices, Indices]:
        """Rows of target datasets, and models."""
        tasks = self._random.choice(
            len(self._first), min(self._plan.batch_tasks, len(self._first)), replace=False
        )
        within = self._random.integers(self._count[tasks])
        models = self._random.choice(
            self._models, min(self._plan.batch_models, self._models), replace=False
        )
        return self._first[tasks] + within, models

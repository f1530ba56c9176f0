"""What each part of the method is worth: the metric trained again without it, on the mixed zoo.

All trainings share one run's answers (tasks, true reusability, the models' outputs) and its
pre-trained backbone. What a training changes is its `Ablation`; what a seed changes is the metric's
first weights, its minibatches, the target datasets and the models or tasks left out. Test tasks
are only ever measured on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.evaluation.experiments.mixed_ablation_kinds import Ablation
from synlearn.evaluation.rank_correlation import kendall_tau
from synlearn.mre.backbone import Backbone
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_scores import mean_scores
from synlearn.mre.classification_training import (
    ClassificationLearner,
    GatheredClasses,
    LearningPlan,
)
from synlearn.mre.levels import draw_instances, nearest_level
from synlearn.zoo.feature_cache import planes

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Indices = NDArray[np.int64]

_IMAGES_AT_ONCE = 256
_TARGETS, _SUBSET, _UPDATES = 0, 1, 2  # keep one seed's draws apart


@dataclass(frozen=True, slots=True)
class LearningSide:
    """What one run gathered, and the images that its target datasets are drawn from.

    Attributes:
        tasks: (t, w) positions of classes of data.
        score: (levels, t, m) true reusability, higher is better; NaN where it is not known.
        levels: Numbers of examples that it is for; one where it is not told apart.
        responses: (c, m, z) float32 p(z | y); see `GatheredClasses`.
        pictures: (n, 32, 32, 3) uint8.
        labels: (n,) positions of classes.
        models: Specifications of the m models.
        backbone: The run's.
    """

    tasks: Indices
    score: Float64
    levels: tuple[int, ...]
    responses: Float32
    pictures: NDArray[np.uint8]
    labels: Indices
    models: ClassSets
    backbone: Backbone


@dataclass(frozen=True, slots=True)
class RankingSide:
    """What every trained metric is measured on.

    Attributes:
        pictures: (n, 32, 32, 3) uint8.
        examples: By K: (draws, t, w, K) rows of `pictures`.
        truth: By K: (t, m), higher is better.
        models: Specifications of the m models.
    """

    pictures: NDArray[np.uint8]
    examples: Mapping[int, Indices]
    truth: Mapping[int, Float64]
    models: ClassSets


@dataclass(frozen=True, slots=True)
class Training:
    """The run's settings of metric learning.

    Attributes:
        spec: Of the metric.
        plan: Of its updates.
        weight_decay: Of its optimiser.
        ks: Least and most images of each class in a target dataset.
        draws: Target datasets of each task.
    """

    spec: ClassificationMetricSpec
    plan: LearningPlan
    weight_decay: float
    ks: tuple[int, int]
    draws: int


class Ablations:
    """Trains, and measures; features are computed once for each backbone."""

    def __init__(self, learning: LearningSide, test: RankingSide, training: Training) -> None:
        self._learning, self._test, self._training = learning, test, training
        self._features: dict[tuple[bool, int], tuple[Float32, Float32]] = {}

    def train(self, ablation: Ablation, seed: int) -> ClassificationMetric:
        """Return a metric that learned so.

        Raises:
            InputError: It wants more models, tasks or images of a class than there are.
        """
        plan = replace(self._training.plan, pairs=ablation.pairs)
        if not ablation.attention:
            plan = replace(plan, attention_weight=0.0)
        generator = torch.Generator().manual_seed(seed)
        metric = ClassificationMetric(self._training.spec, generator)
        learner = ClassificationLearner(metric, self._training.weight_decay)
        gathered, models = self._gathered(ablation, seed)
        random = np.random.default_rng([seed, _UPDATES])
        learner.update(gathered, models, plan, plan.total_updates, random)
        return learner.metric

    def taus(
        self, metric: ClassificationMetric, ablation: Ablation, seed: int
    ) -> dict[int, Float64]:
        """Return Kendall's tau of every test task, (t,), by K; a mean over draws of examples."""
        _, features = self.features(ablation, seed)
        with torch.inference_mode():
            models = metric.project_models(self._test.models)
        found = {}
        for k, rows in self._test.examples.items():
            each = np.empty(rows.shape[:2])
            for draw, own in enumerate(rows):
                means = torch.from_numpy(features[own].mean(axis=2))
                scores = mean_scores(metric, means, models)
                each[draw] = [
                    kendall_tau(one, true)
                    for one, true in zip(scores, self._test.truth[k], strict=True)
                ]
            found[k] = each.mean(axis=0)
        return found

    def features(self, ablation: Ablation, seed: int) -> tuple[Float32, Float32]:
        """Return features of the learning and the test pictures, (n, f) each."""
        key = (ablation.pretrained, 0 if ablation.pretrained else seed)
        if key not in self._features:
            backbone = self._learning.backbone
            if not ablation.pretrained:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed)
                    backbone = Backbone(backbone.spec)
            self._features[key] = (
                features_of(backbone, self._learning.pictures),
                features_of(backbone, self._test.pictures),
            )
        return self._features[key]

    def _gathered(self, ablation: Ablation, seed: int) -> tuple[GatheredClasses, ClassSets]:
        learning = self._learning
        random = np.random.default_rng([seed, _SUBSET])
        # Always both, tasks first: smaller subsets of one seed then lie within larger ones.
        tasks = np.sort(_some(random, len(learning.tasks), ablation.tasks, "tasks"))
        models = np.sort(_some(random, len(learning.models), ablation.models, "models"))
        targets = self._targets(learning.tasks[tasks], ablation, seed)
        return (
            GatheredClasses(
                v_star=torch.from_numpy(-learning.score[:, tasks[:, None], models]),
                responses=torch.from_numpy(learning.responses[:, models]),
                task_classes=torch.from_numpy(learning.tasks[tasks]),
                features=torch.from_numpy(targets.features),
                feature_task=torch.from_numpy(targets.task),
                feature_level=torch.from_numpy(nearest_level(targets.k, learning.levels)),
            ),
            learning.models.select(models),
        )

    def _targets(self, tasks: Indices, ablation: Ablation, seed: int) -> "_Targets":
        """Means of K images of each class, of several target datasets of each task."""
        random = np.random.default_rng([seed, _TARGETS])
        features, _ = self.features(ablation, seed)
        rows = {
            int(label): np.flatnonzero(self._learning.labels == label) for label in set(tasks.flat)
        }
        least, most = (ablation.k, ablation.k) if ablation.k else self._training.ks
        if most > min(map(len, rows.values())):
            raise InputError(
                f"a class has {min(map(len, rows.values()))} images, but K is up to {most}; use a "
                "smaller K."
            )
        index = np.repeat(np.arange(len(tasks)), self._training.draws)
        instances = draw_instances(least, most, len(index), random)
        found = np.empty((len(index), tasks.shape[1], features.shape[1]), np.float32)
        for row, (task, k) in enumerate(zip(index, instances, strict=True)):
            for place, label in enumerate(tasks[task].tolist()):
                own = random.choice(rows[label], k, replace=False)
                found[row, place] = features[own].mean(axis=0)
        return _Targets(found, index, instances)


@dataclass(frozen=True, slots=True)
class _Targets:
    """features: (n, w, f); task: (n,) index of the task of each, rising; k: (n,) instances."""

    features: Float32
    task: Indices
    k: Indices


def features_of(backbone: Backbone, pictures: NDArray[np.uint8]) -> Float32:
    """Return what a backbone says of pictures, (n, f)."""
    backbone.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(pictures), _IMAGES_AT_ONCE):
            part = planes(pictures[start : start + _IMAGES_AT_ONCE])
            parts.append(backbone(torch.from_numpy(part)).numpy())
    return np.concatenate(parts)


def _some(random: np.random.Generator, count: int, wanted: int | None, what: str) -> Indices:
    order = random.permutation(count)
    if wanted is not None and wanted > count:
        raise InputError(f"{wanted} learning {what} are wanted, but there are {count}; use fewer.")
    return order[:wanted]

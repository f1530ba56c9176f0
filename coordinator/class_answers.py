"""All that providers have answered in a job of grouped closures, over all rounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from coordinator.holdings import Counts
from coordinator.named_tensors import Tensors, prefixed, unprefixed
from coordinator.output_sums import OutputSums
from protocols.ids import ProviderId
from synlearn.mre.classification_training import GatheredClasses

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]


@dataclass(slots=True)
class ClassAnswers:
    """For k classes of data, m models, and t tasks so far.

    Attributes:
        outputs: What the models say about each class.
        tasks: (t, w) int64 positions of classes.
        score: (levels, t, m) float64, v_valid, higher is better; NaN where it was not asked for.
        features: (n, w, f) float32, mean feature of each class in each target dataset.
        feature_task: (n,) int64, rising: which task each target dataset is of.
        feature_level: (n,) int64, the level of v_valid that is nearest to its number of examples.
    """

    outputs: OutputSums
    tasks: Counts
    score: Float64
    features: Float32
    feature_task: Counts
    feature_level: Counts

    @classmethod
    def none(
        cls, *, classes: int, models: int, outputs: int, ways: int, width: int, levels: int
    ) -> Self:
        """What there is before the first answer.

        Args:
            classes: k.
            models: m.
            outputs: z, the largest number of classes of a model.
            ways: w.
            width: f.
            levels: Numbers of examples that v_valid is measured for, or 1.
        """
        return cls(
            outputs=OutputSums(classes, models, outputs),
            tasks=np.empty((0, ways), np.int64),
            score=np.empty((levels, 0, models)),
            features=np.empty((0, ways, width), np.float32),
            feature_task=np.empty(0, np.int64),
            feature_level=np.empty(0, np.int64),
        )

    def add_tasks(self, tasks: Counts, models: Counts, score: Float64) -> None:
        """Append tasks, (t', w), and the scores of some models for them, (levels, t', models)."""
        rows = np.full((len(self.score), len(tasks), self.score.shape[2]), np.nan)
        rows[:, :, models] = score
        self.tasks = np.concatenate([self.tasks, tasks])
        self.score = np.concatenate([self.score, rows], axis=1)

    def add_target_datasets(self, task: Counts, level: Counts, features: Float64) -> None:
        """Append target datasets, (n', w, f), of these tasks, (n',), rising, and levels, (n',)."""
        self.features = np.concatenate([self.features, features.astype(np.float32)])
        self.feature_task = np.concatenate([self.feature_task, task])
        self.feature_level = np.concatenate([self.feature_level, level])

    def gathered(self, labels: str, providers: Iterable[ProviderId]) -> GatheredClasses:
        """What the metric learns from.

        Args:
            labels: Whether p(z | y) is a mean probability, "soft", or a share of hard predictions,
                "hard".
            providers: Whose rows p(z | y) is taken from.
        """
        outputs = self.outputs.total(providers)
        sums = outputs.soft if labels == "soft" else outputs.hard.astype(np.float64)
        mass = outputs.hard.sum(axis=2, keepdims=True)
        share = np.divide(sums, mass, out=np.full_like(sums, np.nan), where=mass > 0)
        return GatheredClasses(
            v_star=torch.from_numpy(-self.score),
            responses=torch.from_numpy(share.astype(np.float32)),
            task_classes=torch.from_numpy(self.tasks),
            features=torch.from_numpy(self.features),
            feature_task=torch.from_numpy(self.feature_task),
            feature_level=torch.from_numpy(self.feature_level),
        )

    def tensors(self) -> Tensors:
        """As named tensors; `restore` takes them back."""
        arrays = {name: torch.from_numpy(getattr(self, name)) for name in self.__slots__[1:]}
        return arrays | prefixed("outputs.", self.outputs.tensors())

    def restore(self, tensors: Tensors) -> None:
        """Become what `tensors` was called on."""
        self.outputs.restore(unprefixed("outputs.", tensors))
        for name in self.__slots__[1:]:
            found = tensors[name].numpy()
            now: npt.NDArray[np.generic] = getattr(self, name)
            if found.dtype != now.dtype or found.ndim != now.ndim:
                raise ValueError(f"'{name}' is {found.dtype} of shape {found.shape}")
            setattr(self, name, found)

"""Trains many small classifiers at once, each on its own images and classes.

As in `training.py` all models of a stack take their steps together and never influence each other.
Their numbers of classes differ: the heads of a stack are as wide as the widest allowed, what lies
beyond a model's own classes gets no probability, and is cut off when it is trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synlearn.datasets.stable_draw import stable_uniform
from synlearn.zoo.architectures import Architecture
from synlearn.zoo.stacked import StackedModels, forward_own
from synlearn.zoo.training import initial_stack

OPTIMISER: Final = "Adam, one-cycle learning rate"
BATCH: Final = 32
LEARNING_RATE: Final = 3e-3
SHIFT: Final = 3
"""Pixels that images are shifted by at most."""
_WARM_UP: Final = 0.2
_NO_CLASS: Final = -1e9


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What one classifier is trained on.

    Attributes:
        model: Its id; initial weights and the order of images depend on it.
        pictures: (n, side, side, 3) uint8.
        labels: (n,) int64, in [0, classes).
        classes: How many classes it has.
        shift: Whether images are shifted by up to 3 pixels, each batch alike.
        flip: Whether every second image, by chance, is mirrored.
    """

    model: str
    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: int
    shift: bool
    flip: bool


@dataclass(frozen=True, slots=True)
class TrainedClassifiers:
    """Trained models, with heads as wide as the widest; `losses` (m,) is the last mean loss."""

    models: StackedModels
    losses: NDArray[np.float64]


def train_classifiers(
    sets: Sequence[TrainingSet], architecture: Architecture, *, steps: int, seed: int
) -> TrainedClassifiers:
    """Train one classifier for each set; `architecture` has outputs for the most classes."""
    stack = initial_stack([own.model for own in sets], architecture, seed)
    for tensor in stack.values():
        tensor.requires_grad_()
    batches = [_Batches(own, steps, seed) for own in sets]
    beyond = torch.zeros(len(sets), 1, architecture.outputs)
    for row, own in enumerate(sets):
        beyond[row, :, own.classes :] = _NO_CLASS
    optimiser = torch.optim.Adam(stack.values(), lr=LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=steps, pct_start=_WARM_UP
    )
    recent = torch.zeros(len(sets), dtype=torch.float64)
    last = max(1, steps // 10)
    for step in range(steps):
        images, labels = zip(*(own.at(step) for own in batches), strict=True)
        logits = forward_own(architecture, stack, torch.stack(images)) + beyond
        losses = functional.cross_entropy(
            logits.flatten(0, 1), torch.stack(labels).flatten(), reduction="none"
        )
        each = losses.reshape(len(sets), BATCH).mean(dim=1)
        optimiser.zero_grad(set_to_none=True)
        each.sum().backward()
        optimiser.step()
        schedule.step()
        if step >= steps - last:
            recent += each.detach().double() / last
    frozen = {name: tensor.detach() for name, tensor in stack.items()}
    models = StackedModels(tuple(own.model for own in sets), architecture, frozen)
    return TrainedClassifiers(models, recent.numpy())


class _Batches:
    """The batches of one classifier: images drawn with replacement."""

    def __init__(self, own: TrainingSet, steps: int, seed: int) -> None:
        planes = torch.from_numpy(np.ascontiguousarray(own.pictures.transpose(0, 3, 1, 2)))
        count = len(planes)
        if own.flip:
            planes = torch.cat([planes, planes.flip(-1)])
        self._side = planes.shape[-1]
        self._planes = functional.pad(planes, (SHIFT,) * 4) if own.shift else planes
        self._labels = torch.from_numpy(own.labels)
        where = f"synlearn/zoo/classifier-batches/v1/seed={seed}/{own.model}"
        draws = stable_uniform(f"{where}/images", steps * BATCH).reshape(steps, BATCH)
        self._rows = torch.from_numpy((draws * len(planes)).astype(np.int64))
        self._count = count
        corners = stable_uniform(f"{where}/shifts", 2 * steps).reshape(steps, 2)
        self._corners = (corners * (2 * SHIFT + 1)).astype(int).tolist() if own.shift else None

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return images (32, 3, side, side) float32 in [0, 1], and labels (32,)."""
        rows = self._rows[step]
        images = self._planes[rows]
        if self._corners is not None:
            top, left = self._corners[step]
            images = images[:, :, top : top + self._side, left : left + self._side]
        return images.to(torch.float32) / 255, self._labels[rows % self._count]

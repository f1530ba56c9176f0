"""Trains many small regression models at once, each on its own images.

All models of a stack take their steps together: one forward and one backward pass and one
optimiser. The loss is the sum over models, so that the gradient of each is what it would be alone;
Adam is element-wise, so the models never influence each other. What a model becomes depends on its
name, its data and the plan; not on which models happen to be trained beside it (up to the rounding
of sums, which a library may order differently for other stack sizes).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synlearn.datasets.stable_draw import stable_order, stable_uniform
from synlearn.zoo.architectures import Architecture
from synlearn.zoo.stacked import StackedModels, forward_own

OPTIMISER: Final = "Adam, one-cycle learning rate"
_WARM_UP: Final = 0.2


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How models are trained; the same for each of them.

    seed: behind initial weights and the order of instances. learning_rate: the cycle's highest.
    """

    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainedStack:
    """Trained models, with the mean squared error of each on its training set, (M,) float64."""

    models: StackedModels
    losses: NDArray[np.float64]


def ignore_epochs(done: int) -> None:
    """Take no notice of how many epochs are done."""


def train_stack(
    ids: Sequence[str],
    architecture: Architecture,
    images: NDArray[np.uint8],
    targets: NDArray[np.floating],
    *,
    plan: TrainingPlan,
    on_epoch: Callable[[int], None] = ignore_epochs,
) -> TrainedStack:
    """Train one model for each id by regression of its targets on its images.

    images: (M, n, height, width) uint8, used as they are (0 and 1). targets: (M, n, outputs).
    on_epoch: called with the number of finished epochs after each.
    """
    stack = initial_stack(ids, architecture, plan.seed)
    for tensor in stack.values():
        tensor.requires_grad_()
    inputs = torch.from_numpy(images).unsqueeze(2)
    wanted = torch.from_numpy(np.asarray(targets, dtype=np.float32))
    instances = images.shape[1]
    steps = plan.epochs * ceil(instances / plan.batch_size)
    optimiser = torch.optim.Adam(stack.values(), lr=plan.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=steps, pct_start=_WARM_UP
    )
    for epoch in range(plan.epochs):
        order = torch.from_numpy(
            stable_order(f"synlearn/zoo/batches/v1/seed={plan.seed}/epoch={epoch}", instances)
        )
        for rows in order.split(plan.batch_size):
            batch = inputs[:, rows].to(torch.float32)
            error = forward_own(architecture, stack, batch) - wanted[:, rows]
            loss = error.square().mean(dim=(1, 2)).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
        on_epoch(epoch + 1)
    frozen = {name: tensor.detach() for name, tensor in stack.items()}
    models = StackedModels(tuple(ids), architecture, frozen)
    return TrainedStack(models, _losses(models, inputs, wanted, plan.batch_size))


def initial_stack(ids: Sequence[str], architecture: Architecture, seed: int) -> dict[str, Tensor]:
    """Return untrained tensors, each drawn from the stable stream named after seed, id and tensor.

    Weights are uniform in +-sqrt(3 / fan-in) (variance 1 / fan-in), biases in +-sqrt(1 / fan-in).
    """
    shapes = architecture.tensor_shapes()
    stack: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        fan_in = prod(shapes[name.replace(".bias", ".weight")][1:])
        bound = sqrt((1 if name.endswith(".bias") else 3) / fan_in)
        draws = [
            stable_uniform(f"synlearn/zoo/init/v1/seed={seed}/{model}/{name}", prod(shape))
            for model in ids
        ]
        values = (2 * np.stack(draws) - 1) * bound
        stack[name] = torch.from_numpy(values.astype(np.float32)).reshape(len(ids), *shape)
    return stack


@torch.inference_mode()
def _losses(
    models: StackedModels, inputs: Tensor, wanted: Tensor, batch_size: int
) -> NDArray[np.float64]:
    """Return the mean squared error of each model on its own instances: (M,)."""
    total = torch.zeros(len(models), dtype=torch.float64)
    for start in range(0, inputs.shape[1], batch_size):
        rows = slice(start, start + batch_size)
        batch = inputs[:, rows].to(torch.float32)
        error = forward_own(models.architecture, models.tensors, batch) - wanted[:, rows]
        total += error.double().square().sum(dim=(1, 2))
    return (total / wanted[0].numel()).numpy()

"""Fine-tunes many small models for one task, each with all its weights.

As the search paper has it: a new linear head on frozen features first, then all weights at two
learning rates; the one that does better on validation examples counts. Models that differ in
nothing but their weights take their steps together (`synlearn/zoo/stacked.py`) and never influence
each other. Examples are few, so the head is a ridge regression's, solved rather than descended to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synlearn.errors import InputError
from synlearn.reuse.folds import folds_of, left_out
from synlearn.zoo.architectures import Architecture, Linear, architecture
from synlearn.zoo.formats.torch import ModelFile
from synlearn.zoo.stacked import forward_own, forward_shared

Pictures = NDArray[np.uint8]
Float64 = NDArray[np.float64]

_TEST_ROWS: Final = 100
"""Run at a time."""
_TEMPERATURE: Final = 8.0
"""A ridge head's outputs lie about 0 and 1; logits that certain fit a softmax."""


@dataclass(frozen=True, slots=True)
class FineTuning:
    """How models are fine-tuned.

    Attributes:
        steps: Of Adam.
        batch: Images of a step, or all of them where there are fewer.
        rates: Learning rates, one of which is chosen.
        penalty: Of the first head, relative to the mean squared length of a centred feature.
    """

    steps: int = 50
    batch: int = 40
    rates: tuple[float, ...] = (3e-4, 1e-3)
    penalty: float = 0.1


@dataclass(frozen=True, slots=True)
class TaskImages:
    """A task's images, each with its class from 0.

    Attributes:
        train, valid, test: (n, side, side, 3) uint8.
        train_labels, valid_labels, test_labels: (n,) int64.
    """

    train: Pictures
    train_labels: NDArray[np.int64]
    valid: Pictures
    valid_labels: NDArray[np.int64]
    test: Pictures
    test_labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FineTuned:
    """What m fine-tuned models reach.

    Attributes:
        accuracy: (m,) on test images, at the rate that validation chose.
        head_accuracy: (m,) of the first head alone.
        rate: (m,) position of the chosen rate.
    """

    accuracy: Float64
    head_accuracy: Float64
    rate: NDArray[np.int64]


def fine_tune(
    models: Sequence[ModelFile], task: TaskImages, settings: FineTuning, seed: int
) -> FineTuned:
    """Fine-tune models of one architecture, whatever their classes were, and test them.

    Args:
        models: m of them.
        task: Images; every class has one to train with.
        settings: See there.
        seed: Of the order of images, the same for all models.

    Raises:
        InputError: The models differ in more than their heads, or do not end in a linear layer.
    """
    classes = int(task.train_labels.max()) + 1
    network, body, stack = _stacked(models, classes)
    train = _planes(task.train)
    head_name = network.layers[-1][0]
    with torch.inference_mode():
        features = forward_shared(body, stack, train)
    weight, bias = _ridge_heads(features.clone(), task.train_labels, classes, settings.penalty)
    first = {**stack, f"{head_name}.weight": weight, f"{head_name}.bias": bias}
    rates = torch.tensor(settings.rates).repeat_interleave(len(models))
    tuned = {
        key: value.repeat(len(settings.rates), *[1] * (value.ndim - 1))
        for key, value in first.items()
    }
    data = train, torch.from_numpy(task.train_labels)
    tuned = _descend(network, tuned, data, rates, settings=settings, seed=seed)
    shape = (len(settings.rates), len(models))
    accuracy, loss = (
        part.reshape(shape) for part in _judged(network, tuned, task.valid, task.valid_labels)
    )
    best = np.lexsort([-loss, accuracy], axis=0)[-1]
    reached = _judged(network, tuned, task.test, task.test_labels)[0].reshape(shape)
    return FineTuned(
        accuracy=np.take_along_axis(reached, best[None], axis=0)[0],
        head_accuracy=_judged(network, first, task.test, task.test_labels)[0],
        rate=best.astype(np.int64),
    )


def fine_tuned_model(
    model: ModelFile, images: Pictures, labels: NDArray[np.int64], settings: FineTuning, seed: int
) -> ModelFile:
    """Fine-tune one model on all images of a task, whatever its classes were.

    The learning rate is the one that does best on a quarter of the images after training on the
    others; where a class has a single image there is no such quarter, and the lowest rate is taken.

    Args:
        model: Ends in a linear layer.
        images: (n, side, side, 3) uint8.
        labels: (n,) classes from 0, without gaps.
        settings: See there.
        seed: Of the quarter, and of the order of images.

    Raises:
        InputError: The model does not end in a linear layer.
    """
    folds = folds_of(labels, 4, seed)
    rate = min(settings.rates)
    if len(folds):
        learned, tested = next(left_out(folds))
        parts = (images[learned], labels[learned], images[tested], labels[tested])
        task = TaskImages(*parts, *parts[2:])
        rate = settings.rates[int(fine_tune([model], task, settings, seed).rate[0])]
    classes = int(labels.max()) + 1
    network, body, stack = _stacked([model], classes)
    planes, head = _planes(images), network.layers[-1][0]
    with torch.inference_mode():
        features = forward_shared(body, stack, planes)
    weight, bias = _ridge_heads(features.clone(), labels, classes, settings.penalty)
    first = {**stack, f"{head}.weight": weight, f"{head}.bias": bias}
    data = planes, torch.from_numpy(labels)
    tuned = _descend(network, first, data, torch.tensor([rate]), settings=settings, seed=seed)
    own = architecture(network.name, {**network.hyperparameters, "classes": classes})
    return ModelFile(own, {name: tensor[0].contiguous() for name, tensor in tuned.items()})


def _stacked(
    models: Sequence[ModelFile], classes: int
) -> tuple[Architecture, Architecture, dict[str, Tensor]]:
    """The network with a head for the task, the same without a head, and the bodies' tensors."""
    name, last = models[0].architecture.layers[-1]
    if not isinstance(last, Linear):
        raise InputError("Only models that end in a linear layer can be fine-tuned here.")
    layers = models[0].architecture.layers[:-1]
    if any(own.architecture.layers[:-1] != layers for own in models):
        raise InputError("Models that are fine-tuned together must differ in their heads only.")
    body = replace(models[0].architecture, layers=layers, outputs=last.inputs)
    network = replace(body, layers=(*layers, (name, Linear(last.inputs, classes))), outputs=classes)
    stack = {key: torch.stack([own.tensors[key] for own in models]) for key in body.tensor_shapes()}
    return network, body, stack


def _ridge_heads(
    features: Tensor, labels: NDArray[np.int64], classes: int, penalty: float
) -> tuple[Tensor, Tensor]:
    """Weights (m, classes, f) and biases (m, classes) of heads on features (m, n, f)."""
    centre = features.mean(dim=1, keepdim=True)
    x = features - centre
    gram = x @ x.transpose(1, 2)
    length = gram.diagonal(dim1=1, dim2=2).mean(dim=1).clamp_min(1e-12)
    gram.diagonal(dim1=1, dim2=2).add_((penalty * length)[:, None])
    target = functional.one_hot(torch.from_numpy(labels), classes).to(x.dtype)
    mean = target.mean(dim=0)
    dual = torch.cholesky_solve((target - mean).expand(len(x), -1, -1), torch.linalg.cholesky(gram))
    weight = _TEMPERATURE * dual.transpose(1, 2) @ x
    bias = _TEMPERATURE * mean - (weight @ centre.transpose(1, 2))[:, :, 0]
    return weight.contiguous(), bias.contiguous()


def _descend(
    network: Architecture,
    stack: dict[str, Tensor],
    data: tuple[Tensor, Tensor],
    rates: Tensor,
    *,
    settings: FineTuning,
    seed: int,
) -> dict[str, Tensor]:
    """Take the steps; Adam's update of each model is scaled by its own rate, falling to 0."""
    images, labels = data
    tensors = {key: value.clone().requires_grad_() for key, value in stack.items()}
    optimiser = torch.optim.Adam(tensors.values(), lr=1.0)
    random = np.random.default_rng([seed, len(images)])
    size = min(settings.batch, len(images))
    for step in range(settings.steps):
        rows = torch.from_numpy(random.permutation(len(images))[:size])
        logits = forward_own(network, tensors, images[rows].expand(len(rates), -1, -1, -1, -1))
        loss = functional.cross_entropy(
            logits.flatten(0, 1), labels[rows].repeat(len(rates)), reduction="none"
        )
        optimiser.zero_grad(set_to_none=True)
        loss.reshape(len(rates), size).mean(dim=1).sum().backward()
        before = {key: value.detach().clone() for key, value in tensors.items()}
        optimiser.step()
        now = rates * (0.5 + 0.5 * np.cos(np.pi * step / settings.steps))
        with torch.no_grad():
            for key, value in tensors.items():
                shaped = now.reshape(-1, *[1] * (value.ndim - 1))
                value.copy_(before[key] + shaped * (value - before[key]))
    return {key: value.detach() for key, value in tensors.items()}


@torch.inference_mode()
def _judged(
    network: Architecture, stack: dict[str, Tensor], pictures: Pictures, labels: NDArray[np.int64]
) -> tuple[Float64, Float64]:
    """Accuracy and mean loss of each model, (m,) each."""
    parts = [
        forward_shared(network, stack, _planes(pictures[start : start + _TEST_ROWS])).double()
        for start in range(0, len(pictures), _TEST_ROWS)
    ]
    logits = torch.cat(parts, dim=1)
    truth = torch.from_numpy(labels)
    right = (logits.argmax(dim=2) == truth).double().mean(dim=1)
    own = logits.log_softmax(dim=2).gather(2, truth.expand(len(logits), -1)[..., None])
    return right.numpy(), -own.mean(dim=(1, 2)).numpy()


def _planes(pictures: Pictures) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 255

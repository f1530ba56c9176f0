"""Search by what a linear head reaches on validation examples (linear evaluation of the paper).

A logistic regression on frozen features, trained by gradient descent at two learning rates; the
better one on validation examples counts. The paper has 1,000 examples, batches of 512 and 2,500
steps. With fewer examples than a batch each step sees all of them, so nothing random is left but
the split; fewer steps are the default, with momentum. Features are divided by the root of their
mean square first, so that a rate means the same for every model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synlearn.errors import InputError
from synlearn.scorers.direct import ModelOutputs
from synlearn.strategies.candidate import Candidate
from synlearn.strategies.strategy import Places, SearchTask, labels_of, order_by

Float64 = NDArray[np.float64]
Labels = NDArray[np.int64]

RATES: Final = (0.1, 0.01)
MOMENTUM: Final = 0.9
HELD_OUT: Final = 0.2
"""Part of each class's examples that validates, at least one of them; the paper's 200 of 1,000."""


@dataclass(frozen=True, slots=True)
class HeadQuality:
    """What heads of m models reach on validation examples.

    Attributes:
        accuracy: (m,) in [0, 1].
        log_likelihood: (m,) mean over the examples, at most 0; tells equals apart.
    """

    accuracy: Float64
    log_likelihood: Float64


class LinearHead:
    """The models whose heads do best first; of equals the more certain, then the larger one.

    Args:
        seed: Of the splits into training and validation examples.
        runs: Splits; the median counts, as in the paper.
        steps: Of gradient descent.
    """

    def __init__(self, seed: int = 0, *, runs: int = 3, steps: int = 300) -> None:
        self._seed, self._runs, self._steps = seed, runs, steps

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        """Return positions; runs every candidate and trains its heads."""
        labels = labels_of(task, "linear")
        outputs = task.outputs([own.model for own in candidates])
        found = head_quality(outputs, labels, seed=self._seed, runs=self._runs, steps=self._steps)
        sizes = [own.parameters for own in candidates]
        return order_by(found.accuracy, found.log_likelihood, sizes)


def head_quality(
    outputs: ModelOutputs, labels: Labels, *, seed: int, runs: int, steps: int
) -> HeadQuality:
    """Train and validate a head for every model, split and learning rate.

    Args:
        outputs: Of m models for n examples.
        labels: (n,) from 0 without gaps.
        seed: Of the splits.
        runs: Splits.
        steps: Of gradient descent.

    Raises:
        InputError: A class has a single example, which cannot both train and validate.
    """
    random = np.random.default_rng([seed, len(labels)])
    found = np.empty((runs, 2, len(outputs)))
    for run in range(runs):
        valid = _held_out(labels, random)
        for places, features in outputs.features:
            found[run][:, places] = _trained(features, labels, valid, steps)
    accuracy, likelihood = np.median(found, axis=0)
    return HeadQuality(accuracy, likelihood)


def _held_out(labels: Labels, random: np.random.Generator) -> NDArray[np.bool_]:
    """(n,): which examples validate."""
    valid = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        if len(rows) < 2:
            raise InputError(
                "Linear evaluation trains on some examples of a class and validates on others; "
                "give at least two of each class."
            )
        valid[rows[: max(1, round(HELD_OUT * len(rows)))]] = True
    return valid


def _trained(
    features: NDArray[np.floating], labels: Labels, valid: NDArray[np.bool_], steps: int
) -> Float64:
    """Accuracy and log-likelihood of the better learning rate's heads, (2, p).

    features: (p, n, width).
    """
    x = torch.from_numpy(features.astype(np.float32))
    x = x / x.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(1e-12)
    x = x.repeat(len(RATES), 1, 1)
    y = torch.from_numpy(labels)
    held = torch.from_numpy(valid)
    rates = torch.tensor(RATES).repeat_interleave(len(features))[:, None, None]
    weight, bias = _descend(x[:, ~held], y[~held], rates, steps)
    logits = torch.baddbmm(bias, x[:, held], weight).log_softmax(dim=2)
    own = logits.gather(2, y[held].expand(len(x), -1)[..., None]).mean(dim=(1, 2))
    right = (logits.argmax(dim=2) == y[held]).double().mean(dim=1)
    shape = (len(RATES), len(features))
    accuracy, likelihood = (part.reshape(shape).double().numpy() for part in (right, own))
    better = np.lexsort([likelihood, accuracy], axis=0)[-1]
    return np.stack(
        [np.take_along_axis(part, better[None], axis=0)[0] for part in (accuracy, likelihood)]
    )


def _descend(x: Tensor, y: Tensor, rates: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Weights (p, width, c) and biases (p, 1, c) after full-batch descent with momentum from 0."""
    classes = int(y.max()) + 1
    target = functional.one_hot(y, classes).to(x.dtype)
    weight = torch.zeros(len(x), x.shape[2], classes)
    bias = torch.zeros(len(x), 1, classes)
    pulls = torch.zeros_like(weight), torch.zeros_like(bias)
    turned = x.transpose(1, 2)
    for _ in range(steps):
        error = (torch.baddbmm(bias, x, weight).softmax(dim=2) - target) / x.shape[1]
        pulls[0].mul_(MOMENTUM).add_(turned @ error)
        pulls[1].mul_(MOMENTUM).add_(error.sum(dim=1, keepdim=True))
        weight -= rates * pulls[0]
        bias -= rates * pulls[1]
    return weight, bias

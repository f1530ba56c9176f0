"""The rows of whole classes, read a few at a time and shown to many models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from protocols.errors import Code, Refused
from protocols.queries import feature_signs
from provider.dataset import Dataset, Float32, Indices
from synlearn.errors import InputError
from synlearn.zoo.features import penultimate_features
from synlearn.zoo.stacked import StackedModels

Float64 = npt.NDArray[np.float64]

_IMAGES = 256
"""Most images in memory at a time."""
_NUMBERS = 2**21
"""Most numbers made of a batch of images, 16 MiB."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A few rows.

    Attributes:
        images: (n, channels, height, width).
        labels: (n,) positions of their classes in the question.
    """

    images: Float32
    labels: Indices


def batches(dataset: Dataset, rows: Sequence[Indices], numbers: int) -> Iterator[Batch]:
    """Read rows class by class.

    Args:
        dataset: The provider's rows.
        rows: Of each class of the question.
        numbers: How many will be made of one row, by all models together.
    """
    every = np.concatenate([*rows, np.empty(0, np.int64)])
    labels = np.repeat(np.arange(len(rows)), [len(some) for some in rows])
    size = max(1, min(_IMAGES, _NUMBERS // max(1, numbers)))
    for first in range(0, len(every), size):
        part = slice(first, first + size)
        yield Batch(dataset.images(every[part]), labels[part])


def probabilities(models: StackedModels, images: Float32, outputs: int) -> Float64:
    """What g models say about n images, as probabilities of `outputs` classes.

    Args:
        models: Their outputs are logits.
        images: (n, channels, height, width).
        outputs: As many as a model has, or more; the others are 0.

    Returns:
        (g, n, outputs), rows sum to 1.

    Raises:
        Refused: MODEL_UNUSABLE, the models have more outputs or take other images.
    """
    own = models.architecture.outputs
    if own > outputs:
        raise Refused(
            Code.MODEL_UNUSABLE,
            local=f"a model has {own} outputs; the question has room for {outputs}",
        )
    try:
        logits = models.predict(images).astype(np.float64)
    except InputError as error:
        raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error
    found = np.zeros((*logits.shape[:2], outputs))
    found[..., :own] = softmax(logits, axis=2)
    return found


def own_features(models: StackedModels, images: Float32) -> Float32:
    """What g models compute of n images before their last layer, (g, n, f), as they are.

    Args:
        models: Of an architecture that ends in a linear layer.
        images: (n, channels, height, width).

    Raises:
        Refused: MODEL_UNUSABLE, there are no such features or the models take other images.
    """
    try:
        return penultimate_features(models, images)
    except InputError as error:
        raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error


def features(models: StackedModels, images: Float32, width: int, *, unit_length: bool) -> Float64:
    """`own_features` as vectors of `width` numbers, float64.

    Longer features are projected by `feature_signs`, shorter ones filled up with zeros.

    Args:
        models: Of an architecture that ends in a linear layer.
        images: (n, channels, height, width).
        width: Of the result.
        unit_length: Divide each vector by its length, at the end; zeros stay.

    Returns:
        (g, n, width).

    Raises:
        Refused: MODEL_UNUSABLE, there are no such features or the models take other images.
    """
    found = own_features(models, images).astype(np.float64)
    own = found.shape[2]
    if own > width:
        found = found @ feature_signs(own, width)
    elif own < width:
        found = np.pad(found, ((0, 0), (0, 0), (0, width - own)))
    if unit_length:
        length = np.linalg.norm(found, axis=2, keepdims=True)
        found /= np.where(length > 0, length, 1.0)
    return found

"""The rows of whole classes, read a few at a time and shown to many models."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from protocols.errors import Code, Refused
from protocols.queries import feature_signs
from provider.answers.limits import finite_features, finite_probabilities
from provider.dataset import Dataset, Float32, Indices
from provider.model_api import ModelGroup, Stack
from synlearn.errors import InputError

Float64 = npt.NDArray[np.float64]

_IMAGES = 256
"""Most images in memory at a time."""
_NUMBERS = 2**21
"""Most numbers made of a batch of images, 16 MiB."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A few rows.

    Attributes:
        rows: (n,) of the dataset.
        images: (n, channels, height, width); none, (0, ...), where they are not read.
        labels: (n,) positions of their classes in the question.
    """

    rows: Indices
    images: Float32
    labels: Indices


def batches(
    dataset: Dataset,
    rows: Sequence[Indices],
    numbers: int,
    *,
    most: int | None = None,
    read: bool = True,
    ahead: bool = False,
) -> Iterator[Batch]:
    """Go through rows class by class.

    Args:
        dataset: The provider's rows.
        rows: Of each class of the question.
        numbers: How many will be made of one row, by all models together.
        most: Rows in a batch; a few hundred where None.
        read: Read their images.
        ahead: Read the next ones, in a thread, while these are looked at: where models run in
            another process, this one has nothing else to do.
    """
    every = np.concatenate([*rows, np.empty(0, np.int64)])
    labels = np.repeat(np.arange(len(rows)), [len(some) for some in rows])
    size = max(1, min(most or _IMAGES, _NUMBERS // max(1, numbers)))
    parts = [slice(first, first + size) for first in range(0, len(every), size)]
    nothing = np.empty((0, *dataset.input_shape), np.float32)

    def images(part: slice) -> Float32:
        return dataset.images(every[part]) if read else nothing

    for part, seen in zip(
        parts, _ahead(images, parts) if ahead else map(images, parts), strict=True
    ):
        yield Batch(every[part], seen, labels[part])


def _ahead(images: Callable[[slice], Float32], parts: Sequence[slice]) -> Iterator[Float32]:
    """Images of each part; those of the next are read before they are asked for."""
    with ThreadPoolExecutor(1, thread_name_prefix="rows") as reader:
        waiting: deque[Future[Float32]] = deque()
        for part in parts:
            waiting.append(reader.submit(images, part))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def check_outputs(groups: Sequence[ModelGroup], outputs: int) -> None:
    """Check that a question has room for the outputs of its models.

    Raises:
        Refused: MODEL_UNUSABLE.
    """
    for group in groups:
        own = group.models.architecture.outputs
        if own > outputs:
            raise Refused(
                Code.MODEL_UNUSABLE,
                local=f"a model has {own} outputs; the question has room for {outputs}",
            )


def outputs_of(models: Stack, images: Float32) -> Float32:
    """What g models say about n images, (g, n, outputs), as it is.

    Raises:
        Refused: MODEL_UNUSABLE, the models take other images.
    """
    try:
        return models.predict(images)
    except InputError as error:
        raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error


def own_features(models: Stack, images: Float32) -> Float32:
    """What g models compute of n images before their last layer, (g, n, f), as they are.

    Raises:
        Refused: MODEL_UNUSABLE, there are no such features or the models take other images.
    """
    try:
        return models.features(images)
    except InputError as error:
        raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error


def probabilities(logits: Float32, outputs: int, *, bounded: bool = False) -> Float64:
    """Logits as probabilities of `outputs` classes.

    Args:
        logits: (g, n, own), own at most `outputs`.
        outputs: As many as a model has, or more; the others are 0.
        bounded: Make probabilities of what is no number, see `RowLimits`.

    Returns:
        (g, n, outputs), rows sum to 1.
    """
    found = np.zeros((*logits.shape[:2], outputs))
    with np.errstate(invalid="ignore"):  # an infinite logit
        found[..., : logits.shape[2]] = softmax(logits.astype(np.float64), axis=2)
    if bounded:
        finite_probabilities(found)
    return found


def vectors(own: Float32, width: int, *, unit_length: bool, bounded: bool = False) -> Float64:
    """Features as vectors of `width` numbers, float64.

    Longer features are projected by `feature_signs`, shorter ones filled up with zeros.

    Args:
        own: (g, n, f).
        width: Of the result.
        unit_length: Divide each vector by its length, at the end; zeros stay.
        bounded: Make zeros of what is no number, see `RowLimits`.

    Returns:
        (g, n, width).
    """
    found = own.astype(np.float64)
    if bounded:
        finite_features(found)
    if found.shape[2] > width:
        found = found @ feature_signs(found.shape[2], width)
    elif found.shape[2] < width:
        found = np.pad(found, ((0, 0), (0, 0), (0, width - found.shape[2])))
    if unit_length:
        length = np.linalg.norm(found, axis=2, keepdims=True)
        found /= np.where(length > 0, length, 1.0)
    return found

"""A task that a user has: examples, and a zoo whose models are run when a strategy asks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import InputError
from synlearn.scorers.direct import ModelOutputs
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.feature_cache import Responses, compute_responses


class ZooTask:
    """See `SearchTask`; no model is run twice.

    Args:
        images: (n, channels, h, w) in [0, 1].
        labels: (n,) numbers or names of classes; None where nobody knows.
        zoo: That candidates are of.

    Raises:
        InputError: There is not one label for each image.
    """

    def __init__(self, images: ArrayLike, labels: ArrayLike | None, zoo: Zoo) -> None:
        self._images = np.ascontiguousarray(images, np.float32)
        self._labels: NDArray[np.int64] | None = None
        if labels is not None:
            _, numbers = np.unique(np.asarray(labels), return_inverse=True)
            self._labels = numbers.astype(np.int64)
            if self._labels.shape != (len(self._images),):
                raise InputError(
                    f"There are {self._labels.size} labels for {len(self._images)} images; give "
                    "one for each."
                )
        self._zoo = zoo
        self._seen: dict[ModelId, Responses] = {}

    @property
    def images(self) -> NDArray[np.float32]:
        """See `SearchTask`."""
        return self._images

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """See `SearchTask`."""
        return self._labels

    def outputs(self, models: Sequence[ModelId]) -> ModelOutputs:
        """See `SearchTask`."""
        pixels = np.rint(255 * self._images.transpose(0, 2, 3, 1))
        pictures = np.clip(pixels, 0, 255).astype(np.uint8)
        missing = [model for model in models if model not in self._seen]
        self._seen |= dict(compute_responses(self._zoo, missing, pictures))
        own = [self._seen[model] for model in models]
        return ModelOutputs.of([r.features for r in own], [r.probabilities for r in own])

"""What a model computes before its last layer: the features that direct scorers look at."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.zoo.architectures import Linear
from synlearn.zoo.stacked import StackedModels


def penultimate_features(
    models: StackedModels, images: NDArray[np.uint8] | NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return the input of every model's last linear layer.

    Args:
        models: m models of one architecture.
        images: (n, channels, height, width), as `StackedModels.predict` takes them.

    Returns:
        (m, n, f) float32.

    Raises:
        InputError: The architecture does not end in a linear layer, or the images do not fit.
    """
    network = models.architecture
    _, last = network.layers[-1]
    if not isinstance(last, Linear):
        raise InputError(
            f"Architecture {network.name} does not end in a linear layer, so it has no features "
            "before its head."
        )
    body = replace(network, layers=network.layers[:-1], outputs=last.inputs)
    return replace(models, architecture=body).predict(images)

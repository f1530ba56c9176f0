"""What a model computes before its last layer: the features that direct scorers look at."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.zoo.architectures import Linear
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.formats.onnx import OnnxFile
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


def zoo_features(
    zoo: Zoo, images: NDArray[np.uint8] | NDArray[np.floating], models: Sequence[ModelId] = ()
) -> list[NDArray[np.float32]]:
    """Return the features of every model of a zoo, whatever its format, (n, f) each, in order.

    Args:
        zoo: The models.
        images: (n, channels, height, width), as `StackedModels.predict` takes them; ONNX models
            resize them.
        models: Some of the zoo's; all of them where there are none.

    Raises:
        InputError: As `penultimate_features`; or there is no model, or one is unusable.
    """
    ids = list(models or zoo.ids)
    if not ids:
        raise InputError("There is no model to evaluate; name at least one.")
    cards = {model: zoo.card(model) for model in ids}
    found: dict[ModelId, NDArray[np.float32]] = {}

    def network(model: ModelId) -> str:
        return f"{cards[model].architecture} {sorted(cards[model].hyperparameters.items())}"

    for _, alike in groupby(sorted(ids, key=network), key=network):
        own = tuple(alike)
        if cards[own[0]].graph is None:
            found |= dict(zip(own, penultimate_features(zoo.stack(own), images), strict=True))
            continue
        for model in own:
            file = zoo.read(model)
            assert isinstance(file, OnnxFile)  # noqa: S101 - the catalog compared it with its card
            found[model] = file.run(images)[1]
    return [found[model] for model in ids]

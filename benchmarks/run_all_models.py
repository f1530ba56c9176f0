"""What a direct score has to do: run every model on the examples, as fast as this code base can.

Models are in memory and stacked by their network, so neither files nor Python calls for each model
count; a ranking by LEEP from a zoo on disk reads them first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synlearn.scorers.direct import Direct, ModelOutputs, direct_scores
from synlearn.zoo.architectures import Linear
from synlearn.zoo.formats.torch import ModelFile
from synlearn.zoo.stacked import StackedModels

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Alike:
    """Models that differ in nothing but their heads.

    Attributes:
        places: (p,) where they stand in the zoo.
        bodies: All but the heads.
        weight: (p, features, classes), 0 where a model has no such class.
        bias: (p, 1, classes), -inf there.
    """

    places: NDArray[np.int64]
    bodies: StackedModels
    weight: Tensor
    bias: Tensor


class AllModels:
    """The models of a zoo, in memory."""

    def __init__(self, models: Sequence[ModelFile]) -> None:
        self._count = len(models)
        self._classes = max(model.architecture.outputs for model in models)
        groups: dict[str, list[int]] = {}
        for place, model in enumerate(models):
            groups.setdefault(str(model.architecture.layers[:-1]), []).append(place)
        self._groups = [self._alike(models, np.array(own)) for own in groups.values()]

    def _alike(self, models: Sequence[ModelFile], places: NDArray[np.int64]) -> _Alike:
        own = [models[place] for place in places.tolist()]
        network = own[0].architecture
        name, head = network.layers[-1]
        assert isinstance(head, Linear)
        body = replace(network, layers=network.layers[:-1], outputs=head.inputs)
        stack = {key: torch.stack([m.tensors[key] for m in own]) for key in body.tensor_shapes()}
        weight = torch.zeros(len(own), head.inputs, self._classes)
        bias = torch.full((len(own), 1, self._classes), -torch.inf)
        for row, model in enumerate(own):
            weight[row, :, : model.architecture.outputs] = model.tensors[f"{name}.weight"].T
            bias[row, 0, : model.architecture.outputs] = model.tensors[f"{name}.bias"]
        ids = tuple(str(place) for place in places)
        return _Alike(places, StackedModels(ids, body, stack), weight, bias)

    def leep(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Float64:
        """Run all models and score them, (m,).

        Args:
            images: (n, 3, h, w) in [0, 1].
            labels: (n,).
        """
        probabilities = np.empty((self._count, len(images), self._classes), np.float32)
        for own in self._groups:
            features = torch.from_numpy(own.bodies.predict(images))
            outputs = torch.baddbmm(own.bias, features, own.weight).softmax(dim=2)
            probabilities[own.places] = outputs.numpy()
        return direct_scores(ModelOutputs((), probabilities), labels, [Direct.LEEP])[Direct.LEEP]

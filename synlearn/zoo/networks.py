"""What is known of a model's network, whatever the format of its file."""

from dataclasses import dataclass
from typing import Final

from synlearn.errors import InputError
from synlearn.zoo.architectures import Architecture, Hyperparameters, architecture

ONNX: Final = "onnx"
_LARGEST: Final = 2**20
"""No size of an ONNX model's images, features or outputs may exceed this."""


@dataclass(frozen=True, slots=True)
class OnnxNetwork:
    """An ONNX model seen from outside; its graph is known to nobody but the model itself.

    input_shape: (channels, height, width). outputs: classes. features: numbers before the last
    layer.
    """

    input_shape: tuple[int, int, int]
    outputs: int
    features: int

    @property
    def name(self) -> str:
        """In a card's field `architecture`."""
        return ONNX

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The sizes, as a card has them; `network` reads them back."""
        return {"classes": self.outputs, "features": self.features, "input": self.input_shape}


Network = Architecture | OnnxNetwork
"""What all users of a model can count on: name, sizes and shape of images."""


def network(name: str, hyperparameters: Hyperparameters) -> Network:
    """Return the network that a card, or a model worker, describes.

    Raises:
        InputError: There is none of this name, or a size is missing, unknown or absurd.
    """
    if name != ONNX:
        return architecture(name, hyperparameters)
    match dict(hyperparameters):
        case {"classes": int(classes), "features": int(features), "input": (c, h, w), **others} if (
            not others and all(1 <= size <= _LARGEST for size in (classes, features, c, h, w))
        ):
            return OnnxNetwork((c, h, w), classes, features)
    raise InputError(
        "An ONNX model is described by `classes`, `features` and `input` (channels, height, "
        f"width), from 1 to {_LARGEST}; correct the model card."
    )

"""Of what shape images are that all models of a list can be shown."""

from collections.abc import Sequence

from synlearn.datasets.small_pictures import SIDE
from synlearn.errors import InputError
from synlearn.zoo.card import ModelCard


def shown_shape(cards: Sequence[ModelCard]) -> tuple[int, int, int]:
    """Return (channels, height, width) of images for all of these models, of which there is one.

    Our own architectures take images of one shape; ONNX models resize them to theirs. Where all
    are ONNX models, and differ, it is the colour pictures that specifications are made of.

    Raises:
        InputError: Two models of our own architectures differ.
    """
    own = {card.input.shape: card.id for card in cards if card.graph is None}
    if len(own) > 1:
        (one, first), (other, second) = list(own.items())[:2]
        raise InputError(
            f"models {first} and {second} take images of shapes {one} and {other}; learn from "
            "models of one shape."
        )
    shapes = set(own) or {card.input.shape for card in cards}
    return shapes.pop() if len(shapes) == 1 else (3, SIDE, SIDE)

"""Small models for tests, drawn from their names."""

from collections.abc import Sequence

from synlearn.zoo.architectures import Architecture, architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.stacked import StackedModels
from synlearn.zoo.training import initial_stack

SMALL: Architecture = architecture("sprite-cnn", {"widths": (2, 2, 2), "hidden": 4})


def stacked(names: Sequence[str]) -> StackedModels:
    """Untrained models, one for each name."""
    return StackedModels(tuple(names), SMALL, initial_stack(names, SMALL, seed=0))


def model_file(name: str) -> bytes:
    """The file of the untrained model of this name."""
    return to_bytes(ModelFile(SMALL, stacked([name]).tensors_of(0)))

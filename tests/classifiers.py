"""Small untrained classifiers of 32 x 32 colour images for tests, drawn from their names."""

from synlearn.zoo.architectures import architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.stacked import StackedModels
from synlearn.zoo.training import initial_stack


def classifier_file(name: str, classes: int = 3, hidden: int = 5) -> bytes:
    """The file of the untrained classifier of this name."""
    small = architecture(
        "picture-cnn", {"widths": (2, 2, 3), "kernel": 3, "hidden": hidden, "classes": classes}
    )
    stack = StackedModels((name,), small, initial_stack([name], small, seed=0))
    return to_bytes(ModelFile(small, stack.tensors_of(0)))

"""What an estimate has to know of the models that a job learns with: read from their cards."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from coordinator.estimate.operations import operations_of_architecture
from coordinator.holdings import Counts
from synlearn.errors import InputError
from synlearn.zoo.architectures import architecture
from synlearn.zoo.card import ModelCard, ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.shown_shape import shown_shape


@dataclass(frozen=True, slots=True)
class LearningZoo:
    """The models of a job.

    Attributes:
        sizes: (m,) int64 bytes of their files.
        operations: (m,) int64, of a forward pass of one image; see `operations_of`.
        outputs: Largest number of outputs.
        shape: Channels, height and width of the images that they take.
    """

    sizes: Counts
    operations: Counts
    outputs: int
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.sizes)

    def repeated(self, count: int) -> "LearningZoo":
        """So many models, in turn like these."""
        sizes, operations = (np.resize(own, count) for own in (self.sizes, self.operations))
        return replace(self, sizes=sizes, operations=operations)


def learning_zoo(zoo: Zoo, ids: Sequence[ModelId]) -> LearningZoo:
    """Read the cards of some models, which take images of one shape.

    Raises:
        InputError: There is no model, or a card is missing, was changed or is of an unknown
            architecture.
    """
    if not ids:
        raise InputError(f"The zoo {zoo.root} has no model for this job; build one that has.")
    cards = [zoo.card(model) for model in ids]
    known: dict[str, int] = {}
    for card in cards:
        key = _network(card)
        if key not in known:
            known[key] = (
                operations_of_architecture(architecture(card.architecture, card.hyperparameters))
                if card.graph is None
                else card.graph.operations
            )
    return LearningZoo(
        np.array([card.file_size for card in cards], np.int64),
        np.array([known[_network(card)] for card in cards], np.int64),
        max(len(card.outputs) for card in cards),
        shown_shape(cards),
    )


def _network(card: ModelCard) -> str:
    """Names an architecture with its hyperparameters; of ONNX models, each has its own."""
    own = "" if card.graph is None else card.sha256
    return f"{card.architecture} {sorted(card.hyperparameters.items())} {own}"

"""What is known of a model before it is run: all that a task-agnostic strategy may look at."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from synlearn.zoo.architectures import architecture
from synlearn.zoo.card import ModelCard, ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.networks import network


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be fine-tuned.

    Attributes:
        model: Its id.
        parameters: Trained numbers.
        layers: Layers that have any.
        feature_width: Numbers that its last layer takes.
        training_images: It was trained on; 0 where nobody knows.
        upstream_accuracy: Test accuracy in [0, 1] on a general data set that candidates share, such
            as ImageNet; None where it has none.
        family: Of its architecture: models of one family differ in what they were trained on.
        sources: Data sets that it was trained on.
    """

    model: ModelId
    parameters: int
    layers: int
    feature_width: int
    training_images: int
    upstream_accuracy: float | None
    family: str
    sources: tuple[str, ...]


def candidate_of(card: ModelCard) -> Candidate:
    """Read a candidate off a model's card.

    Our cards know no upstream accuracy: each expert was tested on classes of its own.
    """
    body = {key: value for key, value in card.hyperparameters.items() if key != "classes"}
    return Candidate(
        model=card.id,
        parameters=card.parameters,
        layers=_layers(card),
        feature_width=network(card.architecture, card.hyperparameters).features or 0,
        training_images=card.training_data.instances if card.training_data else 0,
        upstream_accuracy=None,
        family=f"{card.architecture} {json.dumps(body, sort_keys=True)}",
        sources=card.datasets,
    )


def candidates_of(zoo: Zoo, models: Sequence[ModelId] | None = None) -> tuple[Candidate, ...]:
    """Return a zoo's models, or some of them, as candidates, in order.

    Raises:
        InputError: A card is missing or was changed.
    """
    return tuple(candidate_of(zoo.card(model)) for model in (zoo.ids if models is None else models))


def _layers(card: ModelCard) -> int:
    if card.graph is not None:
        return card.graph.layers
    shapes = architecture(card.architecture, card.hyperparameters).tensor_shapes()
    return len({name.split(".")[0] for name in shapes})

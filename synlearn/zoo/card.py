"""Model cards: what a model is, readable on its own.

Field names follow the Hugging Face hub's model cards where those have one (`license`, `datasets`,
`library_name`, `pipeline_tag`, `tags`, `metrics`); the others are ours. A card is JSON with sorted
keys, so the same card always has the same bytes.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Final, NewType

from synlearn.errors import InputError
from synlearn.zoo.architectures import Hyperparameters
from synlearn.zoo.records import RecordError, parse_record

ModelId = NewType("ModelId", str)
"""Names a model within its zoo, and its files: letters, digits, `.`, `_` and `-`."""

FORMAT: Final = "synlearn-card/1"


@dataclass(frozen=True, slots=True)
class InputFormat:
    """What the model's images look like.

    shape: (channels, height, width). Pixel values lie in [low, high], then `mean` is subtracted and
    the result divided by `std`, each a number per channel.
    """

    shape: tuple[int, int, int]
    low: float
    high: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Where the training instances came from, exactly enough to make them again.

    dataset: its name. domain: readable name of the part used; domain_index: its number.
    latents: what all its images share. split: name of the public function that chose the training
    instances; split_seed: its seed; instances: how many there are.
    """

    dataset: str
    domain: str
    domain_index: int
    latents: dict[str, str | float]
    split: str
    split_seed: int
    instances: int


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """How the model was trained. loss: of the finished model on all its training instances."""

    optimiser: str
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    loss_function: str
    loss: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything a stranger needs to know to use a model.

    sha256: of the model file, hex. file_size: in bytes. parameters: trained numbers.
    outputs: names of what the model predicts, in order. versions: of the libraries that trained it.
    created: ISO 8601 time, or None where the build is to be reproducible byte for byte.
    """

    format: str
    id: ModelId
    license: str
    library_name: str
    pipeline_tag: str
    tags: tuple[str, ...]
    datasets: tuple[str, ...]
    metrics: tuple[str, ...]
    architecture: str
    hyperparameters: Hyperparameters
    parameters: int
    sha256: str
    file_size: int
    input: InputFormat
    outputs: tuple[str, ...]
    training_data: TrainingData
    training: TrainingRun
    versions: dict[str, str]
    created: str | None

    def to_json(self) -> bytes:
        """Return the card as indented JSON with sorted keys, UTF-8."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, where: str) -> "ModelCard":
        """Parse a card.

        where: names the file in error messages.
        Raises InputError when it is not a card, or lacks a field, or has one of the wrong type.
        """
        try:
            card = parse_record(cls, data)
        except RecordError as error:
            raise InputError(
                f"{where} is not a usable model card: {error}; fetch or build it again."
            ) from error
        if card.format != FORMAT:
            raise InputError(
                f"{where} has format {card.format!r}, but this version reads {FORMAT!r}; "
                f"build it again."
            )
        check_model_id(card.id, where)
        return card


def check_model_id(name: str, where: str) -> ModelId:
    """Return `name` as a model id.

    Raises InputError, naming `where`, when it could not be a file name everywhere.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name):
        raise InputError(
            f"{where} gives a model the id {name!r}; use up to 100 letters, digits, '.', '_', '-'."
        )
    return ModelId(name)

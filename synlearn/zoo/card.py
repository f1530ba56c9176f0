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
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.networks import ONNX
from synlearn.zoo.records import RecordError, parse_record

ModelId = NewType("ModelId", str)
"""Names a model within its zoo, and its files: letters, digits, `.`, `_` and `-`."""

FORMAT: Final = "synlearn-card/1"
"""Of models that were trained here, by a build that can be repeated."""
ADDED_FORMAT: Final = "synlearn-card/2"
"""Of models that came from elsewhere, or were made from such."""


_ADDED_FIELDS: Final = frozenset({"file_format", "base_model", "graph", "origin"})


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
class GraphFacts:
    """What is known of an ONNX graph.

    layout: order of its input's axes. output, features: names of its tensors. width: numbers of
    the features. probabilities: whether the output is those already. operations: floating-point
    operations of one image. layers: operators that have weights.
    """

    layout: str
    output: str
    features: str
    width: int
    probabilities: bool
    operations: int
    layers: int


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a model was made from. sha256: hex. made_by: what made the zoo's file of it."""

    file: str
    sha256: str
    made_by: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything a stranger needs to know to use a model.

    sha256: of the model file, hex. file_size: in bytes. parameters: trained numbers.
    outputs: names of what the model predicts, in order. versions: of the libraries that trained it.
    created: ISO 8601 time, or None where the build is to be reproducible byte for byte.
    training_data, training: None where nobody says. file_format: "safetensors" or "onnx".
    base_model: what it was made from, as a hub or a zoo names it. graph: of ONNX models.
    The last four stand in cards of `ADDED_FORMAT` only.
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
    training_data: TrainingData | None
    training: TrainingRun | None
    versions: dict[str, str]
    created: str | None
    file_format: str = "safetensors"
    base_model: str | None = None
    graph: GraphFacts | None = None
    origin: Origin | None = None

    @property
    def recipe(self) -> tuple[TrainingData, TrainingRun]:
        """What it was trained on, and how; raises InputError where its card does not say."""
        if self.training_data is None or self.training is None:
            raise InputError(
                f"The card of model {self.id} does not say how it was trained; use a model that "
                "`synlearn zoo build` made."
            )
        return self.training_data, self.training

    def to_json(self) -> bytes:
        """Return the card as indented JSON with sorted keys, UTF-8."""
        content = asdict(self)
        for name in _absent(self.format):
            del content[name]
        return (json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, where: str) -> "ModelCard":
        """Parse a card.

        where: names the file in error messages.
        Raises InputError when it is not a card, or lacks a field, or has one of the wrong type.
        """
        try:
            card = parse_record(cls, data, absent=_absent(_format_of(data)))
        except RecordError as error:
            raise InputError(
                f"{where} is not a usable model card: {error}; fetch or build it again."
            ) from error
        if card.format not in (FORMAT, ADDED_FORMAT):
            raise InputError(
                f"{where} has format {card.format!r}, but this version reads {FORMAT!r} and "
                f"{ADDED_FORMAT!r}; build it again."
            )
        if problem := _problem(card):
            raise InputError(
                f"{where} is not a usable model card: {problem}; fetch or build it again."
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


def _absent(format_: str) -> frozenset[str]:
    """Fields that cards of a format do not have."""
    return frozenset() if format_ == ADDED_FORMAT else _ADDED_FIELDS


def _format_of(data: bytes) -> str:
    """What a card says of itself, before it is read strictly."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    return str(said.get("format")) if isinstance(said, dict) else ""


def _problem(card: ModelCard) -> str:
    """What does not go together in a card; empty where all does."""
    if card.format == FORMAT and (card.training is None or card.training_data is None):
        return "training or training_data is missing"
    if card.file_format not in ("safetensors", ONNX):
        return f"file_format is {card.file_format!r}, not 'safetensors' or 'onnx'"
    if (card.file_format == ONNX) != (card.graph is not None):
        return "graph stands in the cards of ONNX models, and of no others"
    if (card.architecture == ONNX) != (card.file_format == ONNX):
        return "architecture and file_format contradict each other"
    return ""

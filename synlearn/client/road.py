"""What a client needs of whatever carries its questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from synlearn.errors import InputError
from synlearn.explanation import Explanation
from synlearn.fusion.zoo_evidence import ModelEvidence
from synlearn.mre.task_means import TaskMeans
from synlearn.ranking import Explain, Ranking
from synlearn.zoo.filters import ModelFilter


class ServiceError(InputError):
    """The service did not answer, or refused to; the sentence says why.

    Attributes:
        code: HTTP's number or gRPC's name of it; empty where nobody answered.
        wait: Seconds after which to try again; 0 where waiting does not help.
    """

    def __init__(self, sentence: str, code: str = "", wait: float = 0.0) -> None:
        super().__init__(sentence)
        self.code = code
        self.wait = wait


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A file of the MRE model. sha256: hex; size: in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class About:
    """What a service serves.

    Attributes:
        mre: Digest that stands for the MRE model.
        zoo: Digest that stands for the zoo.
        kind: "classification" or "regression".
        models: How many there are in the zoo.
        input_shape: Channels, height and width of the zoo's images.
        features: Numbers in a class's mean.
        files: Files of the MRE model that can be fetched, by name.
        most_classes: Of a task.
        version: Of the service.
    """

    mre: str
    zoo: str
    kind: str
    models: int
    input_shape: tuple[int, int, int]
    features: int
    files: Mapping[str, ServedFile]
    most_classes: int
    version: str


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What the list tells of a model.

    Attributes:
        id: Of the model.
        license: As on its card.
        parameters: Trained numbers.
        input_shape: Channels, height and width of its images.
        outputs: Names of what it predicts.
        sha256: Of its file, hex.
        size: Of its file, bytes.
        card_sha256: Of its card, hex.
    """

    id: str
    license: str
    parameters: int
    input_shape: tuple[int, int, int]
    outputs: tuple[str, ...]
    sha256: str
    size: int
    card_sha256: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be ranked.

    Attributes:
        task: Without names of classes.
        where: Conditions that models have to meet.
        evidence: Of the first models by the metric alone.
    """

    task: TaskMeans
    where: ModelFilter | None = None
    evidence: ModelEvidence | None = None


class Road(Protocol):
    """Carries questions to a service; every method raises ServiceError where that fails."""

    def about(self) -> About:
        """What is served."""
        ...

    def models(self, after: str) -> tuple[list[ServedModel], bool]:
        """The models that follow one, and whether there are more."""
        ...

    def rank(self, question: Question, explainer: Explain) -> Ranking:
        """A ranking by the metric, and by what evidence there is."""
        ...

    def explain(self, task: TaskMeans, model: str) -> Explanation:
        """What a model was matched by."""
        ...

    def file(self, name: str, most: int) -> bytes:
        """A file of the MRE model, of at most so many bytes."""
        ...

    def model(self, model: str, most: int) -> tuple[bytes, bytes]:
        """A model's card and file, of at most so many bytes."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...

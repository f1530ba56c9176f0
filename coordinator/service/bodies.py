"""What travels over HTTP, as the OpenAPI description has it."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model

from coordinator.service.wire import LARGEST_SCORE, LONGEST_NAME, MOST_RUN
from protocols import mre_service_pb2 as pb
from synlearn.mre.task_means import MOST_EXAMPLES
from synlearn.scorers.direct import Direct

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Score = Annotated[float, Field(ge=-LARGEST_SCORE, le=LARGEST_SCORE)]
Similarity = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=MOST_EXAMPLES, strict=True)]


class Body(BaseModel):
    """Whatever is sent has these members and no others."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ErrorBody(BaseModel):
    """Why a request was not answered."""

    code: str = Field(description="A closed list, for programs.")
    message: str = Field(description="A sentence: what is wrong, and what to do.")


class ShapeBody(BaseModel):
    """The shape of images."""

    channels: int
    height: int
    width: int


class FileBody(BaseModel):
    """A file of the MRE model that can be fetched."""

    name: str
    sha256: str = Field(description="Hex.")
    size: int = Field(description="Bytes.")


class AboutBody(BaseModel):
    """What is served."""

    mre: str = Field(description="Digest that stands for the MRE model.")
    zoo: str = Field(description="Digest that stands for the zoo.")
    kind: Literal["classification", "regression"]
    models: int
    input: ShapeBody
    features: int = Field(description="Numbers in a class's mean.")
    files: list[FileBody]
    most_classes: int
    most_request_bytes: int
    version: str


class ModelBody(BaseModel):
    """What the list tells of a model."""

    id: str
    license: str
    parameters: int
    input: ShapeBody
    outputs: list[str]
    sha256: str = Field(description="Of its file, hex.")
    size: int = Field(description="Of its file, bytes.")
    card_sha256: str


class ModelsBody(BaseModel):
    """Some of the models, in the order of their ids."""

    models: list[ModelBody]
    more: bool


class ConditionsBody(Body):
    """What models have to meet; what is not given asks nothing."""

    most_parameters: int | None = Field(None, ge=1, le=2**62, strict=True)
    licenses: list[Name] = Field(default_factory=list, max_length=LONGEST_NAME)
    input_shape: str | None = Field(
        None,
        max_length=40,
        pattern=r"^([1-9][0-9]{0,8}|\*)x([1-9][0-9]{0,8}|\*)x([1-9][0-9]{0,8}|\*)$",
        description="Channels, height and width, as 3x32x32; * for any.",
    )

    def message(self) -> pb.Conditions:
        """The same as a message."""
        return pb.Conditions(
            most_parameters=self.most_parameters or 0,
            licenses=self.licenses,
            input_shape=self.input_shape or "",
        )


class TaskBody(Body):
    """A task as the metric knows it.

    `means` and `counts` have one entry for each class; `of` gives them the served model's sizes.
    """

    means: list[list[float]] = Field(
        description="Mean of the backbone's features over the examples of each class; no longer "
        "than 1, as features are of length 1."
    )
    counts: list[Count] = Field(description="Examples of each class.")
    classes: list[Name] | None = Field(
        None, description="Names of the classes; none are needed, and they are not kept."
    )

    def message(self) -> pb.Task:
        """The same as a message; what does not fit together is found by its reader."""
        means = np.array(self.means, "<f4")
        return pb.Task(
            means=means.tobytes(),
            features=means.shape[1],
            counts=self.counts,
            classes=self.classes or (),
        )


class EvidenceBody(Body):
    """What models make of the examples: whoever asks has run them, and sends no image."""

    models: list[Name] = Field(
        min_length=1,
        max_length=MOST_RUN,
        description="The first ones of the same request's ranking without evidence.",
    )
    scores: dict[Direct, list[Score]] = Field(
        description="Each direct score of every model; higher is better."
    )
    similarity: list[list[Similarity]] = Field(
        max_length=MOST_RUN,
        description="How alike two models see the examples: the centred kernel alignment of their "
        "features.",
    )

    def message(self) -> pb.Evidence:
        """The same as a message; what does not fit together is found by its reader."""
        return pb.Evidence(
            models=self.models,
            scores=[pb.DirectScore(name=name, values=own) for name, own in self.scores.items()],
            similarity=[each for row in self.similarity for each in row],
        )


class RankedBody(BaseModel):
    """A row of a ranking; docs/ranking.md says what its numbers mean."""

    rank: int
    model: str
    score: float
    low: float | None
    high: float | None
    best_probability: float | None
    tied_with_best: bool
    tier: int | None
    was_run: bool
    facts: dict[str, Any] | None = None


class RankingBody(BaseModel):
    """A ranking, best first: format synlearn.ranking/2, as the library writes it."""

    format: str
    summary: str
    outside: bool
    warning: str
    notes: list[str]
    unit: str
    confidence: float
    provenance: dict[str, str | int | float]
    models: list[RankedBody]


class MatchBody(BaseModel):
    """What one class of the task was matched to."""

    task_class: str
    model_class: str | None
    weight: float


class ExplanationBody(BaseModel):
    """The attention that a model's classes get: format synlearn.explanation/1."""

    format: str
    model: str
    task_classes: list[str]
    model_classes: list[str]
    columns: list[str]
    weights: list[list[float]]
    spread: list[list[float]]
    matches: list[MatchBody]


class ExampleBody(BaseModel):
    """An example as the models see it."""

    model_config = ConfigDict(populate_by_name=True)

    name: str
    label: str = Field(alias="class")
    picture: str = Field(description="A data URI.")


class SentTaskBody(BaseModel):
    """The task's class means, to ask on with; the service does not keep them."""

    means: list[list[float]]
    counts: list[int]
    classes: list[str]


class PicturesBody(BaseModel):
    """A ranking for images that were sent."""

    ranking: RankingBody
    task: SentTaskBody
    examples: list[ExampleBody]
    images: int
    ignored: int = Field(description="Files that are no images.")


class PlaceBody(BaseModel):
    """A point of the map."""

    x: float
    y: float


class ModelPlaceBody(PlaceBody):
    """A model on the map."""

    model: str
    rank: int
    cosine: float = Field(description="What the metric measures between task and model.")


class MapBody(BaseModel):
    """The task among models, by t-SNE; coordinates lie in [-1, 1]."""

    task: PlaceBody
    models: list[ModelPlaceBody]
    left_out: int


class ExportBody(Body):
    """A ranking, an explanation or both, to be made a file."""

    form: Literal["csv", "html", "json", "png", "svg"]
    ranking: RankingBody | None = None
    explanation: ExplanationBody | None = None


def task_body(features: int, least: int, most: int) -> type[TaskBody]:
    """The task's body for an MRE model: so many features, and from `least` to `most` classes."""
    number = Annotated[float, Field(ge=-1.001, le=1.001)]
    row = Annotated[list[number], Field(min_length=features, max_length=features)]
    rows, counts, names = (
        Annotated[list[kind], Field(min_length=least, max_length=most)]  # type: ignore[valid-type]
        for kind in (row, Count, Name)
    )
    known = TaskBody.model_fields
    members: dict[str, Any] = {
        "means": (rows, known["means"]),
        "counts": (counts, known["counts"]),
        "classes": (names | None, known["classes"]),
    }
    return create_model("Task", __base__=TaskBody, __doc__=TaskBody.__doc__, **members)

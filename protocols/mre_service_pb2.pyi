from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Description(_message.Message):
    __slots__ = ("mre", "zoo", "kind", "models", "input", "features", "files", "most_classes", "most_request_bytes", "version")
    MRE_FIELD_NUMBER: _ClassVar[int]
    ZOO_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    MOST_CLASSES_FIELD_NUMBER: _ClassVar[int]
    MOST_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    mre: str
    zoo: str
    kind: str
    models: int
    input: Shape
    features: int
    files: _containers.RepeatedCompositeFieldContainer[ServedFile]
    most_classes: int
    most_request_bytes: int
    version: str
    def __init__(self, mre: _Optional[str] = ..., zoo: _Optional[str] = ..., kind: _Optional[str] = ..., models: _Optional[int] = ..., input: _Optional[_Union[Shape, _Mapping]] = ..., features: _Optional[int] = ..., files: _Optional[_Iterable[_Union[ServedFile, _Mapping]]] = ..., most_classes: _Optional[int] = ..., most_request_bytes: _Optional[int] = ..., version: _Optional[str] = ...) -> None: ...

class Shape(_message.Message):
    __slots__ = ("channels", "height", "width")
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    channels: int
    height: int
    width: int
    def __init__(self, channels: _Optional[int] = ..., height: _Optional[int] = ..., width: _Optional[int] = ...) -> None: ...

class ServedFile(_message.Message):
    __slots__ = ("name", "sha256", "size")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: str
    size: int
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ModelPage(_message.Message):
    __slots__ = ("models", "more")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    more: bool
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("id", "license", "parameters", "input", "outputs", "sha256", "size", "card_sha256")
    ID_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CARD_SHA256_FIELD_NUMBER: _ClassVar[int]
    id: str
    license: str
    parameters: int
    input: Shape
    outputs: _containers.RepeatedScalarFieldContainer[str]
    sha256: str
    size: int
    card_sha256: str
    def __init__(self, id: _Optional[str] = ..., license: _Optional[str] = ..., parameters: _Optional[int] = ..., input: _Optional[_Union[Shape, _Mapping]] = ..., outputs: _Optional[_Iterable[str]] = ..., sha256: _Optional[str] = ..., size: _Optional[int] = ..., card_sha256: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("means", "features", "counts", "classes")
    MEANS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    means: bytes
    features: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    classes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, means: _Optional[bytes] = ..., features: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ..., classes: _Optional[_Iterable[str]] = ...) -> None: ...

class Conditions(_message.Message):
    __slots__ = ("most_parameters", "licenses", "input_shape")
    MOST_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    LICENSES_FIELD_NUMBER: _ClassVar[int]
    INPUT_SHAPE_FIELD_NUMBER: _ClassVar[int]
    most_parameters: int
    licenses: _containers.RepeatedScalarFieldContainer[str]
    input_shape: str
    def __init__(self, most_parameters: _Optional[int] = ..., licenses: _Optional[_Iterable[str]] = ..., input_shape: _Optional[str] = ...) -> None: ...

class RankRequest(_message.Message):
    __slots__ = ("task", "where", "evidence")
    TASK_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    task: Task
    where: Conditions
    evidence: Evidence
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ..., where: _Optional[_Union[Conditions, _Mapping]] = ..., evidence: _Optional[_Union[Evidence, _Mapping]] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("models", "scores", "similarity")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedScalarFieldContainer[str]
    scores: _containers.RepeatedCompositeFieldContainer[DirectScore]
    similarity: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, models: _Optional[_Iterable[str]] = ..., scores: _Optional[_Iterable[_Union[DirectScore, _Mapping]]] = ..., similarity: _Optional[_Iterable[float]] = ...) -> None: ...

class DirectScore(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class RankReply(_message.Message):
    __slots__ = ("models", "scores", "lows", "highs", "best_probabilities", "tiers", "tied", "run", "unit", "warning", "notes", "confidence", "provenance", "facts")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    LOWS_FIELD_NUMBER: _ClassVar[int]
    HIGHS_FIELD_NUMBER: _ClassVar[int]
    BEST_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    TIED_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedScalarFieldContainer[str]
    scores: _containers.RepeatedScalarFieldContainer[float]
    lows: _containers.RepeatedScalarFieldContainer[float]
    highs: _containers.RepeatedScalarFieldContainer[float]
    best_probabilities: _containers.RepeatedScalarFieldContainer[float]
    tiers: _containers.RepeatedScalarFieldContainer[int]
    tied: _containers.RepeatedScalarFieldContainer[bool]
    run: int
    unit: str
    warning: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    confidence: float
    provenance: _containers.RepeatedCompositeFieldContainer[Fact]
    facts: _containers.RepeatedCompositeFieldContainer[Facts]
    def __init__(self, models: _Optional[_Iterable[str]] = ..., scores: _Optional[_Iterable[float]] = ..., lows: _Optional[_Iterable[float]] = ..., highs: _Optional[_Iterable[float]] = ..., best_probabilities: _Optional[_Iterable[float]] = ..., tiers: _Optional[_Iterable[int]] = ..., tied: _Optional[_Iterable[bool]] = ..., run: _Optional[int] = ..., unit: _Optional[str] = ..., warning: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ..., confidence: _Optional[float] = ..., provenance: _Optional[_Iterable[_Union[Fact, _Mapping]]] = ..., facts: _Optional[_Iterable[_Union[Facts, _Mapping]]] = ...) -> None: ...

class Fact(_message.Message):
    __slots__ = ("name", "text", "whole", "real")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    whole: int
    real: float
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., whole: _Optional[int] = ..., real: _Optional[float] = ...) -> None: ...

class Facts(_message.Message):
    __slots__ = ("parameters", "license", "input")
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    parameters: int
    license: str
    input: Shape
    def __init__(self, parameters: _Optional[int] = ..., license: _Optional[str] = ..., input: _Optional[_Union[Shape, _Mapping]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("task", "model")
    TASK_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    task: Task
    model: str
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ..., model: _Optional[str] = ...) -> None: ...

class ExplainReply(_message.Message):
    __slots__ = ("model", "task_classes", "model_classes", "weights", "spread")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TASK_CLASSES_FIELD_NUMBER: _ClassVar[int]
    MODEL_CLASSES_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    model: str
    task_classes: _containers.RepeatedScalarFieldContainer[str]
    model_classes: _containers.RepeatedScalarFieldContainer[str]
    weights: _containers.RepeatedScalarFieldContainer[float]
    spread: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, model: _Optional[str] = ..., task_classes: _Optional[_Iterable[str]] = ..., model_classes: _Optional[_Iterable[str]] = ..., weights: _Optional[_Iterable[float]] = ..., spread: _Optional[_Iterable[float]] = ...) -> None: ...

class FetchFileRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class FetchModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("data", "card")
    DATA_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    card: bool
    def __init__(self, data: _Optional[bytes] = ..., card: _Optional[bool] = ...) -> None: ...

from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Message(_message.Message):
    __slots__ = ("frames", "payload")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    payload: bytes
    def __init__(self, frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ..., payload: _Optional[bytes] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("hello", "welcome", "question", "answer", "refusal", "pending", "ack", "blob_request", "blob_chunk", "blob_error", "heartbeat", "goodbye", "error", "challenge", "proof")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    BLOB_REQUEST_FIELD_NUMBER: _ClassVar[int]
    BLOB_CHUNK_FIELD_NUMBER: _ClassVar[int]
    BLOB_ERROR_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    welcome: Welcome
    question: Question
    answer: Answer
    refusal: Refusal
    pending: Pending
    ack: Ack
    blob_request: BlobRequest
    blob_chunk: BlobChunk
    blob_error: BlobError
    heartbeat: Heartbeat
    goodbye: Goodbye
    error: Error
    challenge: Challenge
    proof: Proof
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., question: _Optional[_Union[Question, _Mapping]] = ..., answer: _Optional[_Union[Answer, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., pending: _Optional[_Union[Pending, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., blob_request: _Optional[_Union[BlobRequest, _Mapping]] = ..., blob_chunk: _Optional[_Union[BlobChunk, _Mapping]] = ..., blob_error: _Optional[_Union[BlobError, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., challenge: _Optional[_Union[Challenge, _Mapping]] = ..., proof: _Optional[_Union[Proof, _Mapping]] = ...) -> None: ...

class Query(_message.Message):
    __slots__ = ("phase", "step", "part")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    phase: int
    step: int
    part: int
    def __init__(self, phase: _Optional[int] = ..., step: _Optional[int] = ..., part: _Optional[int] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("version", "provider", "job", "token", "acknowledged", "in_flight", "max_body")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_BODY_FIELD_NUMBER: _ClassVar[int]
    version: int
    provider: str
    job: str
    token: bytes
    acknowledged: Query
    in_flight: int
    max_body: int
    def __init__(self, version: _Optional[int] = ..., provider: _Optional[str] = ..., job: _Optional[str] = ..., token: _Optional[bytes] = ..., acknowledged: _Optional[_Union[Query, _Mapping]] = ..., in_flight: _Optional[int] = ..., max_body: _Optional[int] = ...) -> None: ...

class Challenge(_message.Message):
    __slots__ = ("version", "nonce")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    version: int
    nonce: bytes
    def __init__(self, version: _Optional[int] = ..., nonce: _Optional[bytes] = ...) -> None: ...

class Proof(_message.Message):
    __slots__ = ("signature",)
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    signature: bytes
    def __init__(self, signature: _Optional[bytes] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("version", "in_flight", "max_body", "max_chunk", "blob_window")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_BODY_FIELD_NUMBER: _ClassVar[int]
    MAX_CHUNK_FIELD_NUMBER: _ClassVar[int]
    BLOB_WINDOW_FIELD_NUMBER: _ClassVar[int]
    version: int
    in_flight: int
    max_body: int
    max_chunk: int
    blob_window: int
    def __init__(self, version: _Optional[int] = ..., in_flight: _Optional[int] = ..., max_body: _Optional[int] = ..., max_chunk: _Optional[int] = ..., blob_window: _Optional[int] = ...) -> None: ...

class Question(_message.Message):
    __slots__ = ("query", "deadline_ms", "body")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    query: Query
    deadline_ms: int
    body: bytes
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., deadline_ms: _Optional[int] = ..., body: _Optional[bytes] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("query", "body")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    query: Query
    body: bytes
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("query", "code")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    query: Query
    code: int
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., code: _Optional[int] = ...) -> None: ...

class Pending(_message.Message):
    __slots__ = ("query", "until", "reason")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    query: Query
    until: int
    reason: int
    def __init__(self, query: _Optional[_Union[Query, _Mapping]] = ..., until: _Optional[int] = ..., reason: _Optional[int] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("up_to",)
    UP_TO_FIELD_NUMBER: _ClassVar[int]
    up_to: Query
    def __init__(self, up_to: _Optional[_Union[Query, _Mapping]] = ...) -> None: ...

class BlobRequest(_message.Message):
    __slots__ = ("digest", "offset", "length")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    offset: int
    length: int
    def __init__(self, digest: _Optional[bytes] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class BlobChunk(_message.Message):
    __slots__ = ("digest", "offset", "total")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    offset: int
    total: int
    def __init__(self, digest: _Optional[bytes] = ..., offset: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class BlobError(_message.Message):
    __slots__ = ("digest", "offset", "code")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    offset: int
    code: int
    def __init__(self, digest: _Optional[bytes] = ..., offset: _Optional[int] = ..., code: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason", "code")
    REASON_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    code: int
    def __init__(self, reason: _Optional[str] = ..., code: _Optional[int] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("code", "sentence")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    code: int
    sentence: str
    def __init__(self, code: _Optional[int] = ..., sentence: _Optional[str] = ...) -> None: ...

class Body(_message.Message):
    __slots__ = ("function", "values")
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    function: str
    values: _containers.RepeatedCompositeFieldContainer[Named]
    def __init__(self, function: _Optional[str] = ..., values: _Optional[_Iterable[_Union[Named, _Mapping]]] = ...) -> None: ...

class Named(_message.Message):
    __slots__ = ("name", "boolean", "integer", "real", "text", "texts", "array")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    ARRAY_FIELD_NUMBER: _ClassVar[int]
    name: str
    boolean: bool
    integer: int
    real: float
    text: str
    texts: Texts
    array: Array
    def __init__(self, name: _Optional[str] = ..., boolean: _Optional[bool] = ..., integer: _Optional[int] = ..., real: _Optional[float] = ..., text: _Optional[str] = ..., texts: _Optional[_Union[Texts, _Mapping]] = ..., array: _Optional[_Union[Array, _Mapping]] = ...) -> None: ...

class Texts(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, items: _Optional[_Iterable[str]] = ...) -> None: ...

class Array(_message.Message):
    __slots__ = ("dtype", "shape", "data")
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    dtype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

"""The frames of a session as values; messages.proto has the same on the wire.

Construction does not check: `protocols.framing.decode` does, for everything that arrives.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from protocols.errors import Code
from protocols.ids import Digest, JobId, ProviderId, QueryId

VERSION = 2
NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Hello:
    """The provider's first frame: who it is, for which job, and where it stands."""

    provider: ProviderId
    job: JobId
    token: bytes = field(repr=False)  # in no log
    acknowledged: QueryId | None
    in_flight: int
    max_body: int
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Challenge:
    """The coordinator's first frame: sign this, in a `Proof`; drawn anew for every stream."""

    nonce: bytes
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Proof:
    """The provider's identity key signed what `protocols.proof` says."""

    signature: bytes


@dataclass(frozen=True, slots=True)
class Welcome:
    """The provider is admitted, within these limits."""

    in_flight: int
    max_body: int
    max_chunk: int
    blob_window: int
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Question:
    """A question, to be answered within `deadline_ms` of its arrival."""

    query: QueryId
    deadline_ms: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question."""

    query: QueryId
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """There will be no answer to one question."""

    query: QueryId
    code: Code


@dataclass(frozen=True, slots=True)
class Pending:
    """The answer to one question will not come before `until`, in unix seconds."""

    query: QueryId
    until: int
    reason: Code


@dataclass(frozen=True, slots=True)
class Ack:
    """Answers up to this query are safe with the coordinator."""

    up_to: QueryId


@dataclass(frozen=True, slots=True)
class BlobRequest:
    """The provider asks for `length` bytes of a file, fewer at its end."""

    digest: Digest
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class BlobChunk:
    """A piece of a file of `total` bytes; where it arrived, `data` is a view of its message."""

    digest: Digest
    offset: int
    total: int
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class BlobError:
    """The requested piece will not come."""

    digest: Digest
    offset: int
    code: Code


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """This end is alive."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The session ends as it should; `code` where the other end has to act on why."""

    reason: str
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class Error:
    """The session ends because of what the receiver of this frame did."""

    code: Code
    sentence: str


Frame: TypeAlias = (
    Hello
    | Challenge
    | Proof
    | Welcome
    | Question
    | Answer
    | Refusal
    | Pending
    | Ack
    | BlobRequest
    | BlobChunk
    | BlobError
    | Heartbeat
    | Goodbye
    | Error
)

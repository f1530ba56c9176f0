"""A question as it waits for the owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from protocols.ids import Digest, JobId, QueryId
from provider.costs import Cost


class Decision(Enum):
    """What the owner says about a question."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"  # nobody said anything in time


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the owner sees it.

    Attributes:
        job: That asks.
        query: The question's id.
        body: Digest of the question's body: approval is for this one alone.
        function: Of the question.
        purpose: Of the job, in its coordinator's words.
        shape: What is asked: see `shape_of`.
        rows: How many rows stand behind it, by class.
        cost: Of the answer.
    """

    job: JobId
    query: QueryId
    body: Digest
    function: str
    purpose: str
    shape: str
    rows: Mapping[str, int]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line of the queue.

    Attributes:
        id: By which the owner names it.
        asked: The question.
        since: Unix seconds.
        expires: Unix seconds.
        decision: So far.
    """

    id: int
    asked: Asked
    since: float
    expires: float
    decision: Decision

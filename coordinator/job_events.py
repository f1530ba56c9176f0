"""What happens in a job, told to whoever watches it: sessions, questions, sums, rounds, files.

A listener is called in the thread where it happened, often the sessions' own, and has to return
quickly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from coordinator.aggregation_events import AttemptEnded
from coordinator.questions import Answered
from coordinator.session_events import SessionEvent
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId

MASKED = "masked"
"""In the place of a function: joining a job, and the rounds of a masked sum."""


class Outcome(Enum):
    """What came of a question to one provider."""

    ANSWERED = "answered"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    STOPPED = "stopped"
    """Nobody waits for the answer any more: the job or the coordinator ended."""


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """A question to one provider was handed over; the provider may be away.

    Attributes:
        provider: Who is asked.
        query: The question's id.
        function: What is asked, of the closed list; or MASKED.
        size: Bytes of the question's body.
    """

    provider: ProviderId
    query: QueryId
    function: str
    size: int


@dataclass(frozen=True, slots=True)
class QuestionSettled:
    """It is known what came of a question.

    Attributes:
        provider: Who was asked.
        query: The question's id.
        function: As it was asked.
        outcome: What came of it.
        code: Why it was refused, or the last delay that was announced before it timed out; None
            elsewhere.
        size: Bytes of the answer's body; 0 where there is none.
        seconds: Since it was asked, the provider's absence included.
    """

    provider: ProviderId
    query: QueryId
    function: str
    outcome: Outcome
    code: Code | None
    size: int
    seconds: float


class Stage(Enum):
    """The two loops of Algorithm 1."""

    PRETRAINING = "pretraining"
    LEARNING = "learning"


@dataclass(frozen=True, slots=True)
class RoundsDone:
    """So many rounds of a stage are done, of all that are planned."""

    stage: Stage
    done: int
    planned: int


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """All that came of questions up to an id is in a checkpoint on disk."""

    up_to: QueryId


@dataclass(frozen=True, slots=True)
class FileServed:
    """A provider pulled so many bytes of a file."""

    size: int


JobEvent: TypeAlias = (
    SessionEvent
    | QuestionAsked
    | QuestionSettled
    | Answered
    | AttemptEnded
    | RoundsDone
    | Checkpointed
    | FileServed
)
EventListener: TypeAlias = Callable[[JobEvent], None]


def ignore(event: JobEvent) -> None:
    """Take no notice."""


def to_all(*listeners: EventListener) -> EventListener:
    """One listener that tells several, in this order."""

    def tell(event: JobEvent) -> None:
        for listener in listeners:
            listener(event)

    return tell

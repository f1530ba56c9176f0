"""What happens at a node, told to whoever watches it at the site; nothing of it goes elsewhere.

A watcher is called in the thread where it happened, and has to return quickly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from protocols.errors import Code
from protocols.ids import JobId

MASKED, UNREADABLE = "masked", "unreadable"
"""In the place of a function: a round of a masked sum, and a question that nobody could read."""


class Verdict(Enum):
    """What came of a question."""

    ANSWERED = "answered"
    """An answer was computed."""
    STORED = "stored"
    """It was answered before; the stored answer went out again."""
    REFUSED = "refused"
    DROPPED = "dropped"
    """Its deadline passed first, or the session ended."""


@dataclass(frozen=True, slots=True)
class QuestionEnded:
    """A question is over.

    Attributes:
        job: Who asked.
        function: What, of the closed list; MASKED, UNREADABLE.
        verdict: What came of it.
        code: Why it was refused; None where it was not.
        size: Bytes of the answer; 0 where there is none.
        seconds: Since it came, waiting included.
    """

    job: JobId
    function: str
    verdict: Verdict
    code: Code | None
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class QuestionPostponed:
    """A question waits; whoever asked was told why."""

    job: JobId
    function: str
    reason: Code


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The coordinator let the node in."""

    job: JobId


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The stream ended, or could not be opened; the node will try again."""

    job: JobId


@dataclass(frozen=True, slots=True)
class SessionOver:
    """The session ended for good, or until the owner joins the job again."""

    job: JobId


class WorkerEnd(Enum):
    """Why a model worker is there no more, where nobody had asked it to go."""

    TIMEOUT = "timeout"
    """It took longer than a call may, and was killed."""
    PROCESSOR = "processor"
    """It used more processor time than a call may."""
    SIGNAL = "signal"
    """A signal killed it: most often the kernel's, for memory or a forbidden call."""
    EXIT = "exit"
    """It ended by itself, or closed its pipe."""
    LIED = "lied"
    """It said what it should not, and was killed."""


@dataclass(frozen=True, slots=True)
class WorkerEnded:
    """A model worker had to be killed, or died."""

    how: WorkerEnd


@dataclass(frozen=True, slots=True)
class PolicyRead:
    """The policy file was read, at the start or after a change.

    Attributes:
        accepted: Whether it is in force; a wrong one leaves the policy as it was.
        delta: Of (epsilon, delta) in the policy in force.
        epsilon_job: Most epsilon of one job under it; None for no limit.
    """

    accepted: bool
    delta: float
    epsilon_job: float | None


class Knock(Enum):
    """What came of somebody's knocking at the door."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The invitation is not for this site, or not from whom it believes."""
    UNUSABLE = "unusable"
    """The invitation could not be put down."""
    WRONG_USER = "wrong_user"
    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Knocked:
    """Somebody was at the door."""

    verdict: Knock


NodeEvent: TypeAlias = (
    QuestionEnded
    | QuestionPostponed
    | SessionOpened
    | SessionLost
    | SessionOver
    | WorkerEnded
    | PolicyRead
    | Knocked
)
Watcher: TypeAlias = Callable[[NodeEvent], None]


def ignore(event: NodeEvent) -> None:
    """Take no notice."""

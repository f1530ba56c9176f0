"""What happens on sessions, told to whoever runs the job."""

from dataclasses import dataclass
from typing import TypeAlias

from protocols.errors import Code
from protocols.ids import ProviderId, QueryId


@dataclass(frozen=True, slots=True)
class Joined:
    """A provider opened its first session."""

    provider: ProviderId


@dataclass(frozen=True, slots=True)
class Rejoined:
    """A provider opened a session again; unanswered questions were asked again."""

    provider: ProviderId


@dataclass(frozen=True, slots=True)
class Lost:
    """A provider's stream ended. Its questions wait, until their deadlines, for the next one."""

    provider: ProviderId
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """A provider's owner left the job for good. Its questions are refused from now on."""

    provider: ProviderId


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Someone at `peer` was not let in; `provider` is the name given, where one was."""

    peer: str
    provider: ProviderId | None
    code: Code
    sentence: str


@dataclass(frozen=True, slots=True)
class Faulted:
    """A provider broke the rules of the session, which ended."""

    provider: ProviderId
    code: Code
    sentence: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """A provider will not answer a question before `until` (unix seconds)."""

    provider: ProviderId
    query: QueryId
    until: int
    reason: Code


SessionEvent: TypeAlias = Joined | Rejoined | Lost | Left | TurnedAway | Faulted | Postponed


def ignore(event: SessionEvent) -> None:
    """Take no notice."""

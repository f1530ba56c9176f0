"""What happens in a job, in the coordinator's own log."""

import logging
from typing import assert_never

from coordinator.aggregation_events import AttemptEnded
from coordinator.job_events import (
    Checkpointed,
    FileServed,
    JobEvent,
    Outcome,
    QuestionAsked,
    QuestionSettled,
    RoundsDone,
)
from coordinator.questions import Answered
from coordinator.session_events import (
    Faulted,
    Joined,
    Left,
    Lost,
    Postponed,
    Rejoined,
    SessionEvent,
    TurnedAway,
)
from protocols.ids import JobId

_log = logging.getLogger(__name__)


class JobLog:
    """A listener that logs each event under the names that both ends have for it.

    What goes as it should to a single provider is a detail (DEBUG): the question is one line when
    all have answered.

    Args:
        job: Whose events they are.
    """

    def __init__(self, job: JobId) -> None:
        self._job = job

    def __call__(self, event: JobEvent) -> None:
        """Log an event."""
        match event:
            case QuestionAsked(provider, query, function, size):
                about = {"provider": provider, "query": query, "function": function}
                self._say(logging.DEBUG, "asked", bytes=size, **about)
            case QuestionSettled():
                self._settled(event)
            case Answered(query, function, providers, _, received):
                about = {"query": query, "function": function, "bytes": received}
                self._say(logging.INFO, f"all {providers} have answered", **about)
            case AttemptEnded():
                self._attempt(event)
            case RoundsDone(stage, done, planned):
                self._say(logging.INFO, f"{done} of {planned} rounds of {stage.value} are done")
            case FileServed(size):
                self._say(logging.DEBUG, "a piece of a file was pulled", bytes=size)
            case Checkpointed(up_to):
                self._say(logging.INFO, "checkpoint; all up to this question is safe", query=up_to)
            case _:
                self._session(event)

    def _session(self, event: SessionEvent) -> None:
        match event:
            case Joined(provider):
                self._say(logging.INFO, "joined", provider=provider)
            case Rejoined(provider):
                self._say(logging.INFO, "joined again", provider=provider)
            case Lost(provider, reason):
                self._say(logging.WARNING, f"its session is lost: {reason}", provider=provider)
            case Left(provider):
                self._say(logging.WARNING, "its owner left the job", provider=provider)
            case TurnedAway():
                pass  # its stream has said so
            case Faulted(provider, code, sentence):
                about = {"provider": provider, "code": code.name}
                self._say(logging.WARNING, f"broke the rules of the session: {sentence}", **about)
            case Postponed(provider, query, _, reason):
                about = {"provider": provider, "query": str(query), "code": reason.name}
                self._say(logging.INFO, f"put off: {reason.sentence}", **about)
            case _:
                assert_never(event)

    def _settled(self, event: QuestionSettled) -> None:
        level, sentence = logging.DEBUG, event.outcome.value
        if event.outcome is Outcome.REFUSED and event.code:
            level, sentence = logging.WARNING, f"refused: {event.code.sentence}"
        elif event.outcome is Outcome.TIMED_OUT:
            level, sentence = logging.WARNING, "did not answer in time"
            if event.code:
                sentence += f": {event.code.sentence}"
        self._say(
            level,
            sentence,
            provider=event.provider,
            query=event.query,
            function=event.function,
            code=event.code.name if event.code else None,
            bytes=event.size,
            seconds=round(event.seconds, 3),
        )

    def _attempt(self, ended: AttemptEnded) -> None:
        about = {"query": ended.query, "function": ended.function, "attempt": ended.attempt}
        for party, drop in sorted(ended.dropped.items()):
            self._say(
                logging.WARNING,
                f"left the masked sum in round {drop.round}: {drop.why}",
                provider=party,
                code=drop.code.name if drop.code else None,
                **about,
            )
        failed = f"the masked sum failed: {ended.failure}" if ended.failure else ""
        self._say(
            logging.WARNING if failed else logging.INFO,
            failed or f"a masked sum of {len(ended.survivors)} of {ended.parties} parties",
            bytes=ended.received,
            seconds=round(ended.seconds, 3),
            **about,
        )

    def _say(self, level: int, sentence: str, **fields: object) -> None:
        _log.log(level, "%s", sentence, extra={"job": self._job, **fields})

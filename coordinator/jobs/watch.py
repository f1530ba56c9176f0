"""What is known of a running job: who is there, what each is doing, what went wrong."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from coordinator.job_events import JobEvent, Outcome, QuestionSettled
from coordinator.session_events import (
    Faulted,
    Joined,
    Left,
    Lost,
    Postponed,
    Rejoined,
    TurnedAway,
)
from protocols.ids import ProviderId

_KEPT = 20
"""Troubles that are remembered."""
_PHASES = {"started", "pretraining", "validation", "targets", "learning", "fusion", "finished"}


class JobWatch:
    """Listens to a job; may be asked from any thread.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._phase: dict[str, Any] = {}
        self._last: dict[ProviderId, dict[str, Any]] = {}
        self._troubles: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._questions = 0
        self._bytes = 0
        self._sums = 0

    def event(self, event: JobEvent) -> None:
        """Something happened; of what does not go as it should, more is kept."""
        match event:
            case QuestionSettled(outcome=Outcome.REFUSED):
                code = event.code.sentence if event.code else ""
                self._note(event.provider, "refused", f"its node refused {event.query}", code)
            case QuestionSettled(outcome=Outcome.TIMED_OUT):
                self._note(event.provider, "late", f"did not answer {event.query} in time", " ")
            case Joined() | Rejoined():
                self._note(event.provider, "is here", "")
            case Lost():
                self._note(event.provider, "lost", "its stream ended", event.reason)
            case Left():
                self._note(event.provider, "left", "its owner left the job")
            case Postponed():
                self._note(
                    event.provider,
                    "postponed",
                    "its node asks to wait",
                    f"{event.query} until {event.until}: {event.reason.sentence}",
                )
            case Faulted():
                self._note(
                    event.provider, "faulted", "the coordinator ended its stream", event.sentence
                )
            case TurnedAway():
                self._note(
                    event.provider or ProviderId("?"),
                    "turned away",
                    "the coordinator refused it",
                    f"{event.sentence} (from {event.peer})",
                )

    def told(self, line: Mapping[str, Any]) -> None:
        """A line of the run's log was written."""
        event = line["event"]
        with self._lock:
            if event in _PHASES:
                self._phase = dict(line)
            elif event == "questions":
                self._questions += line["providers"]
                self._bytes += line["bytes_sent"] + line["bytes_received"]
            elif event == "aggregation":
                self._sums += not line["failure"]
                self._bytes += line["bytes_sent"] + line["bytes_received"]
                if line["failure"]:
                    self._troubles.append(
                        {"time": line["time"], "what": f"{line['query']}: {line['failure']}"}
                    )
            elif event in {"warning", "absent", "entered"}:
                self._troubles.append({"time": line["time"], "what": line["sentence"]})

    def as_table(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        with self._lock:
            return {
                "phase": self._phase,
                "questions": self._questions,
                "sums": self._sums,
                "bytes": self._bytes,
                "troubles": list(self._troubles),
            }

    def last(self, provider: ProviderId) -> dict[str, Any]:
        """What happened last to a provider's session."""
        with self._lock:
            return dict(self._last.get(provider, {}))

    def _note(self, provider: ProviderId, what: str, side: str, why: str = "") -> None:
        now = round(self._clock(), 3)
        with self._lock:
            self._last[provider] = {"time": now, "what": what, "side": side, "why": why}
            if why:
                self._troubles.append({"time": now, "what": f"{provider}: {side}: {why}"})

"""What happens in a coordinator's jobs, counted for Prometheus since the process was started.

Every label is from a closed list, but for the names of jobs, which are this operator's own; a job
that is over has no series any more.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from coordinator.aggregation_events import AttemptEnded
from coordinator.job_events import (
    MASKED,
    Checkpointed,
    EventListener,
    FileServed,
    JobEvent,
    Outcome,
    QuestionAsked,
    QuestionSettled,
    RoundsDone,
)
from coordinator.questions import Phase
from coordinator.session_events import (
    Faulted,
    Joined,
    Left,
    Lost,
    Rejoined,
    SessionEvent,
    TurnedAway,
)
from protocols.ids import JobId, ProviderId
from protocols.masked import MASKED as MASKED_FUNCTIONS
from protocols.queries import QUERIES

_FUNCTIONS = frozenset({*QUERIES, *MASKED_FUNCTIONS, MASKED})
_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
_BY_FUNCTION = ("job", "function")


class JobMetrics:
    """The metrics of all jobs of a process.

    Args:
        registry: Where they are entered.
        clock: Unix seconds.
    """

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock

        def counter(name: str, text: str, labels: tuple[str, ...]) -> Counter:
            return Counter(f"synlearn_coordinator_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, labels: tuple[str, ...] = ("job",)) -> Gauge:
            return Gauge(f"synlearn_coordinator_{name}", text, labels, registry=registry)

        self.expected = gauge("providers_expected", "Providers that take part in the job.")
        self.present = gauge("providers_present", "Providers whose session is open now.")
        self.lost = counter("sessions_lost", "Sessions that were open and ended.", ("job",))
        self.faulted = counter(
            "session_faults", "Sessions ended for breaking their rules.", ("job", "code")
        )
        self.turned_away = counter("turned_away", "Streams that were not let in.", ("code",))
        self.asked = counter(
            "questions_asked", "Questions, one for each provider asked.", _BY_FUNCTION
        )
        self.settled = counter(
            "questions_settled",
            "Questions of which it is known what came of them; code says why one was refused.",
            ("job", "function", "outcome", "code"),
        )
        self.in_flight = gauge("questions_in_flight", "Questions that wait for their answers.")
        self.sent = counter("question_bytes", "Bytes of the questions' bodies.", _BY_FUNCTION)
        self.received = counter("answer_bytes", "Bytes of the answers' bodies.", _BY_FUNCTION)
        self.seconds = Histogram(
            "synlearn_coordinator_question_duration_seconds",
            "From a question to its answer, the provider's absence included.",
            ("function",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.attempts = counter(
            "masked_attempts",
            "Attempts at masked sums, by outcome.",
            ("job", "function", "outcome"),
        )
        self.dropouts = counter(
            "masked_dropouts", "Parties that left an attempt at a masked sum.", _BY_FUNCTION
        )
        self.files = counter("file_bytes", "Bytes of files that providers pulled.", ("job",))
        self.rounds = gauge("job_rounds", "Rounds that are done.", ("job", "stage"))
        self.planned = gauge("job_rounds_planned", "Rounds that are planned.", ("job", "stage"))
        self.phase = gauge(
            "job_phase", "1 for the phase of the last question, else 0.", ("job", "phase")
        )
        self.began = gauge("job_start_timestamp_seconds", "When this process took the job up.")
        self.checkpoint = gauge(
            "checkpoint_timestamp_seconds",
            "When this process last put the job's state on disk; absent before.",
        )
        self._of_jobs = (
            *(self.expected, self.present, self.lost, self.faulted, self.asked, self.settled),
            *(self.in_flight, self.sent, self.received, self.attempts, self.dropouts, self.files),
            *(self.rounds, self.planned, self.phase, self.began, self.checkpoint),
        )

    @contextmanager
    def watching(self, job: JobId, providers: int) -> Iterator[EventListener]:
        """Count what happens in a job, for as long as the context lasts.

        Args:
            job: Its name.
            providers: How many take part.
        """
        self.expected.labels(job).set(providers)
        self.began.labels(job).set(self.clock())
        counting = _Job(self, job)
        try:
            yield counting
        finally:
            counting.end()
            for metric in self._of_jobs:
                metric.remove_by_labels({"job": job})

    def count_turned_away(self, event: TurnedAway) -> None:
        """Count a stream that was not let in, whether it named an open job or not."""
        self.turned_away.labels(event.code.name).inc()


class _Job:
    """Counts the events of one job; call it from any thread."""

    def __init__(self, metrics: JobMetrics, job: JobId) -> None:
        self._metrics = metrics
        self._job = job
        self._present: set[ProviderId] = set()
        metrics.present.labels(job).set(0)
        metrics.in_flight.labels(job).set(0)
        for phase in Phase:
            metrics.phase.labels(job, phase.name.lower()).set(0)
        self._phase: int | None = None
        self._lock = threading.Lock()
        self._over = False

    def __call__(self, event: JobEvent) -> None:
        with self._lock:
            if not self._over:  # else its series would come back
                self._count(event)

    def end(self) -> None:
        """Count no more, whoever still tells of events."""
        with self._lock:
            self._over = True

    def _count(self, event: JobEvent) -> None:
        metrics, job = self._metrics, self._job
        match event:
            case QuestionAsked():
                self._asked(event)
            case QuestionSettled():
                self._settled(event)
            case AttemptEnded():
                self._attempt(event)
            case FileServed(size):
                metrics.files.labels(job).inc(size)
            case RoundsDone(stage, done, planned):
                metrics.rounds.labels(job, stage.value).set(done)
                metrics.planned.labels(job, stage.value).set(planned)
            case Checkpointed():
                metrics.checkpoint.labels(job).set(metrics.clock())
            case Joined() | Rejoined() | Lost() | Left() | Faulted() | TurnedAway():
                self._session(event)

    def _asked(self, asked: QuestionAsked) -> None:
        metrics, job, function = self._metrics, self._job, _known(asked.function)
        metrics.asked.labels(job, function).inc()
        metrics.sent.labels(job, function).inc(asked.size)
        metrics.in_flight.labels(job).inc()
        if asked.query.phase != self._phase:
            self._phase = asked.query.phase
            for phase in Phase:
                current = float(phase == self._phase)
                metrics.phase.labels(job, phase.name.lower()).set(current)

    def _settled(self, settled: QuestionSettled) -> None:
        metrics, job, function = self._metrics, self._job, _known(settled.function)
        code = settled.code.name if settled.code else ""
        metrics.settled.labels(job, function, settled.outcome.value, code).inc()
        metrics.in_flight.labels(job).dec()
        if settled.outcome is Outcome.ANSWERED:
            metrics.received.labels(job, function).inc(settled.size)
            metrics.seconds.labels(function).observe(settled.seconds)

    def _attempt(self, ended: AttemptEnded) -> None:
        metrics, job, function = self._metrics, self._job, _known(ended.function)
        outcome = "failed" if ended.failure else "sum"
        metrics.attempts.labels(job, function, outcome).inc()
        metrics.dropouts.labels(job, function).inc(len(ended.dropped))

    def _session(self, event: SessionEvent) -> None:
        metrics, job = self._metrics, self._job
        match event:
            case Joined(provider) | Rejoined(provider):
                self._present.add(provider)
            case Lost(provider):
                self._present.discard(provider)
                metrics.lost.labels(job).inc()
            case Left(provider):
                self._present.discard(provider)
            case Faulted(_, code):
                metrics.faulted.labels(job, code.name).inc()
            case TurnedAway():
                metrics.count_turned_away(event)
        metrics.present.labels(job).set(len(self._present))


def _known(function: str) -> str:
    return function if function in _FUNCTIONS else "other"

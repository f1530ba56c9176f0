"""What happens at a node, counted for Prometheus since the node was started.

Every label is from a closed list, but for the names of jobs, which are those that the owner joined
and that are open now.
"""

from typing import assert_never

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from protocols.ids import JobId
from protocols.masked import MASKED as MASKED_FUNCTIONS
from protocols.queries import QUERIES
from provider.events import (
    MASKED,
    UNREADABLE,
    Knock,
    Knocked,
    NodeEvent,
    PolicyRead,
    QuestionEnded,
    QuestionPostponed,
    SessionLost,
    SessionOpened,
    SessionOver,
    Verdict,
    WorkerEnd,
    WorkerEnded,
)

_FUNCTIONS = frozenset({*QUERIES, *MASKED_FUNCTIONS, MASKED})
_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class NodeMetrics:
    """A watcher that counts; call it from any thread.

    Args:
        registry: Where the metrics are entered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._questions = Counter(
            "synlearn_node_questions",
            "Questions that are over, by what came of them; code says why one was refused.",
            ("function", "verdict", "code"),
            registry=registry,
        )
        self._postponed = Counter(
            "synlearn_node_questions_postponed",
            "Delays that were announced for questions, by reason.",
            ("function", "reason"),
            registry=registry,
        )
        self._bytes = Counter(
            "synlearn_node_answer_bytes",
            "Bytes of answers that were given, those given again included.",
            ("job", "function"),
            registry=registry,
        )
        self._seconds = Histogram(
            "synlearn_node_question_duration_seconds",
            "From a question's arrival to its answer, waiting included; computed answers only.",
            ("function",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._open = Gauge(
            "synlearn_node_session_open",
            "1 while the coordinator of the job has let the node in, else 0.",
            ("job",),
            registry=registry,
        )
        self._losses = Counter(
            "synlearn_node_session_losses",
            "Streams that ended or could not be opened, each followed by another attempt.",
            ("job",),
            registry=registry,
        )
        self._worker = Counter(
            "synlearn_node_model_worker_ends",
            "Model workers that died or had to be killed.",
            ("how",),
            registry=registry,
        )
        self._policy = Counter(
            "synlearn_node_policy_reads",
            "Readings of the policy file, at the start and after each change.",
            ("result",),
            registry=registry,
        )
        self._rejected = Gauge(
            "synlearn_node_policy_rejected",
            "1 while the policy file is wrong, so that an older policy is in force, else 0.",
            registry=registry,
        )
        self._epsilon_limit = Gauge(
            "synlearn_node_privacy_epsilon_limit",
            "Most epsilon of one job, as the policy has it; +Inf for no limit.",
            registry=registry,
        )
        self._knocks = Counter(
            "synlearn_node_door_knocks",
            "Connections at the door for invitations.",
            ("verdict",),
            registry=registry,
        )
        for how in WorkerEnd:  # there from the start, so that a first event is an increase
            self._worker.labels(how.value)
        for verdict in Knock:
            self._knocks.labels(verdict.value)
        self._policy.labels("rejected")
        self.delta = 0.0
        """Of (epsilon, delta) in the policy in force."""

    def __call__(self, event: NodeEvent) -> None:
        """Count an event."""
        match event:
            case QuestionEnded():
                self._question(event)
            case QuestionPostponed():
                self._postponed.labels(_known(event.function), event.reason.name).inc()
            case SessionOpened():
                self._open.labels(event.job).set(1)
            case SessionLost():
                self._open.labels(event.job).set(0)
                self._losses.labels(event.job).inc()
            case SessionOver():
                self._forget(event.job)
            case WorkerEnded():
                self._worker.labels(event.how.value).inc()
            case PolicyRead():
                self._policy_read(event)
            case Knocked():
                self._knocks.labels(event.verdict.value).inc()
            case _:
                assert_never(event)

    def _question(self, ended: QuestionEnded) -> None:
        function = _known(ended.function)
        code = ended.code.name if ended.code else ""
        self._questions.labels(function, ended.verdict.value, code).inc()
        if ended.verdict in {Verdict.ANSWERED, Verdict.STORED}:
            self._bytes.labels(ended.job, function).inc(ended.size)
        if ended.verdict is Verdict.ANSWERED:
            self._seconds.labels(function).observe(ended.seconds)

    def _policy_read(self, read: PolicyRead) -> None:
        self._policy.labels("accepted" if read.accepted else "rejected").inc()
        self._rejected.set(not read.accepted)
        self._epsilon_limit.set(float("inf") if read.epsilon_job is None else read.epsilon_job)
        self.delta = read.delta

    def _forget(self, job: JobId) -> None:
        """A job that is over has no series any more."""
        for metric in (self._bytes, self._open, self._losses):
            metric.remove_by_labels({"job": job})


def _known(function: str) -> str:
    return function if function in _FUNCTIONS else UNREADABLE

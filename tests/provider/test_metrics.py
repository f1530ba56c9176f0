from prometheus_client import CollectorRegistry

from protocols.errors import Code
from protocols.ids import JobId
from provider.events import (
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
from provider.metrics import NodeMetrics
from tests.scrape import Scrape, collected

JOB, OTHER = JobId("a-job"), JobId("another-job")
PREFIX = "synlearn_node"


def after(*events: NodeEvent) -> Scrape:
    registry = CollectorRegistry()
    metrics = NodeMetrics(registry)
    for event in events:
        metrics(event)
    return collected(registry)


def ended(
    verdict: Verdict,
    code: Code | None = None,
    size: int = 0,
    function: str = "describe",
    job: JobId = JOB,
) -> QuestionEnded:
    return QuestionEnded(job, function, verdict, code, size, 0.2)


def test_questions_by_function_and_verdict() -> None:
    found = after(
        ended(Verdict.ANSWERED, size=30),
        ended(Verdict.ANSWERED, size=20),
        ended(Verdict.STORED, size=20),
        ended(Verdict.REFUSED, Code.PAUSED),
        ended(Verdict.REFUSED, Code.PAUSED, function="masked"),
        ended(Verdict.REFUSED, Code.BUDGET_SPENT),
        ended(Verdict.DROPPED),
        QuestionPostponed(JOB, "describe", Code.AWAITING_APPROVAL),
    )
    name = f"{PREFIX}_questions_total"
    assert found.value(name, function="describe", verdict="answered", code="") == 2
    assert found.value(name, function="describe", verdict="stored", code="") == 1
    assert found.value(name, function="describe", verdict="refused", code="PAUSED") == 1
    assert found.value(name, function="masked", verdict="refused", code="PAUSED") == 1
    assert found.value(name, function="describe", verdict="refused", code="BUDGET_SPENT") == 1
    assert found.value(name, function="describe", verdict="dropped", code="") == 1
    assert found.value(f"{PREFIX}_answer_bytes_total", job=JOB, function="describe") == 70
    seconds = f"{PREFIX}_question_duration_seconds_count"
    assert found.value(seconds, function="describe") == 2, "the computed ones alone"
    put_off = f"{PREFIX}_questions_postponed_total"
    assert found.value(put_off, function="describe", reason="AWAITING_APPROVAL") == 1


def test_what_is_on_no_list_is_no_label() -> None:
    found = after(ended(Verdict.REFUSED, Code.UNKNOWN_FUNCTION, function="evil words"))
    code = "UNKNOWN_FUNCTION"
    name = f"{PREFIX}_questions_total"
    assert found.value(name, function="unreadable", verdict="refused", code=code) == 1
    assert "evil" not in found.text


def test_sessions_open_get_lost_and_are_over() -> None:
    opened = after(SessionOpened(JOB), SessionOpened(OTHER))
    assert opened.total(f"{PREFIX}_session_open") == 2
    lost = after(SessionOpened(JOB), SessionLost(JOB), SessionLost(JOB))
    assert lost.value(f"{PREFIX}_session_open", job=JOB) == 0
    assert lost.value(f"{PREFIX}_session_losses_total", job=JOB) == 2
    over = after(
        SessionOpened(JOB), SessionLost(JOB), ended(Verdict.ANSWERED, size=3), SessionOver(JOB)
    )
    assert JOB not in over.labels()
    assert over.total(f"{PREFIX}_questions_total") == 1


def test_workers_and_knocks_are_there_before_the_first() -> None:
    found = after(WorkerEnded(WorkerEnd.TIMEOUT), Knocked(Knock.WRONG_USER))
    assert found.total(f"{PREFIX}_model_worker_ends_total") == 1
    for how in WorkerEnd:
        wanted = float(how is WorkerEnd.TIMEOUT)
        assert found.value(f"{PREFIX}_model_worker_ends_total", how=how.value) == wanted
    for verdict in Knock:
        wanted = float(verdict is Knock.WRONG_USER)
        assert found.value(f"{PREFIX}_door_knocks_total", verdict=verdict.value) == wanted


def test_a_wrong_policy_shows_until_it_is_right_again() -> None:
    right, wrong = PolicyRead(True, 1e-6, 2.5), PolicyRead(False, 1e-6, 2.5)
    found = after(right, wrong)
    assert found.value(f"{PREFIX}_policy_rejected") == 1
    assert found.value(f"{PREFIX}_policy_reads_total", result="rejected") == 1
    assert found.value(f"{PREFIX}_privacy_epsilon_limit") == 2.5
    found = after(right, wrong, PolicyRead(True, 1e-6, None))
    assert found.value(f"{PREFIX}_policy_rejected") == 0
    assert found.value(f"{PREFIX}_policy_reads_total", result="accepted") == 2
    assert found.value(f"{PREFIX}_privacy_epsilon_limit") == float("inf")

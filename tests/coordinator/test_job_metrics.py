from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from coordinator.aggregation_events import AttemptEnded, Dropped
from coordinator.authority.certificates import issue_server, make_authority
from coordinator.job_events import (
    Checkpointed,
    FileServed,
    JobEvent,
    Outcome,
    QuestionAsked,
    QuestionSettled,
    RoundsDone,
    Stage,
)
from coordinator.job_metrics import JobMetrics
from coordinator.metrics import serve_metrics
from coordinator.session_events import Faulted, Joined, Lost, Postponed, Rejoined, TurnedAway
from protocols.errors import Code
from protocols.ids import JobId, ProviderId, QueryId
from protocols.secagg.rounds import Round
from synlearn.errors import InputError
from synlearn.metrics_settings import MetricsSettings
from tests.log_lines import log_lines
from tests.scrape import Scrape, collected, scrape

JOB, OTHER = JobId("a-job"), JobId("another-job")
A, B, Q = ProviderId("alice"), ProviderId("bob"), QueryId(2, 0, 0)
NOW = 1000.0
PREFIX = "synlearn_coordinator"


class Scene:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = JobMetrics(self.registry, lambda: NOW)

    def after(self, *events: JobEvent) -> Scrape:
        with self.metrics.watching(JOB, 3) as count:
            for event in events:
                count(event)
            return collected(self.registry)


def test_who_is_present_is_counted_once_each() -> None:
    events = (Joined(A), Joined(B), Rejoined(A), Lost(B, "gone"))
    found = Scene().after(*events)
    assert found.value(f"{PREFIX}_providers_expected", job=JOB) == 3
    assert found.value(f"{PREFIX}_providers_present", job=JOB) == 1
    assert found.value(f"{PREFIX}_sessions_lost_total", job=JOB) == 1
    assert found.value(f"{PREFIX}_job_start_timestamp_seconds", job=JOB) == NOW


def test_questions_by_what_came_of_them() -> None:
    asked = [QuestionAsked(each, Q, "describe", 10) for each in (A, B)]
    found = Scene().after(
        *asked,
        QuestionSettled(A, Q, "describe", Outcome.ANSWERED, None, 25, 0.2),
        QuestionAsked(A, Q, "masked", 7),
        QuestionSettled(A, Q, "masked", Outcome.REFUSED, Code.PAUSED, 0, 0.1),
    )
    about = {"job": JOB, "function": "describe"}
    assert found.value(f"{PREFIX}_questions_asked_total", **about) == 2
    assert found.value(f"{PREFIX}_question_bytes_total", **about) == 20
    assert found.value(f"{PREFIX}_answer_bytes_total", **about) == 25
    settled = f"{PREFIX}_questions_settled_total"
    assert found.value(settled, **about, outcome="answered", code="") == 1
    about["function"] = "masked"
    assert found.value(settled, **about, outcome="refused", code="PAUSED") == 1
    assert found.value(f"{PREFIX}_questions_in_flight", job=JOB) == 1
    seconds = f"{PREFIX}_question_duration_seconds"
    assert found.value(f"{seconds}_count", function="describe") == 1
    assert found.value(f"{seconds}_bucket", function="describe", le="0.3") == 1
    assert found.value(f"{seconds}_bucket", function="describe", le="0.1") == 0
    assert found.value(f"{seconds}_count", function="masked") is None


def test_the_phase_is_that_of_the_last_question() -> None:
    found = Scene().after(QuestionAsked(A, QueryId(1, 0, 0), "describe", 1))
    phases = {
        name: found.value(f"{PREFIX}_job_phase", job=JOB, phase=name)
        for name in ("describe", "pretraining", "learning", "evidence")
    }
    assert phases == {"describe": 0, "pretraining": 1, "learning": 0, "evidence": 0}
    later = Scene().after(
        QuestionAsked(A, QueryId(1, 0, 0), "describe", 1),
        QuestionAsked(A, QueryId(2, 0, 0), "describe", 1),
    )
    assert later.total(f"{PREFIX}_job_phase", job=JOB) == 1
    assert later.value(f"{PREFIX}_job_phase", job=JOB, phase="learning") == 1


def test_sums_rounds_files_and_checkpoints() -> None:
    sums = "class_feature_sums"
    ended = AttemptEnded(Q, sums, 1, 3, (A, B), {}, 70, 30, 0.25)
    left = {A: Dropped(Round.MASK, "late"), B: Dropped(Round.MASK, "late")}
    failed = AttemptEnded(Q, sums, 2, 3, (), left, 70, 30, 0.25, "too few")
    found = Scene().after(
        ended,
        failed,
        RoundsDone(Stage.PRETRAINING, 3, 7),
        RoundsDone(Stage.LEARNING, 0, 9),
        FileServed(100),
        FileServed(11),
        Checkpointed(Q),
    )
    attempts = f"{PREFIX}_masked_attempts_total"
    assert found.value(attempts, job=JOB, function=sums, outcome="sum") == 1
    assert found.value(attempts, job=JOB, function=sums, outcome="failed") == 1
    assert found.value(f"{PREFIX}_masked_dropouts_total", job=JOB, function=sums) == 2
    assert found.value(f"{PREFIX}_job_rounds", job=JOB, stage="pretraining") == 3
    assert found.value(f"{PREFIX}_job_rounds_planned", job=JOB, stage="learning") == 9
    assert found.value(f"{PREFIX}_file_bytes_total", job=JOB) == 111
    assert found.value(f"{PREFIX}_checkpoint_timestamp_seconds", job=JOB) == NOW


def test_a_strangers_words_are_no_label() -> None:
    evil = ProviderId("evil")
    found = Scene().after(
        TurnedAway("ipv4:6.6.6.6:6", evil, Code.NOT_ADMITTED, "evil words"),
        Faulted(evil, Code.MALFORMED, "evil words"),
        Lost(evil, "evil words"),
        Postponed(evil, Q, 5, Code.BUSY),
        QuestionAsked(evil, Q, "evil function", 1),
        QuestionSettled(evil, Q, "evil function", Outcome.ANSWERED, None, 1, 0.1),
    )
    assert found.value(f"{PREFIX}_turned_away_total", code="NOT_ADMITTED") == 1
    assert found.value(f"{PREFIX}_session_faults_total", job=JOB, code="MALFORMED") == 1
    assert found.value(f"{PREFIX}_questions_asked_total", job=JOB, function="other") == 1
    assert "evil" not in found.text


def test_a_job_that_is_over_has_no_series() -> None:
    scene = Scene()
    with scene.metrics.watching(OTHER, 2) as other:
        with scene.metrics.watching(JOB, 3) as count:
            count(Joined(A))
            other(Joined(A))
        count(Lost(A, "late news"))
        found = collected(scene.registry)
        assert JOB not in found.labels()
        assert found.value(f"{PREFIX}_providers_present", job=OTHER) == 1


def test_they_are_served_over_http() -> None:
    now = datetime.now(UTC)
    certificate = issue_server(make_authority("us", now), ("localhost",), now).certificate
    with (
        log_lines() as lines,
        serve_metrics(MetricsSettings("127.0.0.1:0"), lambda: certificate) as metrics,
        metrics.watching(JOB, 3) as count,
    ):
        count(Joined(A))
        port = int(lines.parsed[-1]["message"].rpartition(" ")[2])
        found = scrape(port)
        taken = MetricsSettings(f"127.0.0.1:{port}")
        with pytest.raises(InputError, match="choose another port"), serve_metrics(taken, bytes):
            pass
    assert found.value(f"{PREFIX}_providers_present", job=JOB) == 1
    expiry = found.value(f"{PREFIX}_certificate_expiry_timestamp_seconds")
    assert expiry is not None
    assert abs(expiry - (now + timedelta(days=365)).timestamp()) < 60
    assert (found.value("process_resident_memory_bytes") or 0) > 2**20
    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_without_an_address_they_are_counted_and_not_served() -> None:
    with serve_metrics(MetricsSettings(), bytes) as metrics, metrics.watching(JOB, 3) as count:
        count(Joined(A))


def test_a_certificate_that_cannot_be_read_costs_its_own_metric_alone() -> None:
    with (
        log_lines() as lines,
        serve_metrics(MetricsSettings("127.0.0.1:0"), lambda: b"nonsense"),
    ):
        found = scrape(int(lines.parsed[-1]["message"].rpartition(" ")[2]))
    assert found.value(f"{PREFIX}_certificate_expiry_timestamp_seconds") is None
    assert found.value("process_resident_memory_bytes")

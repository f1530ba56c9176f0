import logging
from typing import Any

import pytest

from coordinator.aggregation_events import AttemptEnded, Dropped
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
from coordinator.job_log import JobLog
from coordinator.questions import Answered
from coordinator.session_events import Faulted, Joined, Lost, Postponed, Rejoined, TurnedAway
from protocols.errors import Code
from protocols.ids import JobId, ProviderId, QueryId
from protocols.secagg.rounds import Round
from tests.log_lines import log_lines

JOB, A, Q = JobId("a-job"), ProviderId("alice"), QueryId(2, 17, 3)


def lines_of(event: JobEvent, level: int = logging.INFO) -> list[dict[str, Any]]:
    with log_lines(level=level) as lines:
        JobLog(JOB)(event)
    assert all(line["job"] == JOB for line in lines.parsed)
    return lines.parsed


@pytest.mark.parametrize(
    ("event", "level", "said", "fields"),
    [
        (Joined(A), "INFO", "joined", {"provider": A}),
        (Rejoined(A), "INFO", "again", {"provider": A}),
        (Lost(A, "silence"), "WARNING", "silence", {"provider": A}),
        (
            Faulted(A, Code.OUT_OF_ORDER, "too early"),
            "WARNING",
            "too early",
            {"provider": A, "code": "OUT_OF_ORDER"},
        ),
        (
            Postponed(A, Q, 5, Code.AWAITING_APPROVAL),
            "INFO",
            "approve",
            {"provider": A, "query": "2.17.3", "code": "AWAITING_APPROVAL"},
        ),
        (
            QuestionSettled(A, Q, "describe", Outcome.REFUSED, Code.PAUSED, 0, 0.5),
            "WARNING",
            "paused",
            {"provider": A, "query": "2.17.3", "function": "describe", "code": "PAUSED"},
        ),
        (
            QuestionSettled(A, Q, "describe", Outcome.TIMED_OUT, None, 0, 9.5),
            "WARNING",
            "in time",
            {"provider": A, "query": "2.17.3", "seconds": 9.5},
        ),
        (
            QuestionSettled(A, Q, "describe", Outcome.TIMED_OUT, Code.OUTSIDE_HOURS, 0, 9.5),
            "WARNING",
            "hours of work",
            {"provider": A, "query": "2.17.3", "code": "OUTSIDE_HOURS"},
        ),
        (
            Answered(Q, "describe", 4, 10, 20),
            "INFO",
            "all 4",
            {"query": "2.17.3", "function": "describe", "bytes": 20},
        ),
        (
            AttemptEnded(Q, "squared_error", 2, 4, (A,), {}, 10, 20, 0.5),
            "INFO",
            "1 of 4",
            {"query": "2.17.3", "function": "squared_error", "attempt": 2},
        ),
        (RoundsDone(Stage.LEARNING, 3, 9), "INFO", "3 of 9 rounds of learning", {}),
        (Checkpointed(Q), "INFO", "checkpoint", {"query": "2.17.3"}),
    ],
)
def test_what_an_operator_wants_to_know_is_one_line(
    event: JobEvent, level: str, said: str, fields: dict[str, object]
) -> None:
    (line,) = lines_of(event)
    assert line["level"] == level
    assert said in line["message"]
    assert line.items() >= fields.items()


@pytest.mark.parametrize(
    "event",
    [
        QuestionAsked(A, Q, "describe", 10),
        QuestionSettled(A, Q, "describe", Outcome.ANSWERED, None, 10, 0.5),
        QuestionSettled(A, Q, "describe", Outcome.STOPPED, None, 0, 0.5),
        FileServed(10),
    ],
)
def test_what_goes_as_it_should_is_a_detail(event: JobEvent) -> None:
    assert not lines_of(event)
    assert len(lines_of(event, logging.DEBUG)) == 1


def test_a_stream_that_was_not_let_in_has_said_so_itself() -> None:
    assert not lines_of(TurnedAway("ipv4:1.2.3.4:5", A, Code.NOT_ADMITTED, "no token"))


def test_a_failed_sum_says_who_left_and_why() -> None:
    left = {A: Dropped(Round.MASK, "The provider has paused answering.", Code.PAUSED)}
    first, second = lines_of(
        AttemptEnded(Q, "squared_error", 3, 4, (), left, 10, 20, 0.5, "too few were left.")
    )
    assert first.items() >= {"provider": A, "code": "PAUSED", "attempt": 3}.items()
    assert "paused" in first["message"]
    assert "too few were left" in second["message"]
    assert second["level"] == "WARNING"

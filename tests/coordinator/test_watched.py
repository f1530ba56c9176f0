from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from coordinator.blobs import MemoryBlobs
from coordinator.job_events import (
    Checkpointed,
    FileServed,
    JobEvent,
    Outcome,
    QuestionAsked,
    QuestionSettled,
)
from coordinator.session_questions import (
    QueryRefused,
    QueryTimedOut,
    Question,
    SessionsStopped,
)
from coordinator.watched import WatchedBlobs, WatchedSessions
from protocols.errors import Code
from protocols.frames import Pending
from protocols.ids import ProviderId, QueryId

A, B, Q = ProviderId("alice"), ProviderId("bob"), QueryId(2, 0, 0)


class Desk:
    def __init__(self) -> None:
        self.futures: list[Future[bytes]] = []
        self.acknowledged: list[QueryId] = []

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        if any(question.timeout <= 0 for question in questions):
            raise ValueError("a timeout")
        self.futures = [Future() for _ in questions]
        return self.futures

    def connected(self) -> frozenset[ProviderId]:
        return frozenset({A})

    def acknowledge(self, up_to: QueryId) -> None:
        self.acknowledged.append(up_to)


def test_questions_are_told_when_asked_and_when_settled() -> None:
    desk, told = Desk(), list[JobEvent]()
    clock = iter((10.0, 12.5, 13.0))
    sessions = WatchedSessions(desk, told.append, lambda: next(clock))
    questions = [Question(A, Q, b"abc", 9.0, "describe"), Question(B, Q, b"masked", 9.0)]
    assert sessions.ask_many(questions) is desk.futures
    asked = [QuestionAsked(A, Q, "describe", 3), QuestionAsked(B, Q, "masked", 6)]
    assert told == asked
    desk.futures[1].set_result(b"answer")
    desk.futures[0].set_exception(QueryRefused(A, Q, Code.PAUSED))
    assert told[2:] == [
        QuestionSettled(B, Q, "masked", Outcome.ANSWERED, None, 6, 2.5),
        QuestionSettled(A, Q, "describe", Outcome.REFUSED, Code.PAUSED, 0, 3.0),
    ]
    assert sessions.connected() == {A}


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (QueryTimedOut(A, Q, None), Outcome.TIMED_OUT, None),
        (QueryTimedOut(A, Q, Pending(Q, 5, Code.BUSY)), Outcome.TIMED_OUT, Code.BUSY),
        (SessionsStopped("over"), Outcome.STOPPED, None),
        (ZeroDivisionError(), Outcome.STOPPED, None),
    ],
)
def test_every_end_has_its_outcome(error: Exception, outcome: Outcome, code: Code | None) -> None:
    desk, told = Desk(), list[JobEvent]()
    WatchedSessions(desk, told.append).ask_many([Question(A, Q, b"", 1.0)])
    desk.futures[0].set_exception(error)
    assert isinstance(settled := told[-1], QuestionSettled)
    assert (settled.outcome, settled.code) == (outcome, code)


def test_what_is_not_asked_is_not_told() -> None:
    told = list[JobEvent]()
    with pytest.raises(ValueError, match="timeout"):
        WatchedSessions(Desk(), told.append).ask_many([Question(A, Q, b"", 0.0)])
    assert not told


def test_an_acknowledgement_says_that_there_is_a_checkpoint() -> None:
    desk, told = Desk(), list[JobEvent]()
    WatchedSessions(desk, told.append).acknowledge(Q)
    assert (desk.acknowledged, told) == ([Q], [Checkpointed(Q)])


def test_pieces_of_files_are_told() -> None:
    blobs, told = MemoryBlobs(), list[JobEvent]()
    digest = blobs.publish(b"0123456789")
    watched = WatchedBlobs(blobs, told.append)
    assert watched.size(digest) == 10
    assert bytes(watched.read(digest, 6, 8)) == b"6789"
    blobs.withdraw(digest)
    assert watched.size(digest) is None
    with pytest.raises(KeyError):
        watched.read(digest, 0, 1)
    assert told == [FileServed(4)]

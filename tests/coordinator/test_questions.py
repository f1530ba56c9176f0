from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from coordinator.questions import Answered, Phase, Questions
from coordinator.session_server import QueryRefused, Question
from protocols.errors import Code
from protocols.ids import MAX_PART, ProviderId, QueryId, digest_of
from protocols.queries import (
    Describe,
    Query,
    QueryError,
    SquaredError,
    encode_answer,
    encode_query,
    pack_names,
)

A, B, C = (ProviderId(name) for name in "abc")
Q = QueryId(Phase.LEARNING, 3, 0)
ERRORS = SquaredError((digest_of(b"m"),), rows=5)


def sums(value: float) -> bytes:
    return encode_answer(ERRORS, {"sums": np.array([value], np.float64), "count": np.array(10)})


class Desk:
    """A session server whose answers are prepared."""

    def __init__(self, answers: dict[ProviderId, bytes | Exception]) -> None:
        self._answers = answers
        self.asked: list[Question] = []
        self.acknowledged: list[QueryId] = []

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        self.asked += questions
        futures = []
        for question in questions:
            future: Future[bytes] = Future()
            answer = self._answers[question.provider]
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
            futures.append(future)
        return futures

    def acknowledge(self, up_to: QueryId) -> None:
        self.acknowledged.append(up_to)


def test_answers_come_in_the_order_of_the_providers_ids() -> None:
    """Whoever is asked or answers first: sums over them are the same."""
    desk = Desk({C: sums(3), A: sums(1), B: sums(2)})
    answers = Questions(desk, timeout=9.0).ask(Q, dict.fromkeys([C, A, B], ERRORS))
    assert list(answers) == [A, B, C]
    assert [float(answer["sums"][0]) for answer in answers.values()] == [1, 2, 3]


def test_all_are_asked_at_once_under_one_id() -> None:
    desk = Desk({A: sums(1), B: sums(2)})
    questions = Questions(desk, timeout=9.0)
    questions.ask(Q, {A: ERRORS, B: ERRORS})
    body = encode_query(ERRORS)
    assert desk.asked == [
        Question(A, Q, body, 9.0, "squared_error"),
        Question(B, Q, body, 9.0, "squared_error"),
    ]
    assert desk.asked[0].body is desk.asked[1].body, "encoded once, however many providers"


def test_providers_may_be_asked_different_questions() -> None:
    description = encode_answer(
        Describe(),
        {
            "rows": np.array(7),
            "input_shape": np.array([1, 64, 64]),
            "targets": np.array(2),
            "class_names": pack_names(("ant",)),
            "class_rows": np.array([7]),
        },
    )
    asked: dict[ProviderId, Query] = {A: ERRORS, B: Describe()}
    answers = Questions(Desk({A: sums(1), B: description}), 9.0).ask(Q, asked)
    assert int(answers[B]["rows"]) == 7


def test_progress_is_told_of_every_answer() -> None:
    told: list[tuple[int, int]] = []
    desk = Desk({A: sums(1), B: sums(2)})
    Questions(desk, 9.0, lambda done, asked: told.append((done, asked))).ask(
        Q, {A: ERRORS, B: ERRORS}
    )
    assert told == [(1, 2), (2, 2)]


def test_a_refusal_is_passed_on() -> None:
    refusal = QueryRefused(B, Q, Code.PAUSED)
    with pytest.raises(QueryRefused) as caught:
        Questions(Desk({A: sums(1), B: refusal}), 9.0).ask(Q, {A: ERRORS, B: ERRORS})
    assert caught.value is refusal


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff",
        b"",
        encode_answer(
            SquaredError(ERRORS.models * 2, 5), {"sums": np.ones(2), "count": np.array(10)}
        ),
        encode_answer(ERRORS, {"sums": np.ones(1), "count": np.array(10)})[:-4],
    ],
    ids=["garbage", "nothing", "another question's", "truncated"],
)
def test_a_wrong_answer_names_provider_and_question(answer: bytes) -> None:
    with pytest.raises(QueryError, match=r"provider b, question 2\.3\.0: "):
        Questions(Desk({A: sums(1), B: answer}), 9.0).ask(Q, {A: ERRORS, B: ERRORS})


def test_a_whole_step_is_acknowledged() -> None:
    desk = Desk({})
    Questions(desk, 9.0).acknowledge(Phase.LEARNING, 3)
    assert desk.acknowledged == [QueryId(2, 3, MAX_PART)]


def test_phases_follow_the_algorithm() -> None:
    assert Phase.DESCRIBE < Phase.PRETRAINING < Phase.LEARNING


def test_what_was_asked_is_told_once_all_have_answered() -> None:
    told: list[Answered] = []
    desk = Desk({A: sums(1), B: sums(2)})
    Questions(desk, timeout=9.0, on_answered=told.append).ask(Q, dict.fromkeys([A, B], ERRORS))
    sent, received = 2 * len(encode_query(ERRORS)), len(sums(1)) + len(sums(2))
    assert told == [Answered(Q, "squared_error", 2, sent, received)]

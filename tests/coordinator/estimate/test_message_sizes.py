"""Sizes against the bytes of real questions, answers and whole attempts."""

import numpy as np
import pytest

from coordinator.estimate.message_sizes import answer_size, attempt_size, query_size
from protocols.mquery import SignedQuestion, Step
from protocols.queries import Query, encode_answer, encode_query
from protocols.secagg.rounds import Round
from tests.protocols.query_examples import EXAMPLES, answer_to
from tests.protocols.secagg.company import Attempt, ask, identity


@pytest.mark.parametrize("query", EXAMPLES, ids=lambda query: query.function)
def test_questions_and_answers_have_the_sizes_that_are_told(query: Query) -> None:
    assert query_size(query) == len(encode_query(query))
    answer = answer_to(query)
    lengths = {name: array.shape[-1] for name, array in answer.items() if array.ndim}
    assert answer_size(query, lengths) == len(encode_answer(query, answer))


@pytest.mark.parametrize(
    ("parties", "slots", "width", "tolerance"), [(2, 1, 32, 0), (7, 3, 64, 0), (40, 2, 32, 0.002)]
)
def test_an_attempt_has_the_size_that_is_told(
    parties: int, slots: int, width: int, tolerance: float
) -> None:
    """To the byte on the complete graph; on the sparse one, lengths are written in 1 to 3 bytes."""
    question = ask(
        parties,
        length=50,
        slots=[f"class {number}" for number in range(slots)],
        rows=np.ones((parties, slots), np.int64).tolist(),
        width=width,
    )
    attempt, sent, received = Attempt(question), 0, 0
    signed = SignedQuestion.by(identity("coordinator"), question.encode()).encode()
    messages = dict.fromkeys(question.parties, signed)
    for round_ in Round:
        sent += sum(
            len(Step(round_, question.transcript, message).encode())
            for message in messages.values()
        )
        attempt.play()
        messages = attempt.bodies
        received += sum(map(len, attempt.replies[round_].values()))
    found = attempt_size(question)
    assert found.question == len(Step(Round.ADVERTISE, question.transcript, signed).encode())
    assert found.sent == pytest.approx(sent, rel=tolerance, abs=0)
    assert found.received == pytest.approx(received, rel=tolerance, abs=0)
    assert (found.neighbours == parties - 1) == (parties < 40)

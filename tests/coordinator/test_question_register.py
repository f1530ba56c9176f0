import pytest

from coordinator.question_register import QuestionRegister
from coordinator.session_questions import Question
from protocols.ids import ProviderId, QueryId

ALICE, BOB = ProviderId("alice"), ProviderId("bob")


def question(part: int, body: bytes, provider: ProviderId = ALICE, timeout: float = 1) -> Question:
    return Question(provider, QueryId(0, 0, part), body, timeout)


def test_callers_of_one_question_share_a_future_until_it_is_answered() -> None:
    register = QuestionRegister()
    first, twice = register.enter([question(0, b"a"), question(0, b"a")])
    (third,) = register.enter([question(0, b"a")])
    assert (first.new, twice.new, third.new) == (True, False, False)
    assert first.future is twice.future is third.future
    first.future.set_result(b"")
    (again,) = register.enter([question(0, b"a")])
    assert again.new
    assert again.future is not first.future


def test_one_id_may_name_different_questions_of_different_providers() -> None:
    register = QuestionRegister()
    assert all(x.new for x in register.enter([question(0, b"a"), question(0, b"b", BOB)]))


@pytest.mark.parametrize("bad", [question(0, b"b"), question(1, b"c"), question(2, b"", timeout=0)])
def test_all_are_entered_or_none(bad: Question) -> None:
    register = QuestionRegister()
    register.enter([question(0, b"a")])
    with pytest.raises(ValueError, match=r"another body|timeout"):
        register.enter([question(1, b"b"), bad])
    (entered,) = register.enter([question(1, b"d")])
    assert entered.new


def test_what_is_acknowledged_is_forgotten() -> None:
    register = QuestionRegister()
    entered = register.enter([question(part, b"a") for part in range(4)])
    for part in (1, 2, 3):
        entered[part].future.set_result(b"")
    register.acknowledge(QueryId(0, 0, 2))
    register.enter([question(1, b"b"), question(2, b"b")])
    for kept in (0, 3):  # one has no answer yet, one is not acknowledged
        with pytest.raises(ValueError, match="another body"):
            register.enter([question(kept, b"b")])


def test_a_question_cannot_be_cancelled() -> None:
    (entered,) = QuestionRegister().enter([question(0, b"a")])
    assert not entered.future.cancel()

import numpy as np
import pytest

from protocols.errors import Code, Refused
from protocols.secagg.participant import Participant
from protocols.secagg.rounds import Round
from protocols.secagg.states import Party
from tests.protocols.secagg.company import Attempt, ask, bytes_of, identity, named, participant

ROUNDS = list(Round)


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_lost_reply_is_sent_again(round_: Round) -> None:
    attempt = Attempt(ask(3)).until(round_)
    name = named(1)
    first = attempt.answer(name, attempt.bodies[name])
    for _ in range(3):
        assert attempt.answer(name, attempt.bodies[name]) == first
    attempt.play()
    assert attempt.finish().total.tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("round_", ROUNDS[1:])
def test_another_message_in_place_of_the_one_answered_ends_the_attempt(round_: Round) -> None:
    attempt = Attempt(ask(3)).until(round_)
    attempt.answer(named(1), attempt.bodies[named(1)])
    attempt.refuses(1, attempt.bodies[named(1)] + b"\0", Code.ATTEMPT_SPENT)


@pytest.mark.parametrize("asked", ROUNDS)
@pytest.mark.parametrize("awaited", [*ROUNDS, None])
def test_a_round_out_of_order_ends_the_attempt(awaited: Round | None, asked: Round) -> None:
    attempt = Attempt(ask(3))
    if awaited is None:
        attempt.finish()
    else:
        attempt.until(awaited)
    party = attempt[0]
    assert party.next_round is awaited
    if asked is awaited:
        return
    with pytest.raises(Refused) as caught:
        party.answer(asked, b"?")
    assert caught.value.code is Code.ATTEMPT_SPENT
    assert party.next_round is None
    with pytest.raises(Refused):
        party.answer(awaited or asked, attempt.bodies[named(0)])


@pytest.mark.parametrize("round_", ROUNDS[1:])
def test_whatever_the_bytes_the_attempt_ends_cleanly(round_: Round) -> None:
    attempt = Attempt(ask(3)).until(round_)
    attempt.refuses(0, b"", Code.BAD_PARAMETERS)
    attempt.refuses(1, b"\xff" * 100, Code.BAD_PARAMETERS)
    wrong = attempt.replies[Round.ADVERTISE][named(0)]
    attempt.refuses(2, wrong, Code.BAD_PARAMETERS)


def failing() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    raise OSError("the disk is gone")


def test_a_failure_of_the_node_ends_the_attempt_too() -> None:
    """Secrets of an attempt that broke off half way are never used again."""
    attempt = Attempt(ask(3))
    party = attempt[0]._party
    attempt.participants[named(0)] = Participant(party, bytes_of("seed"), failing)
    attempt.until(Round.MASK)
    with pytest.raises(OSError, match="disk"):
        attempt.answer(named(0), attempt.bodies[named(0)])
    with pytest.raises(Refused) as caught:
        attempt.answer(named(0), attempt.bodies[named(0)])
    assert caught.value.code is Code.ATTEMPT_SPENT


def test_values_are_computed_once_and_only_when_all_else_has_passed() -> None:
    calls = []

    def values() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        calls.append(True)
        return np.zeros(4)

    attempt = Attempt(ask(3))
    for index in (0, 1):
        party = attempt[index]._party
        attempt.participants[named(index)] = Participant(party, bytes_of(index), values)
    attempt.until(Round.MASK)
    other = attempt.bodies[named(2)]
    attempt.refuses(1, other, Code.TRANSCRIPT_DIFFERS)
    assert not calls
    for _ in range(2):
        attempt.answer(named(0), attempt.bodies[named(0)])
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.zeros(3), Code.BAD_PARAMETERS),
        (np.zeros((4, 1)), Code.BAD_PARAMETERS),
        (np.array([0, 0, 1.0001, 0]), Code.OUT_OF_BOUND),
        (np.array([0, -1.0001, 0, 0]), Code.OUT_OF_BOUND),
        (np.array([0, 0, np.nan, 0]), Code.OUT_OF_BOUND),
        (np.array([0, 0, 0, -np.inf]), Code.OUT_OF_BOUND),
    ],
)
def test_a_vector_that_does_not_fit_never_leaves(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], code: Code
) -> None:
    attempt = Attempt(ask(4))
    attempt.participants[named(0)] = participant(attempt.question, named(0), values)
    attempt.until(Round.MASK)
    attempt.refuses(0, attempt.bodies[named(0)], code)
    assert attempt.finish().total.tolist() == [0, 1, 1, 1]  # the others do without it


def test_secrets_are_forgotten_once_they_are_shared() -> None:
    """After MASK no state holds what would take the party's own masks off again."""
    attempt = Attempt(ask(3)).until(Round.SIGN)
    seen = repr(attempt[0]._state)
    for what in ("masking_secret", "own_seed", "sealing"):
        assert what not in seen
    attempt.finish()
    assert attempt[0]._state is None


def test_one_seed_gives_unrelated_secrets_for_two_questions() -> None:
    bodies = []
    for number in (1, 2):
        question = ask(3, attempt=number)
        bodies.append(
            participant(question, named(0), seed=bytes_of("seed")).answer(Round.ADVERTISE, b"")
        )
    keys = [body[-192:] for body in bodies]
    for start in range(0, 192, 32):
        assert keys[0][start : start + 32] != keys[1][start : start + 32]


@pytest.mark.parametrize(
    ("question", "me", "code"),
    [
        (ask(3), named(7), Code.BAD_PARAMETERS),
        (ask(3, threshold=2), named(0), Code.THRESHOLD_TOO_LOW),
        (ask(3, width=32, step=2.0**-30), named(0), Code.BAD_PARAMETERS),
        (ask(3, slots=("cat",), rows=[[1], [0], [0]]), named(0), Code.TOO_FEW_HOLDERS),
    ],
    ids=["not asked", "threshold", "the sum would wrap around", "one holder"],
)
def test_a_bad_question_gets_no_key(question: object, me: str, code: Code) -> None:
    party = participant(question, me, seed=bytes_of(0))  # type: ignore[arg-type]
    with pytest.raises(Refused) as caught:
        party.answer(Round.ADVERTISE, b"")
    assert caught.value.code is code


def test_a_party_off_the_roster_is_not_summed_with() -> None:
    question = ask(3)
    known = {name: identity(name).public for name in question.parties[:2]}
    party = Participant(
        Party(named(0), question, identity(named(0)), known, Attempt(question).floors),
        bytes_of(0),
        failing,
    )
    with pytest.raises(Refused) as caught:
        party.answer(Round.ADVERTISE, b"")
    assert caught.value.code is Code.ROSTER_NOT_TRUSTED
    assert named(2) in caught.value.local

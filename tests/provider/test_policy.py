import numpy as np
import pytest

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from protocols.queries import (
    QUERIES,
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
)
from provider.policy import OpenPolicy, rows_used

A = digest_of(b"a")
OF_TWELVE_ROWS: list[Query] = [
    PretrainingGradient(A, 4, 3, 0.5),
    PretrainingUpdate(A, 4, 3, 0.5, 7, 0.1),
    SquaredError((A,), 12),
    TargetFeatures(A, 12, 99),
]


def verdict(policy: OpenPolicy, query: Query, rows: int) -> Code | None:
    try:
        policy.check(query, rows, {"only": rows})
    except Refused as refused:
        return refused.code
    return None


@pytest.mark.parametrize("query", OF_TWELVE_ROWS)
def test_rows_behind_an_answer_must_exist_and_be_enough(query: Query) -> None:
    assert rows_used(query, {}) == 12
    assert verdict(OpenPolicy(), query, 12) is None
    assert verdict(OpenPolicy(), query, 11) is Code.TOO_FEW_ROWS
    assert verdict(OpenPolicy(min_rows=12), query, 800) is None
    assert verdict(OpenPolicy(min_rows=13), query, 800) is Code.TOO_FEW_ROWS


def test_describing_reads_no_row() -> None:
    assert rows_used(Describe(), {}) is None
    assert verdict(OpenPolicy(min_rows=10**6), Describe(), 0) is None


@pytest.mark.parametrize("query", [*OF_TWELVE_ROWS, Describe()])
def test_only_allowed_functions_are_answered(query: Query) -> None:
    others = frozenset(QUERIES) - {query.function}
    assert verdict(OpenPolicy(functions=others), query, 800) is Code.NOT_ALLOWED
    assert verdict(OpenPolicy(functions=frozenset({query.function})), query, 800) is None


@pytest.mark.parametrize("query", [*OF_TWELVE_ROWS, Describe()])
def test_a_paused_node_answers_nothing(query: Query) -> None:
    assert verdict(OpenPolicy(paused=True), query, 800) is Code.PAUSED


def test_the_reason_is_for_the_local_log() -> None:
    with pytest.raises(Refused) as caught:
        OpenPolicy().check(SquaredError((A,), 12), 11, {})
    assert caught.value.local == "squared_error over 12 rows; there are 11"
    assert "11" not in caught.value.code.sentence


HELD = {"ant": 9, "bee": 4, "cat": 30}
TASK = np.array([[0, 1]], np.int32)
WEIGHTS = np.zeros((1, 1, 2, 3), np.float32)


def questions_about(*classes: str) -> list[Query]:
    return [
        ClassOutputs((A,), classes, 3),
        LeepLikelihood((A,), classes, TASK, np.zeros((1, 1, 2, 3))),
        HeadStatistics((A,), classes, 3, True, True),
        HeadCorrect((A,), classes, True, TASK, WEIGHTS, WEIGHTS[..., 0]),
    ]


@pytest.mark.parametrize("query", questions_about("ant", "cat", "dog"))
def test_every_class_that_is_held_has_enough_rows(query: Query) -> None:
    """Of 9 rows, 9 or a half: 5 to learn from, 4 to test on."""
    used = {"head_statistics": 5, "head_correct": 4}.get(query.function, 9)
    assert rows_used(query, HELD) == used
    OpenPolicy(min_rows=used).check(query, 43, HELD)
    with pytest.raises(Refused) as caught:
        OpenPolicy(min_rows=used + 1).check(query, 43, HELD)
    assert caught.value.code is Code.TOO_FEW_ROWS


@pytest.mark.parametrize("query", questions_about("dog", "eel"))
def test_classes_that_are_not_held_need_no_rows(query: Query) -> None:
    assert rows_used(query, HELD) is None
    OpenPolicy(min_rows=10**6).check(query, 43, HELD)


def test_a_half_without_rows_is_a_function_of_none() -> None:
    """A class of one row: it is in half A, so half B has nothing to tell."""
    *_, learn, test = questions_about("ant", "bee")
    assert rows_used(learn, {"ant": 1, "bee": 7}) == 1
    assert rows_used(test, {"ant": 1, "bee": 7}) == 3


def evidence(*classes: str, ks: tuple[int, ...] = (2, 5)) -> TaskEvidence:
    return TaskEvidence((A,), A, 6, classes, np.array(ks, np.int32), 3, ("leep",))


def test_the_fewest_rows_of_a_class_mean_are_what_evidence_uses() -> None:
    query = evidence("ant", "cat")
    assert rows_used(query, HELD) == 2
    OpenPolicy(min_rows=2).check(query, 43, HELD)
    with pytest.raises(Refused) as caught:
        OpenPolicy(min_rows=3).check(query, 43, HELD)
    assert caught.value.code is Code.TOO_FEW_ROWS


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (evidence("cat", "ant", ks=(1, 10)), "10 rows of class 'ant'; there are 9"),
        (evidence("cat", "dog", ks=(1,)), "1 rows of class 'dog'; there are 0"),
    ],
)
def test_evidence_needs_as_many_rows_of_each_class(query: Query, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        OpenPolicy().check(query, 43, HELD)
    assert caught.value.code is Code.TOO_FEW_ROWS
    assert caught.value.local == reason


@pytest.mark.parametrize("query", OF_TWELVE_ROWS[:2])
def test_pretraining_on_real_classes_needs_rows_of_two(query: Query) -> None:
    """Four classes of three rows are asked for."""
    assert rows_used(query, HELD) == 9
    assert rows_used(query, {"ant": 3, "bee": 2, "cat": 3}) == 6
    assert rows_used(query, dict.fromkeys("abcdef", 3)) == 12
    with pytest.raises(Refused) as caught:
        OpenPolicy().check(query, 103, {"ant": 101, "bee": 2})
    assert caught.value.code is Code.TOO_FEW_ROWS

import pytest

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from protocols.queries import (
    QUERIES,
    Describe,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
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
        policy.check(query, rows)
    except Refused as refused:
        return refused.code
    return None


@pytest.mark.parametrize("query", OF_TWELVE_ROWS)
def test_rows_behind_an_answer_must_exist_and_be_enough(query: Query) -> None:
    assert rows_used(query) == 12
    assert verdict(OpenPolicy(), query, 12) is None
    assert verdict(OpenPolicy(), query, 11) is Code.TOO_FEW_ROWS
    assert verdict(OpenPolicy(min_rows=12), query, 800) is None
    assert verdict(OpenPolicy(min_rows=13), query, 800) is Code.TOO_FEW_ROWS


def test_describing_reads_no_row() -> None:
    assert rows_used(Describe()) is None
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
        OpenPolicy().check(SquaredError((A,), 12), 11)
    assert caught.value.local == "squared_error over 12 rows; there are 11"
    assert "11" not in caught.value.code.sentence

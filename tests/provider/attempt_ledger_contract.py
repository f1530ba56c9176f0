"""What every record of attempts has to keep to. A test class inherits it, and makes one."""

from dataclasses import replace
from pathlib import Path

import pytest

from protocols.errors import Code, Refused
from protocols.ids import QueryId, digest_of
from provider.attempts import Attempt, AttemptLedger, AttemptState

Q = QueryId(1, 2, 3)
FIRST = Attempt(Q, 1, "squared_error", digest_of(b"body"), digest_of(b"transcript"))


def refusal(ledger: AttemptLedger, attempt: Attempt) -> Code:
    """The code with which `begin` refuses."""
    with pytest.raises(Refused) as caught:
        ledger.begin(attempt)
    return caught.value.code


class AttemptLedgerContract:
    """Inherit, and say how a record is made."""

    def make(self, folder: Path) -> AttemptLedger:
        raise NotImplementedError

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> AttemptLedger:
        return self.make(tmp_path)

    def test_a_new_record_is_empty(self, ledger: AttemptLedger) -> None:
        assert ledger.attempts() == []

    def test_an_attempt_is_on_record_from_its_beginning(self, ledger: AttemptLedger) -> None:
        ledger.begin(FIRST)
        assert ledger.attempts() == [FIRST]
        ledger.spend(Q, 1, 0.25, ())
        assert ledger.attempts() == [replace(FIRST, state=AttemptState.SPENT, cost=0.25)]

    def test_none_begins_twice(self, ledger: AttemptLedger) -> None:
        ledger.begin(FIRST)
        assert refusal(ledger, FIRST) is Code.ATTEMPT_SPENT
        other = replace(FIRST, transcript=digest_of(b"other"))
        assert refusal(ledger, other) is Code.ATTEMPT_SPENT
        ledger.spend(Q, 1, 0.0, ())
        assert refusal(ledger, FIRST) is Code.ATTEMPT_SPENT
        assert len(ledger.attempts()) == 1

    def test_they_come_in_order_and_may_leave_one_out(self, ledger: AttemptLedger) -> None:
        ledger.begin(replace(FIRST, number=2))
        assert refusal(ledger, FIRST) is Code.ATTEMPT_SPENT
        ledger.begin(replace(FIRST, number=3))
        assert [attempt.number for attempt in ledger.attempts()] == [2, 3]

    def test_all_attempts_ask_for_the_same(self, ledger: AttemptLedger) -> None:
        ledger.begin(FIRST)
        other = replace(FIRST, number=2, body=digest_of(b"other"))
        assert refusal(ledger, other) is Code.DIFFERENT_BODY

    def test_questions_do_not_touch_each_other(self, ledger: AttemptLedger) -> None:
        later = replace(FIRST, query=QueryId(1, 2, 4), body=digest_of(b"other"))
        ledger.begin(later)
        ledger.begin(FIRST)
        assert ledger.attempts() == [FIRST, later]

    @pytest.mark.parametrize("number", [1, 2])
    def test_what_has_not_begun_or_is_spent_cannot_be_spent(
        self, ledger: AttemptLedger, number: int
    ) -> None:
        ledger.begin(FIRST)
        ledger.spend(Q, 1, 1.0, ())
        with pytest.raises(Refused) as caught:
            ledger.spend(Q, number, 7.0, ())
        assert caught.value.code is Code.ATTEMPT_SPENT
        assert [attempt.cost for attempt in ledger.attempts()] == [1.0]

    def test_a_whole_is_revealed_once(self, ledger: AttemptLedger) -> None:
        ledger.begin(FIRST)
        ledger.spend(Q, 1, 0.0, ["f|m|ant", "f|m|bee"])
        second = replace(FIRST, number=2)
        ledger.begin(second)
        with pytest.raises(Refused) as caught:
            ledger.spend(Q, 2, 0.0, ["f|m|cat", "f|m|bee"])
        assert caught.value.code is Code.NOT_ALLOWED
        assert ledger.attempts()[1] == second  # a refused one leaves no trace
        ledger.spend(Q, 2, 0.0, ["f|m|cat"])

    def test_the_largest_id_fits(self, ledger: AttemptLedger) -> None:
        most = QueryId(2**32 - 1, 2**32 - 1, 2**32 - 1)
        ledger.begin(replace(FIRST, query=most))
        assert ledger.attempts()[0].query == most

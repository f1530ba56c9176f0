"""What every record of attempts has to keep to. A test class inherits it, and makes one."""

from dataclasses import replace
from pathlib import Path

import pytest

from protocols.errors import Code, Refused
from protocols.ids import QueryId, digest_of
from provider.attempts import Attempt, AttemptLedger, AttemptState
from provider.costs import FREE, Cost, Spent, Totals

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
        ledger.spend(Q, 1, Cost(100, 0.25, rows=7), ())
        assert ledger.attempts() == [
            replace(FIRST, state=AttemptState.SPENT, cost=Cost(100, 0.25, rows=7))
        ]

    def test_none_begins_twice(self, ledger: AttemptLedger) -> None:
        ledger.begin(FIRST)
        assert refusal(ledger, FIRST) is Code.ATTEMPT_SPENT
        other = replace(FIRST, transcript=digest_of(b"other"))
        assert refusal(ledger, other) is Code.ATTEMPT_SPENT
        ledger.spend(Q, 1, FREE, ())
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
        ledger.spend(Q, 1, Cost(rho=1.0), ())
        with pytest.raises(Refused) as caught:
            ledger.spend(Q, number, Cost(rho=7.0), ())
        assert caught.value.code is Code.ATTEMPT_SPENT
        assert [attempt.cost.rho for attempt in ledger.attempts()] == [1.0]

    def test_a_whole_is_revealed_once(self, ledger: AttemptLedger) -> None:
        ledger.begin(FIRST)
        ledger.spend(Q, 1, FREE, ["f|m|ant", "f|m|bee"])
        second = replace(FIRST, number=2)
        ledger.begin(second)
        with pytest.raises(Refused) as caught:
            ledger.spend(Q, 2, FREE, ["f|m|cat", "f|m|bee"])
        assert caught.value.code is Code.NOT_ALLOWED
        assert ledger.attempts()[1] == second  # a refused one leaves no trace
        ledger.spend(Q, 2, FREE, ["f|m|cat"])

    def test_the_largest_id_fits(self, ledger: AttemptLedger) -> None:
        most = QueryId(2**32 - 1, 2**32 - 1, 2**32 - 1)
        ledger.begin(replace(FIRST, query=most))
        assert ledger.attempts()[0].query == most

    def test_what_was_spent_before_is_told_and_may_refuse(self, ledger: AttemptLedger) -> None:
        told: list[Totals] = []
        for number in (1, 2):
            ledger.begin(replace(FIRST, number=number))
            cost = Cost(10, 0.25, {"f|s|ant": 2})
            ledger.spend(Q, number, cost, (), told.append)
        ledger.begin(replace(FIRST, number=3))

        def refuse(_: Totals) -> None:
            raise Refused(Code.BUDGET_SPENT)

        with pytest.raises(Refused) as caught:
            ledger.spend(Q, 3, Cost(10, 0.25), ["whole"], refuse)
        assert caught.value.code is Code.BUDGET_SPENT
        ledger.spend(Q, 3, Cost(uses={"f|s|ant": 1}), ["whole"], told.append)  # no trace of that
        assert [t.job for t in told] == [Spent(), Spent(1, 10, 0.25), Spent(2, 20, 0.5)]
        assert [t.function.questions for t in told] == [0, 1, 2]
        assert [t.uses for t in told] == [{"f|s|ant": uses} for uses in (0, 2, 4)]

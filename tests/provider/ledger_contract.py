"""What every ledger has to keep to. A test class inherits it and says how its ledger is made."""

from pathlib import Path

import pytest

from protocols.errors import Code, Refused
from protocols.ids import Digest, QueryId, digest_of
from provider.costs import Cost, Spent, Totals
from provider.ledger import Ledger, State

Q = QueryId(1, 2, 3)
BODY, OTHER_BODY = digest_of(b"body"), digest_of(b"other body")


def refusal(ledger: Ledger, query: QueryId, body: Digest) -> Code:
    """The code with which `open` refuses."""
    with pytest.raises(Refused) as caught:
        ledger.open(query, body, "squared_error")
    return caught.value.code


class LedgerContract:
    """Inherit, and say how a ledger is made."""

    def make(self, folder: Path) -> Ledger:
        raise NotImplementedError

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Ledger:
        return self.make(tmp_path)

    def test_a_new_ledger_is_empty(self, ledger: Ledger) -> None:
        assert ledger.entries() == []

    def test_a_question_is_on_record_before_it_is_answered(self, ledger: Ledger) -> None:
        assert ledger.open(Q, BODY, "squared_error") is None
        (entry,) = ledger.entries()
        assert (entry.query, entry.function, entry.body) == (Q, "squared_error", BODY)
        assert (entry.state, entry.answer, entry.computed) == (State.OPEN, None, 0)

    def test_an_open_question_may_be_opened_again(self, ledger: Ledger) -> None:
        ledger.open(Q, BODY, "squared_error")
        assert ledger.open(Q, BODY, "squared_error") is None
        assert len(ledger.entries()) == 1

    @pytest.mark.parametrize("answer", [b"answer", b"", bytes(range(256)), bytes(2**20)])
    def test_an_answered_question_gets_its_stored_answer(
        self, ledger: Ledger, answer: bytes
    ) -> None:
        ledger.open(Q, BODY, "squared_error")
        ledger.answered(Q, answer)
        for _ in range(3):
            assert ledger.open(Q, BODY, "squared_error") == answer
        (entry,) = ledger.entries()
        assert (entry.state, entry.answer) == (State.ANSWERED, digest_of(answer))
        assert entry.computed == 1

    def test_an_answer_that_is_computed_again_is_counted(self, ledger: Ledger) -> None:
        """So that the count can convict a node."""
        ledger.open(Q, BODY, "squared_error")
        ledger.answered(Q, b"answer")
        ledger.answered(Q, b"answer")
        assert ledger.entries()[0].computed == 2

    def test_another_body_under_a_known_id_is_refused(self, ledger: Ledger) -> None:
        ledger.open(Q, BODY, "squared_error")
        assert refusal(ledger, Q, OTHER_BODY) is Code.DIFFERENT_BODY
        ledger.answered(Q, b"answer")
        assert refusal(ledger, Q, OTHER_BODY) is Code.DIFFERENT_BODY
        ledger.acknowledge(Q)
        assert refusal(ledger, Q, OTHER_BODY) is Code.DIFFERENT_BODY
        assert ledger.entries()[0].body == BODY

    def test_an_acknowledged_answer_is_gone_but_its_digest_stays(self, ledger: Ledger) -> None:
        ledger.open(Q, BODY, "squared_error")
        ledger.answered(Q, b"answer")
        ledger.acknowledge(Q)
        assert refusal(ledger, Q, BODY) is Code.ANSWER_GONE
        (entry,) = ledger.entries()
        assert (entry.state, entry.answer) == (State.ACKNOWLEDGED, digest_of(b"answer"))

    def test_acknowledging_spares_later_and_open_questions(self, ledger: Ledger) -> None:
        ids = [QueryId(1, 0, 9), QueryId(1, 1, 0), QueryId(1, 1, 1), QueryId(2, 0, 0)]
        for query in ids:
            ledger.open(query, BODY, "squared_error")
        for query in (ids[0], ids[2], ids[3]):
            ledger.answered(query, b"answer")
        ledger.acknowledge(QueryId(1, 1, 0))
        assert [entry.state for entry in ledger.entries()] == [
            State.ACKNOWLEDGED,
            State.OPEN,
            State.ANSWERED,
            State.ANSWERED,
        ]
        ledger.acknowledge(QueryId(1, 0, 0))  # an older one, late
        assert ledger.open(ids[2], BODY, "squared_error") == b"answer"

    def test_acknowledging_nothing_is_allowed(self, ledger: Ledger) -> None:
        ledger.acknowledge(Q)
        assert ledger.entries() == []

    def test_a_refusal_is_on_record_and_does_not_reserve_the_id(self, ledger: Ledger) -> None:
        ledger.refused(Q, BODY, "unreadable", Code.BAD_PARAMETERS, "no such field")
        (entry,) = ledger.entries()
        assert (entry.state, entry.function, entry.answer) == (State.REFUSED, "unreadable", None)
        assert (entry.code, entry.reason) == (Code.BAD_PARAMETERS, "no such field")
        assert entry.computed == 0
        ledger.refused(Q, OTHER_BODY, "describe", Code.PAUSED, "at lunch")
        (entry,) = ledger.entries()
        assert (entry.body, entry.code, entry.reason) == (OTHER_BODY, Code.PAUSED, "at lunch")
        assert ledger.totals().ever == Spent()
        assert ledger.open(Q, OTHER_BODY, "describe") is None
        (entry,) = ledger.entries()
        assert (entry.state, entry.function, entry.body) == (State.OPEN, "describe", OTHER_BODY)
        assert (entry.code, entry.reason) == (None, None)

    def test_a_refusal_does_not_disturb_an_answered_question(self, ledger: Ledger) -> None:
        ledger.open(Q, BODY, "squared_error")
        ledger.answered(Q, b"answer")
        ledger.refused(Q, OTHER_BODY, "unreadable", Code.PAUSED, "")
        assert ledger.open(Q, BODY, "squared_error") == b"answer"

    def test_entries_come_in_the_order_of_their_ids(self, ledger: Ledger) -> None:
        ids = [QueryId(2, 0, 0), QueryId(0, 10, 0), QueryId(0, 9, 1), QueryId(0, 9, 0)]
        for query in ids:
            ledger.open(query, BODY, "describe")
        assert [entry.query for entry in ledger.entries()] == sorted(ids)

    def test_the_largest_id_fits(self, ledger: Ledger) -> None:
        most = QueryId(2**32 - 1, 2**32 - 1, 2**32 - 1)
        ledger.open(most, BODY, "describe")
        ledger.answered(most, b"answer")
        ledger.acknowledge(most)
        assert ledger.entries()[0].query == most

    def test_an_accepted_question_that_fails_stays_charged_and_says_why(
        self, ledger: Ledger
    ) -> None:
        ledger.open(Q, BODY, "squared_error", Cost(8))
        ledger.refused(Q, BODY, "squared_error", Code.MODEL_UNUSABLE, "not finite")
        (entry,) = ledger.entries()
        assert (entry.state, entry.code) == (State.OPEN, Code.MODEL_UNUSABLE)
        assert entry.reason == "not finite"
        assert ledger.open(Q, BODY, "squared_error", Cost(8)) is None
        assert ledger.totals().ever == Spent(1, 8)
        ledger.answered(Q, b"answer")  # the second time it went well
        (entry,) = ledger.entries()
        assert (entry.state, entry.code, entry.reason) == (State.ANSWERED, None, None)

    def test_a_question_is_charged_once(self, ledger: Ledger) -> None:
        cost = Cost(100, 0.25, {"f|s|ant": 3}, rows=40)
        told: list[Totals] = []
        for _ in range(3):
            ledger.open(Q, BODY, "squared_error", cost, told.append)
        ledger.answered(Q, b"answer")
        for _ in range(3):
            ledger.open(Q, BODY, "squared_error", cost, told.append)
        assert told == [Totals(uses={"f|s|ant": 0})]
        (entry,) = ledger.entries()
        assert (entry.cost, entry.size) == (Cost(100, 0.25, rows=40), 6)
        once = Spent(1, 100, 0.25)
        totals = ledger.totals("squared_error", ["f|s|ant", "f|s|bee"])
        assert totals == Totals(once, once, once, once, {"f|s|ant": 3, "f|s|bee": 0})

    def test_what_would_go_beyond_a_budget_leaves_no_trace(self, ledger: Ledger) -> None:
        def at_most_two(totals: Totals) -> None:
            if totals.job.questions + 1 > 2:
                raise Refused(Code.BUDGET_SPENT)

        for part in range(2):
            ledger.open(QueryId(0, 0, part), BODY, "describe", Cost(5), at_most_two)
        with pytest.raises(Refused) as caught:
            ledger.open(Q, BODY, "squared_error", Cost(5), at_most_two)
        assert caught.value.code is Code.BUDGET_SPENT
        assert len(ledger.entries()) == 2
        assert ledger.totals("describe").function == Spent(2, 10)
        assert ledger.totals("squared_error").function == Spent()

    def test_purged_answers_are_gone_but_their_digests_stay(self, ledger: Ledger) -> None:
        later = QueryId(9, 9, 9)
        for query in (Q, later):
            ledger.open(query, BODY, "squared_error")
        ledger.answered(Q, b"answer")
        ledger.purge()
        assert refusal(ledger, Q, BODY) is Code.ANSWER_GONE
        assert refusal(ledger, Q, OTHER_BODY) is Code.DIFFERENT_BODY
        assert [entry.state for entry in ledger.entries()] == [State.PURGED, State.OPEN]
        assert ledger.entries()[0].answer == digest_of(b"answer")
        ledger.answered(Q, b"answer")  # by a computation that was late
        assert refusal(ledger, Q, BODY) is Code.ANSWER_GONE

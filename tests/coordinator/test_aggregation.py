"""Attempts and their ends, with parties that do what the test says; no sessions."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from coordinator.aggregation import Aggregations, Terms
from coordinator.aggregation_events import AggregationFailed, AttemptEnded, Dropped
from coordinator.aggregation_question import question_of
from coordinator.joining import JobTrust, join
from coordinator.kept_sums import KeptSums
from coordinator.session_questions import QueryRefused, QueryTimedOut, Question, SessionsStopped
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.masked import vector_of
from protocols.mquery import IDS, Step, decode_mquery
from protocols.queries import PretrainingGradient
from protocols.secagg.rounds import Round
from synlearn.errors import InputError
from tests.identities import COORDINATOR
from tests.masked_nodes import (
    ERRORS,
    TERMS,
    Provider,
    Q,
    Table,
    expected,
    manifest_of,
    names,
    providers,
)
from tests.protocols.query_examples import A as FILE

A, B, C, D, E = names(5)
ROWS = dict.fromkeys(names(5), (ERRORS.rows,))
Interference = Callable[[ProviderId, Step], Code | None]
"""What a party does instead of answering; DEADLINE_PASSED stands for nothing at all."""


class Parties:
    """Sessions with nodes at a table behind them."""

    def __init__(self, seats: Sequence[Provider], interference: Interference) -> None:
        self.table = Table(seats)
        self.absent: set[ProviderId] = set()
        self.asked: list[Question] = []
        self._interference = interference

    def ask_many(self, questions: Sequence[Question]) -> "list[Future[bytes]]":
        self.asked += questions
        return [self._ask(question) for question in questions]

    def connected(self) -> frozenset[ProviderId]:
        return frozenset(self.table.providers) - self.absent

    def _ask(self, question: Question) -> "Future[bytes]":
        future: Future[bytes] = Future()
        provider, query = question.provider, question.query
        step = decode_mquery(question.body)
        reply: bytes | Code | None = None
        if isinstance(step, Step):
            reply = self._interference(provider, step)
        if reply is None:
            reply = self.table.tell(provider, query, question.body)
        if reply is Code.DEADLINE_PASSED:
            future.set_exception(QueryTimedOut(provider, query, None))
        elif isinstance(reply, Code):
            future.set_exception(QueryRefused(provider, query, reply))
        else:
            future.set_result(reply)
        return future


class Site:
    """A coordinator and its parties."""

    def __init__(
        self,
        interference: Interference = lambda _party, _step: None,
        *,
        kept: KeptSums | None = None,
        seats: Sequence[Provider] = (),
    ) -> None:
        self.parties = Parties(seats or providers(5), interference)
        self.ended: list[AttemptEnded] = []
        table = self.parties.table
        self.trust = JobTrust(COORDINATOR, table.roster, table.links, table.manifest)
        self.aggregations = Aggregations(
            self.parties,
            self.trust,
            deadline=7.0,
            on_attempt=self.ended.append,
            kept=kept,
            clock=iter(range(1000)).__next__,
        )

    def check(
        self, total: Mapping[str, np.ndarray], survivors: Sequence[ProviderId], attempt: int
    ) -> None:
        seats = [self.parties.table.providers[name] for name in survivors]
        clear = expected(seats, attempt)
        np.testing.assert_allclose(total["sums"], clear[:-1], rtol=0, atol=5 * 2.0**-15)
        assert total["count"] == clear[-1]


def test_a_sum_and_what_is_told_of_it() -> None:
    site = Site()
    result = site.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    site.check(result.answer, names(5), 1)
    assert (result.survivors, result.dropped, result.attempt) == (tuple(names(5)), {}, 1)
    assert result.rows.tolist() == [25]
    assert result.answer["count"].dtype == np.int64
    (ended,) = site.ended
    assert (ended.query, ended.function, ended.attempt, ended.parties) == (
        Q,
        "squared_error",
        1,
        5,
    )
    assert ended.sent == sum(len(question.body) for question in site.parties.asked)
    assert ended.received > 5 * 4 * 4
    assert ended.seconds == 1
    assert ended.failure == ""


def test_every_round_is_asked_under_its_own_id_and_with_the_deadline() -> None:
    site = Site()
    site.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    assert [question.query for question in site.parties.asked] == [
        QueryId(2, 5, place) for place in range(5) for _ in ROWS
    ]
    assert {question.timeout for question in site.parties.asked} == {7.0}


@pytest.mark.parametrize("code", [Code.DEADLINE_PASSED, Code.PAUSED, Code.NODE_FAULT])
@pytest.mark.parametrize("round_", list(Round))
def test_one_party_fewer(round_: Round, code: Code) -> None:
    site = Site(lambda party, step: code if (party, step.round) == (C, round_) else None)
    result = site.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    in_the_sum = round_ in {Round.SIGN, Round.UNMASK}
    survivors = [name for name in names(5) if name != C or in_the_sum]
    site.check(result.answer, survivors, 1)
    assert result.survivors == tuple(survivors)
    assert result.rows.tolist() == [5 * len(survivors)]
    (drop,) = result.dropped.values()
    assert drop.round is round_
    assert drop.code is (None if code is Code.DEADLINE_PASSED else code)
    assert drop.why
    later = list(Round)[list(Round).index(round_) + 1 :]
    heard_later = [
        question
        for question in site.parties.asked
        if question.provider == C and question.query.part in map(list(Round).index, later)
    ]
    assert not heard_later


def test_a_wrong_message_costs_its_senders_place() -> None:
    site = Site()
    table = site.parties.table
    tell = table.tell

    def garbled(name: ProviderId, query_id: QueryId, body: bytes) -> bytes | Code:
        reply = tell(name, query_id, body)
        wrong = name == B and query_id.part == list(Round).index(Round.SHARE)
        return b"garbage" if wrong else reply

    table.tell = garbled  # type: ignore[method-assign]
    result = site.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    assert result.survivors == (A, C, D, E)
    assert result.dropped[B].round is Round.SHARE
    assert result.dropped[B].why.startswith("its message was wrong:")


def drops_in(attempt: int, gone: Mapping[ProviderId, Code], round_: Round) -> Interference:
    """Some are lost in a round of one attempt."""
    seen: list[bytes] = []

    def interfere(party: ProviderId, step: Step) -> Code | None:
        if step.transcript not in seen:
            seen.append(step.transcript)
        if len(seen) == attempt and step.round is round_:
            return gone.get(party)
        return None

    return interfere


@pytest.mark.parametrize("round_", list(Round))
def test_too_few_are_left_and_a_new_attempt_is_made(round_: Round) -> None:
    site = Site(drops_in(1, {B: Code.NODE_FAULT, C: Code.DEADLINE_PASSED}, round_))
    result = site.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    site.check(result.answer, names(5), 2)
    assert result.attempt == 2
    first, second = site.ended
    assert "4 have to" in first.failure or "shares came" in first.failure
    assert first.survivors == ()
    assert set(first.dropped) == {B, C}
    assert second.failure == ""
    assert {question.query.part // 5 for question in site.parties.asked} == {0, 1}


def test_the_next_attempt_leaves_out_who_is_gone_or_refused_for_good() -> None:
    site = Site(drops_in(1, {A: Code.BUDGET_SPENT, C: Code.DEADLINE_PASSED}, Round.SHARE))
    site.parties.absent = {C}
    result = site.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    site.check(result.answer, [B, D, E], 2)
    assert [ended.parties for ended in site.ended] == [5, 3]


def test_rows_may_be_planned_again_for_who_is_left() -> None:
    site = Site(drops_in(1, {A: Code.MODEL_UNUSABLE, C: Code.MODEL_UNUSABLE}, Round.SHARE))
    told: list[frozenset[ProviderId]] = []

    def again(present: frozenset[ProviderId]) -> dict[ProviderId, tuple[int]]:
        told.append(present)
        return {name: (ERRORS.rows,) for name in sorted(present) if name != E}

    result = site.aggregations.ask(Q, ERRORS, ROWS, TERMS, again=again)
    assert told == [frozenset({B, D, E})]
    assert result.survivors == (B, D)
    assert result.rows.tolist() == [10]


def test_after_three_attempts_it_gives_up_and_names_who_failed_it() -> None:
    site = Site(
        lambda party, step: (
            Code.TRANSCRIPT_DIFFERS if party in {A, B} and step.round is Round.MASK else None
        )
    )
    with pytest.raises(AggregationFailed) as caught:
        site.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    assert [ended.attempt for ended in site.ended] == [1, 2, 3]
    assert str(caught.value) == (
        "the masked sum 2.5.0 of squared_error failed: the aggregation ended in round mask: 3 "
        "parties sent a vector; 4 have to. p00, p01 left in round mask: TRANSCRIPT_DIFFERS: "
        "Parties of a secure aggregation were told different things."
    )
    assert set(caught.value.dropped) == {A, B}
    assert {question.query.part for question in site.parties.asked} <= set(range(IDS))


def test_when_nobody_is_left_no_further_attempt_is_made() -> None:
    site = Site(lambda party, _: Code.PAUSED if party != A else None)
    with pytest.raises(AggregationFailed, match=r"For attempt 2 there are 1 parties\."):
        site.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    assert len(site.ended) == 1


def test_the_manifest_may_allow_fewer_attempts() -> None:
    site = Site(lambda party, _: Code.NODE_FAULT if party in {A, B} else None)
    trust = site.trust
    object.__setattr__(trust.manifest, "max_attempts", 1)
    with pytest.raises(AggregationFailed):
        site.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    assert len(site.ended) == 1


def test_sessions_that_stop_end_it() -> None:
    site = Site()

    def stopped(questions: Sequence[Question]) -> "list[Future[bytes]]":
        futures: list[Future[bytes]] = [Future() for _ in questions]
        for future in futures:
            future.set_exception(SessionsStopped("over"))
        return futures

    site.parties.ask_many = stopped  # type: ignore[method-assign]
    with pytest.raises(SessionsStopped):
        site.aggregations.ask(Q, ERRORS, ROWS, TERMS)


def test_a_job_that_is_resumed_does_not_ask_again(tmp_path: Path) -> None:
    first = Site(kept=KeptSums(tmp_path)).aggregations.ask(Q, ERRORS, ROWS, TERMS)
    resumed = Site(kept=KeptSums(tmp_path))
    again = resumed.aggregations.ask(Q, ERRORS, ROWS, TERMS)
    assert not resumed.parties.asked
    np.testing.assert_array_equal(again.answer["sums"], first.answer["sums"])
    with pytest.raises(InputError, match="another question"):
        resumed.aggregations.ask(Q, ERRORS, ROWS, Terms(bound=63.0))
    resumed.aggregations.acknowledge(Q)
    resumed.aggregations.ask(QueryId(2, 6, 0), ERRORS, ROWS, TERMS)
    assert resumed.parties.asked


def test_noise_is_on_the_sum() -> None:
    site = Site()
    result = site.aggregations.ask(Q, ERRORS, ROWS, Terms(bound=64.0, sigma=5.0))
    seats = list(site.parties.table.providers.values())
    off = result.answer["sums"] - expected(seats)[:-1]
    assert 0 < np.abs(off).max() < 5.0 * 8


@pytest.mark.parametrize(
    ("rows", "terms", "message"),
    [
        (dict.fromkeys(names(1), (5,)), TERMS, None),
        (ROWS, Terms(bound=0.0), "bound"),
        (ROWS, Terms(bound=64.0, corrupt=4), None),
        (dict.fromkeys(names(5), (5, 5)), TERMS, "reshape|rows|shape"),
    ],
)
def test_what_cannot_be_asked(
    rows: Mapping[ProviderId, Sequence[int]], terms: Terms, message: str | None
) -> None:
    kind = ValueError if message else AggregationFailed
    with pytest.raises(kind, match=message):
        Site().aggregations.ask(Q, ERRORS, rows, terms)


def test_counts_beside_a_gradient_cost_it_no_precision() -> None:
    query = PretrainingGradient(FILE, classes=8, rows_per_class=16, margin=0.5)
    manifest = manifest_of(Table(providers(3), joined=False).roster)
    question = question_of(manifest, Q, 1, query, ROWS, Terms(bound=2.0**-6, length=1003))
    encoding, layout = question.encoding, vector_of(query)
    assert question.length == 1003
    assert encoding.step <= 2.0**-26
    most = int(next(part.most for part in layout.parts if part.name == "triplets") or 0)
    answer = {
        "gradient": np.linspace(-1, 1, 1000) * 2.0**-6,
        "hinge_sum": np.array(0.25),
        "active": np.array(most - 1, np.int64),
        "triplets": np.array(most, np.int64),
    }
    units = encoding.encode(layout.flatten(answer, encoding.bound))
    back = layout.unflatten(encoding.decode(units * 3), encoding.bound)
    assert back["active"] == 3 * (most - 1)
    assert back["triplets"] == 3 * most
    np.testing.assert_allclose(back["gradient"], 3 * answer["gradient"], atol=1.5 * encoding.step)


def test_who_does_not_join_is_named() -> None:
    site = Site()
    join(site.parties, site.trust, names(5), 3.0)
    assert {question.query for question in site.parties.asked} == {QueryId(0, 0, 1)}
    other = JobTrust(
        COORDINATOR,
        site.trust.roster,
        (),
        manifest_of(site.trust.roster, type(site.trust.manifest.job)("another")),
    )
    with pytest.raises(AggregationFailed, match=r"p00, p01, p02, p03, p04 left .*MANIFEST_NOT"):
        join(site.parties, other, names(5), 3.0)


def test_dropped_says_what_is_known() -> None:
    failed = AggregationFailed(Q, "f", "reason.", {A: Dropped(Round.SHARE, "It was late.")})
    assert str(failed) == (
        "the masked sum 2.5.0 of f failed: reason. p00 left in round share: It was late."
    )

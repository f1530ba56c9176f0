"""MQUERY from end to end, over real sessions."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from coordinator.aggregation_events import AggregationFailed, MaskedSum
from coordinator.aggregation_question import Terms
from coordinator.session_questions import SessionsStopped
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId, digest_of
from protocols.mquery import Step
from protocols.queries import ClassFeatureSums
from protocols.secagg.rounds import Round
from provider.attempts import AttemptState
from provider.dataset import DspritesDomain
from provider.masked_rules import Budget, MaskedRules
from tests.labelled import provider_with
from tests.masked_nodes import BACKBONE, ERRORS, TERMS, Provider, Q, expected, names, providers
from tests.masked_site import Hook, MaskedSite, Session, masked_site
from tests.session_harness import SOON

STEP = 2.0**-14
"""Of the encoding that `TERMS` gives."""
BRIEF = 0.4
"""Seconds for those from whom no answer is expected."""


def check(site: MaskedSite, result: MaskedSum, survivors: Sequence[ProviderId]) -> None:
    """The sum is that of the survivors, over the rows of the attempt that gave it."""
    clear = expected(site.those(survivors), result.attempt)
    assert result.survivors == tuple(survivors)
    np.testing.assert_allclose(
        result.answer["sums"], clear[:-1], rtol=0, atol=len(survivors) * STEP / 2
    )
    assert result.answer["count"] == clear[-1] == 10 * len(survivors)


def at(round_: Round, do: Hook) -> Hook:
    """Do something at this round of the first attempt, once."""
    done = threading.Event()

    async def hook(step: Step) -> None:
        if step.round is round_ and not done.is_set():
            done.set()
            await do(step)

    return hook


def test_a_masked_sum_over_dsprites_domains_is_the_plain_sum() -> None:
    seats = [
        Provider(name, dataset=DspritesDomain(37 * place, 0)) for place, name in enumerate(names(6))
    ]
    with masked_site(seats) as site:
        result = site.aggregations.ask(Q, ERRORS, site.rows, TERMS)
        check(site, result, names(6))
        (ended,) = site.attempts
        assert (ended.attempt, ended.parties, ended.failure) == (1, 6, "")
        assert ended.survivors == result.survivors
        assert not ended.dropped
        assert 1000 < ended.received < ended.sent < 50_000


def test_class_features_of_the_holders_of_each_class() -> None:
    held = [{"ant": 8, "bee": 8}, {"ant": 8}, {"bee": 8}, {"ant": 8, "bee": 8}]
    query = ClassFeatureSums(digest_of(BACKBONE), ("ant", "bee", "bee"), 6)
    seats = [
        Provider(name, dataset=provider_with(counts, place))
        for place, (name, counts) in enumerate(zip(names(4), held, strict=True))
    ]
    rows = {
        seat.name: tuple(5 if name in seat.dataset.classes else 0 for name in query.slots)
        for seat in seats
    }
    with masked_site(seats) as site:
        result = site.aggregations.ask(Q, query, rows, Terms(bound=5.0))
    clear = sum(seat.vector(query, np.array(rows[seat.name])) for seat in seats)
    assert isinstance(clear, np.ndarray)
    assert result.rows.tolist() == [15, 15, 15]
    np.testing.assert_allclose(
        result.answer["sums"], clear.reshape(3, 6), rtol=0, atol=4 * 2.0**-18
    )


def test_noise_is_added_charged_and_limited() -> None:
    rules = MaskedRules(budget=Budget(40.0, 1e-6))
    noisy = replace(TERMS, sigma=100.0)
    with masked_site(providers(4, rules)) as site:
        result = site.aggregations.ask(Q, ERRORS, site.rows, noisy)
        off = result.answer["sums"] - expected(site.those(names(4)))[:-1]
        assert 0 < np.abs(off).max() < 8 * 100.0
        costs = {p.attempts.attempts()[0].cost.rho for p in site.providers.values()}
        assert min(costs) > 0
        spent = 1
        with pytest.raises(AggregationFailed, match="BUDGET_SPENT") as caught:  # noqa: PT012
            for spent in range(2, 20):
                site.aggregations.ask(QueryId(3, spent, 0), ERRORS, site.rows, noisy)
        assert set(caught.value.dropped) == set(names(4))
        assert 2 < spent < 19


def test_several_sums_one_after_the_other_are_over_rows_of_their_own() -> None:
    with masked_site(providers(3)) as site:
        sums = []
        for step in range(4):
            query_id = QueryId(2, step, 0)
            result = site.aggregations.ask(query_id, ERRORS, site.rows, TERMS)
            clear = expected(site.those(names(3)), 1, query_id)
            np.testing.assert_allclose(result.answer["sums"], clear[:-1], rtol=0, atol=2 * STEP)
            sums.append(result.answer["sums"])
        assert len({tuple(each) for each in sums}) == 4


@pytest.mark.parametrize("round_", list(Round))
def test_a_node_that_dies_before_its_message_of_a_round(round_: Round) -> None:
    with masked_site(providers(6)) as site:
        dead = names(6)[2]
        session = site.sessions[dead]
        _little_patience_from(site, session, round_)
        session.before = at(round_, lambda _: session.die())
        result = site.aggregations.ask(Q, ERRORS, site.rows, TERMS)
        sent_its_vector = list(Round).index(round_) > list(Round).index(Round.MASK)
        check(site, result, [name for name in names(6) if name != dead or sent_its_vector])
        assert result.attempt == 1
        assert set(result.dropped) == {dead}
        assert result.dropped[dead].round is round_


@pytest.mark.parametrize("round_", list(Round))
def test_a_node_that_dies_once_its_message_of_a_round_is_sent(round_: Round) -> None:
    with masked_site(providers(6)) as site:
        dead = names(6)[5]
        session = site.sessions[dead]

        async def die_soon(_: Step) -> None:
            site.patience.of[dead] = BRIEF
            asyncio.get_running_loop().call_later(0.02, session.disconnect)

        session.after = at(round_, die_soon)
        if round_.following:
            session.before = at(round_.following, lambda _: session.die())
        result = site.aggregations.ask(Q, ERRORS, site.rows, TERMS)
        sent_its_vector = list(Round).index(round_) >= list(Round).index(Round.MASK)
        check(site, result, [name for name in names(6) if name != dead or sent_its_vector])
        assert set(result.dropped) == ({dead} if round_.following else set())


def test_a_straggler_is_dropped_at_the_deadline_and_its_late_vector_counts_for_nothing() -> None:
    with masked_site(providers(6)) as site:
        late = names(6)[0]
        site.patience.of[late] = 2.0
        session = site.sessions[late]
        arrived = threading.Event()

        async def dawdle(_: Step) -> None:
            try:
                await asyncio.sleep(60)
            finally:
                arrived.set()

        session.after = at(Round.MASK, dawdle)
        result = site.aggregations.ask(Q, ERRORS, site.rows, TERMS)
        check(site, result, names(6)[1:])
        assert result.dropped[late].round is Round.MASK
        assert arrived.wait(SOON)
        assert [step.round for step, _ in session.replies][-1] is Round.MASK  # it was computed


@pytest.mark.parametrize("round_", list(Round))
def test_a_node_that_loses_its_stream_answers_the_same_again(round_: Round) -> None:
    """The message was computed, and never arrived: the new stream brings it, not another one."""
    with masked_site(providers(5)) as site:
        session = site.sessions[names(5)[1]]

        async def lose(_: Step) -> None:
            session.connect()
            await asyncio.Event().wait()

        session.after = at(round_, lose)
        result = site.aggregations.ask(Q, ERRORS, site.rows, TERMS)
        check(site, result, names(5))
        assert not result.dropped
        first, second = (reply for step, reply in session.replies if step.round is round_)
        assert first == second
        (attempt,) = session.provider.attempts.attempts()
        assert attempt.state is AttemptState.SPENT


@pytest.mark.parametrize("round_", list(Round)[1:])
def test_nodes_that_restart_in_the_middle_have_dropped_out_and_a_new_attempt_works(
    round_: Round,
) -> None:
    with masked_site(providers(5)) as site:  # of 5, only one may drop out
        for name in names(5)[:2]:
            session = site.sessions[name]

            async def restart(_: Step, session: Session = session) -> None:
                session.start()
                await asyncio.Event().wait()

            session.before = at(round_, restart)
        result = site.aggregations.ask(Q, ERRORS, site.rows, TERMS)
        assert result.attempt == 2
        check(site, result, names(5))
        first, second = site.attempts
        assert {drop.code for drop in first.dropped.values()} == {Code.ATTEMPT_SPENT}
        assert set(first.dropped) == set(names(5)[:2])
        assert "round" in first.failure
        assert not second.dropped
        for provider in site.providers.values():
            assert [attempt.number for attempt in provider.attempts.attempts()] == [1, 2]


def test_a_coordinator_that_restarts_in_the_middle_makes_a_new_attempt() -> None:
    with masked_site(providers(4)) as site:
        reached = threading.Event()

        async def wait(_: Step) -> None:
            reached.set()
            await asyncio.Event().wait()

        site.sessions[names(4)[3]].after = at(Round.MASK, wait)
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                site.aggregations.ask(Q, ERRORS, site.rows, TERMS)
            except SessionsStopped as error:
                errors.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        assert reached.wait(SOON)
        site.server.stop("killed")
        asking.join(SOON)
        assert len(errors) == 1
        site.restart_coordinator()
        for session in site.sessions.values():
            session.connect()
        site.server.wait_for(list(site.sessions), SOON)
        result = site.aggregations.ask(Q, ERRORS, site.rows, TERMS)
        assert result.attempt == 2
        check(site, result, names(4))
        assert {drop.code for drop in site.attempts[0].dropped.values()} == {Code.ATTEMPT_SPENT}


def test_when_it_gives_up_it_names_the_parties_and_their_codes() -> None:
    with masked_site(providers(4)) as site:
        for name in names(4)[:2]:
            session = site.sessions[name]

            restarted: dict[bytes, bool] = {}

            async def restart(
                step: Step, session: Session = session, restarted: dict[bytes, bool] = restarted
            ) -> None:
                if step.round is Round.SHARE and step.transcript not in restarted:
                    restarted[step.transcript] = True
                    session.start()
                    await asyncio.Event().wait()

            session.before = restart
        with pytest.raises(AggregationFailed) as caught:
            site.aggregations.ask(Q, ERRORS, site.rows, TERMS)
        assert len(site.attempts) == 3
        assert "squared_error" in str(caught.value)
        assert "p00, p01 left in round share: ATTEMPT_SPENT" in str(caught.value)


def _little_patience_from(site: MaskedSite, session: Session, round_: Round) -> None:
    """Wait only briefly for this node's message of a round, and of those after it."""
    name = session.provider.name
    before = list(Round)[list(Round).index(round_) - 1]
    if round_ is Round.ADVERTISE:
        site.patience.of[name] = BRIEF
        return

    async def shorten(_: Step) -> None:
        site.patience.of[name] = BRIEF

    session.after = at(before, shorten)

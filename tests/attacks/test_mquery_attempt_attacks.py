"""Attacks on attempts under way and attempts that are over, at real nodes; see
`test_mquery_attacks.py`."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dp_accounting import ZCDpEvent

from coordinator.aggregation_question import Terms
from protocols.errors import Code, Refused
from protocols.ids import Digest, QueryId, digest_of
from protocols.mquery import SignedQuestion, Step, round_id
from protocols.queries import ClassFeatureSums, SquaredError
from protocols.secagg.messages import Survivors
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Round
from provider.attempts import AttemptState, MemoryAttempts
from provider.ledger_file import LedgerFile
from provider.masked_rules import Budget, MaskedRules
from provider.privacy import epsilon_of
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import SqliteLedger
from tests.identities import COORDINATOR
from tests.labelled import provider_with
from tests.masked_nodes import (
    BACKBONE,
    ERRORS,
    MODELS,
    TERMS,
    Blobs,
    Provider,
    Q,
    Table,
    expected,
    names,
    no_delay,
    providers,
)
from tests.provider.journals import journal_of
from tests.session_harness import JOB

A, B, C, D = names(4)
FILE = next(iter(MODELS))
NOISY = replace(TERMS, sigma=2.0)


def test_finish_feign_an_abort_retry_without_one_party_subtract() -> None:
    """The second sum is over other rows, so the difference is nobody's vector."""
    table = Table(providers(5))
    everybody = list(table.providers.values())
    first = table.run(table.question())
    second = table.run(table.question(attempt=2, parties=[A, B, C, D]))
    np.testing.assert_allclose(first.total, expected(everybody, 1), atol=1e-3)
    np.testing.assert_allclose(second.total, expected(everybody[:4], 2), atol=1e-3)
    stolen = first.total - second.total
    assert np.abs(stolen - expected(everybody[4:], 1))[:3].max() > 0.05
    # Had the rows stayed the same, the difference would have been just that.
    same = expected(everybody, 1) - expected(everybody[:4], 1)
    np.testing.assert_allclose(same, expected(everybody[4:], 1))


def test_every_attempt_is_charged_and_the_third_refused_when_the_budget_is_spent() -> None:
    generous = Table(providers(4, MaskedRules(budget=Budget(1e9, 1e-6))))
    for attempt in (1, 2, 3):
        generous.run(generous.question(attempt=attempt, terms=NOISY))
    costs = [attempt.cost.rho for attempt in generous.providers[A].attempts.attempts()]
    assert len(costs) == 3
    assert min(costs) == max(costs) > 0
    # A budget that holds two of these, but not three.
    budget = Budget(_epsilon(2.5 * costs[0]), 1e-6)
    table = Table(providers(4, MaskedRules(budget=budget)))
    for attempt in (1, 2):
        table.run(table.question(attempt=attempt, terms=NOISY))
    question = table.question(attempt=3, terms=NOISY)
    _, messages = table.until(Round.MASK, question)
    assert table.step(A, question, Round.MASK, messages[A]) is Code.BUDGET_SPENT
    last = table.providers[A].attempts.attempts()[-1]
    assert (last.number, last.state, last.cost.rho) == (3, AttemptState.BEGUN, 0.0)


def test_a_fourth_attempt() -> None:
    table = Table(providers(3))
    with pytest.raises(ValueError, match="attempt"):
        table.question(attempt=4)
    table = Table(providers(3), joined=False)
    table.manifest = replace(table.manifest, max_attempts=2)
    assert table.join(A) == b""
    assert table.advertise(A, table.question(attempt=3)) is Code.MANIFEST_NOT_TRUSTED


def test_no_noise_where_the_policy_has_a_budget() -> None:
    table = Table(providers(3, MaskedRules(budget=Budget(1.0, 1e-6))))
    assert table.advertise(A, table.question()) is Code.NOT_ALLOWED


def test_noise_that_counts_on_the_colluders() -> None:
    table = Table(providers(5))
    question = table.question(terms=NOISY)
    noise = question.encoding.noise
    assert noise is not None
    with pytest.raises(ValueError, match="honest"):
        replace(question, encoding=replace(question.encoding, noise=replace(noise, colluders=0)))


def test_an_attempt_asked_for_again_once_it_is_over() -> None:
    table = Table(providers(3))
    question = table.question()
    table.run(question)
    assert table.advertise(A, question) is Code.ATTEMPT_SPENT


@pytest.mark.parametrize("round_", list(Round))
def test_an_attempt_asked_for_again_after_a_restart(round_: Round, tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger.db")
    seats = providers(3)
    seats[0].attempts = SqliteAttempts(journal_of(file, A), JOB)
    table = Table(seats)
    question = table.question()
    table.until(round_, question) if round_ is not Round.ADVERTISE else table.advertise(A, question)
    table.restart(A)
    assert table.advertise(A, question) is Code.ATTEMPT_SPENT
    changed = replace(question, parties=(A, B, C), dropouts=1)
    assert table.advertise(A, changed) is Code.ATTEMPT_SPENT
    assert isinstance(table.advertise(A, table.question(attempt=2)), bytes)


def test_an_earlier_attempt_after_a_later_one() -> None:
    table = Table(providers(3))
    assert isinstance(table.advertise(A, table.question(attempt=2)), bytes)
    assert table.advertise(A, table.question(attempt=1)) is Code.ATTEMPT_SPENT


def test_two_attempts_at_once() -> None:
    """Both would be over rows of their own; but what is over should be over."""
    table = Table(providers(3))
    question = table.question()
    server, messages = table.open(question)
    assert server.round is Round.SHARE
    assert isinstance(table.advertise(A, table.question(attempt=2)), bytes)
    assert table.step(A, question, Round.SHARE, messages[A]) is Code.ATTEMPT_SPENT


def test_an_earlier_attempt_whose_files_come_late() -> None:
    """It began first, and would open last."""
    table = Table(providers(3))
    first, second = table.question(), table.question(attempt=2)

    class Late(Blobs):
        async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
            await asyncio.wait_for(opened.wait(), 5)
            return await super().fetch(digest, max_bytes)

    async def ask(question: AggregationQuestion, blobs: Blobs) -> bytes:
        message = SignedQuestion.by(COORDINATOR, question.encode()).encode()
        step = Step(Round.ADVERTISE, question.transcript, message)
        name = round_id(Q, question.attempt, Round.ADVERTISE)
        return await table.nodes[A].answer(name, step.encode(), blobs, no_delay)

    async def scenario() -> None:
        early = asyncio.create_task(ask(first, Late()))
        await asyncio.sleep(0.01)
        assert await ask(second, Blobs())
        opened.set()
        with pytest.raises(Refused) as caught:
            await early
        assert caught.value.code is Code.ATTEMPT_SPENT

    opened = asyncio.Event()
    asyncio.run(scenario())


def test_a_later_attempt_that_asks_for_something_else() -> None:
    table = Table(providers(3))
    table.advertise(A, table.question())
    other = table.question(attempt=2, query=SquaredError((FILE,), ERRORS.rows))
    assert table.advertise(A, other) is Code.DIFFERENT_BODY


def test_a_sum_over_all_rows_is_given_once() -> None:
    """Drawn anew, all rows are the same rows: a second sum could give one party's part."""
    seats = [Provider(name, dataset=provider_with({"ant": 6, "bee": 7})) for name in names(4)]
    query = ClassFeatureSums(digest_of(BACKBONE), ("ant", "bee"), 6)
    table = Table(seats)
    rows = dict.fromkeys(names(4), (6, 5))
    bounded = Terms(bound=8.0)
    table.run(table.question(query=query, rows=rows, terms=bounded))
    for query_id, attempt in ((Q, 2), (QueryId(9, 9, 0), 1)):
        question = table.question(
            query=query, rows=rows, terms=bounded, attempt=attempt, query_id=query_id
        )
        _, messages = table.until(Round.MASK, question)
        assert table.step(A, question, Round.MASK, messages[A]) is Code.NOT_ALLOWED
    fewer = dict.fromkeys(names(4), (5, 5))  # drawn, so others each time
    table.run(table.question(query=query, rows=fewer, terms=bounded, attempt=3))


# Messages.


def test_replay_of_an_old_message() -> None:
    table = Table(providers(3))
    old = table.question()
    replayed: dict[Round, bytes] = {}
    server, messages = table.open(old)
    while True:
        replayed[server.round] = messages[A]
        table.round(server, old, messages)
        if server.round is Round.UNMASK:
            break
        messages = server.close()
    server.finish()
    for round_, code in {
        Round.SHARE: Code.TRANSCRIPT_DIFFERS,
        Round.MASK: Code.TRANSCRIPT_DIFFERS,
        Round.SIGN: Code.SURVIVORS_DIFFER,
        Round.UNMASK: Code.SURVIVORS_DIFFER,
    }.items():
        new = table.question(query_id=QueryId(3, list(Round).index(round_), 0))
        table.until(round_, new)
        assert table.step(A, new, round_, replayed[round_]) is code, round_


def test_an_old_message_in_its_own_attempt_gives_nothing_new() -> None:
    table = Table(providers(3))
    question = table.question()
    server, messages = table.until(Round.MASK, question)
    first = table.step(A, question, Round.MASK, messages[A])
    assert table.step(A, question, Round.MASK, messages[A]) == first
    table.round(server, question, messages)
    after = server.close()
    assert isinstance(table.step(A, question, Round.SIGN, after[A]), bytes)
    assert table.step(A, question, Round.MASK, messages[A]) is Code.ATTEMPT_SPENT
    assert table.step(A, question, Round.SIGN, after[A]) is Code.ATTEMPT_SPENT  # it is over


def test_a_second_list_of_survivors() -> None:
    table = Table(providers(4))
    question = table.question()
    server, messages = table.until(Round.SIGN, question)
    assert isinstance(table.step(A, question, Round.SIGN, messages[A]), bytes)
    signatures = Survivors.decode(messages[A]).signatures
    fewer = Survivors({party: signatures[party] for party in sorted(signatures)[:3]})
    assert table.step(A, question, Round.SIGN, fewer.encode()) is Code.ATTEMPT_SPENT
    assert server.round is Round.SIGN


def test_a_round_under_the_name_of_another() -> None:
    table = Table(providers(3))
    question = table.question()
    _, messages = table.open(question)
    step = Step(Round.SHARE, question.transcript, messages[A])
    for wrong in (round_id(Q, 1, Round.MASK), round_id(Q, 2, Round.SHARE), QueryId(0, 0, 0)):
        assert table.tell(A, wrong, step.encode()) is Code.BAD_PARAMETERS
    assert isinstance(table.tell(A, round_id(Q, 1, Round.SHARE), step.encode()), bytes)


def test_a_question_under_the_digest_of_another() -> None:
    table = Table(providers(3))
    question, other = table.question(), table.question(dropouts=1)
    message = SignedQuestion.by(COORDINATOR, question.encode()).encode()
    step = Step(Round.ADVERTISE, other.transcript, message)
    name = round_id(Q, 1, Round.ADVERTISE)
    assert table.tell(A, name, step.encode()) is Code.BAD_PARAMETERS


def test_many_attempts_left_open() -> None:
    """Memory is bounded: the oldest attempt ends."""
    table = Table(providers(3, MaskedRules(max_open=3)))
    questions = [table.question(query_id=QueryId(2, step, 0)) for step in range(5)]
    opened = [table.open(question)[1] for question in questions]
    codes = [
        table.step(A, question, Round.SHARE, messages[A])
        for question, messages in zip(questions, opened, strict=True)
    ]
    assert codes[:2] == [Code.ATTEMPT_SPENT] * 2
    assert all(isinstance(code, bytes) for code in codes[2:])


def test_nothing_of_an_attempt_is_on_disk_but_that_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    seeds: list[bytes] = []

    def fresh(count: int) -> bytes:
        seeds.append(bytes(range(len(seeds), len(seeds) + count)))
        return seeds[-1]

    journal = journal_of(path, A)
    seats = providers(3)
    seats[0] = Provider(
        A,
        ledger=SqliteLedger(journal, JOB),
        attempts=SqliteAttempts(journal, JOB),
        fresh=fresh,
    )
    table = Table(seats)
    question = table.question()
    _, messages = table.until(Round.MASK, question)
    reply = table.step(A, question, Round.MASK, messages[A])
    assert isinstance(reply, bytes)
    on_disk = b"".join(part.read_bytes() for part in tmp_path.iterdir())
    assert question.transcript.hex().encode() in on_disk  # what is looked for can be found
    assert len(seeds) == 1
    for secret in (seeds[0], reply[20:36], reply[-64:-48]):
        assert secret not in on_disk
        assert secret.hex().encode() not in on_disk
    assert seats[0].ledger.entries() == []


def test_the_attempt_is_spent_on_disk_before_a_row_is_read() -> None:
    seats = providers(3)
    table = Table(seats)
    seen: list[AttemptState] = []
    images = seats[0].dataset.images

    def watched(rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> object:
        seen.append(seats[0].attempts.attempts()[0].state)
        return images(rows)

    seats[0].dataset.images = watched  # type: ignore[method-assign,assignment]
    table.run(table.question())
    assert seen == [AttemptState.SPENT]


def test_an_attempt_that_cannot_be_recorded_reads_nothing() -> None:
    class Full(MemoryAttempts):
        def spend(self, *_: object) -> None:
            raise OSError("disk full")

    seats = providers(3)
    seats[0].attempts = Full()
    table = Table(seats)
    question = table.question()
    _, messages = table.until(Round.MASK, question)
    with pytest.raises(OSError, match="disk full"):
        table.step(A, question, Round.MASK, messages[A])
    assert table.step(A, question, Round.MASK, messages[A]) is Code.ATTEMPT_SPENT


def _epsilon(rho: float) -> float:
    return epsilon_of([ZCDpEvent(rho=rho)], 1e-6)

"""What somebody may try against the record of a node; what stops it is the ledger."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from protocols.errors import Code, Refused
from protocols.ids import QueryId, digest_of
from provider.attempts import Attempt
from provider.costs import Cost
from provider.ledger_file import LedgerFile
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import SqliteLedger
from tests.provider.journals import journal_of
from tests.provider.ledger_questions import BODY, BUDGET, JOB, ask, at_most, clean


def test_a_budget_race_between_parallel_questions(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    file = LedgerFile(path)
    let_in: list[int] = []
    start = threading.Barrier(4)

    def work(place: int) -> None:
        ledger = SqliteLedger(journal_of(file), JOB)
        start.wait()
        let_in.append(ask(ledger, place * 100, BUDGET))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let_in) == BUDGET
    file.close()
    assert clean(path)


ASKS = """
import sys
from pathlib import Path
from provider.sqlite_ledger import SqliteLedger
from tests.provider.journals import journal_of
from tests.provider.ledger_questions import BUDGET, JOB, ask

ledger = SqliteLedger(journal_of(Path(sys.argv[1])), JOB)
print("ready", flush=True)
sys.stdin.readline()
print(ask(ledger, int(sys.argv[2]), BUDGET))
"""


def test_a_budget_race_between_two_processes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    workers = [
        subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-c", ASKS, str(path), str(place * 100)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for place in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    let_in = [int(worker.communicate()[0]) for worker in workers]
    assert sum(let_in) == BUDGET
    assert clean(path)


def test_a_budget_race_between_masked_and_plain_questions(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    file = LedgerFile(path)
    let_in: list[int] = []
    start = threading.Barrier(2)

    def plain() -> None:
        ledger = SqliteLedger(journal_of(file), JOB)
        start.wait()
        let_in.append(ask(ledger, 0, BUDGET))

    def masked() -> None:
        attempts, spent = SqliteAttempts(journal_of(file), JOB), 0
        start.wait()
        for step in range(BUDGET):
            query = QueryId(9, step, 0)
            attempts.begin(Attempt(query, 1, "describe", BODY, BODY))
            try:
                attempts.spend(query, 1, Cost(1), (), at_most)
            except Refused:
                break
            spent += 1
        let_in.append(spent)

    threads = [threading.Thread(target=work) for work in (plain, masked)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let_in) == BUDGET
    file.close()
    assert clean(path)


def test_a_question_replayed_to_have_it_computed_or_charged_again(tmp_path: Path) -> None:
    """Before and after its answer, its acknowledgement, and a restart of the node."""
    path = tmp_path / "ledger.db"
    query, cost = QueryId(0, 0, 0), Cost(10, 0.5, {"f|s|ant": 1})
    for _ in range(2):
        journal = journal_of(path)
        assert SqliteLedger(journal, JOB).open(query, BODY, "describe", cost) is None
        journal.file.close()
    SqliteLedger(journal_of(path), JOB).answered(query, b"answer")
    for _ in range(2):
        assert SqliteLedger(journal_of(path), JOB).open(query, BODY, "describe", cost) == b"answer"
    ledger = SqliteLedger(journal_of(path), JOB)
    ledger.acknowledge(query)
    with pytest.raises(Refused) as caught:
        ledger.open(query, BODY, "describe", cost)
    assert caught.value.code is Code.ANSWER_GONE
    totals = ledger.totals(uses=["f|s|ant"])
    assert (totals.ever.questions, totals.ever.rho, dict(totals.uses)) == (1, 0.5, {"f|s|ant": 1})


def test_another_question_under_an_id_that_is_paid(tmp_path: Path) -> None:
    ledger = SqliteLedger(journal_of(tmp_path / "ledger.db"), JOB)
    ledger.open(QueryId(0, 0, 0), BODY, "describe", Cost(1), at_most)
    for body in (digest_of(b"other"), digest_of(b"another")):
        with pytest.raises(Refused) as caught:
            ledger.open(QueryId(0, 0, 0), body, "describe", Cost(10**9), at_most)
        assert caught.value.code is Code.DIFFERENT_BODY
    assert ledger.totals().ever.bytes == 1


def test_a_refused_question_asked_for_ever_to_fill_the_disk(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "ledger.db")
    ledger = SqliteLedger(journal, JOB)
    for _ in range(100):
        ledger.refused(QueryId(0, 0, 0), BODY, "describe", Code.PAUSED, "x" * 10**6)
    assert journal.head().seq == 1
    assert len(ledger.entries()[0].reason or "") <= 2000

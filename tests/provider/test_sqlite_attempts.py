import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.errors import Code, Refused
from protocols.ids import JobId, ProviderId
from provider.attempts import AttemptLedger, AttemptState
from provider.costs import FREE, Cost
from provider.ledger_file import LedgerFile
from provider.sqlite_attempts import SqliteAttempts
from tests.provider.attempt_ledger_contract import FIRST, AttemptLedgerContract, Q
from tests.provider.journals import journal_of

ALICE, BOB, JOB = ProviderId("alice"), ProviderId("bob"), JobId("job")


class TestSqliteAttempts(AttemptLedgerContract):
    def make(self, folder: Path) -> AttemptLedger:
        return SqliteAttempts(journal_of(folder / "ledger.db"), JOB)


def test_nodes_and_jobs_share_a_file_and_see_their_own(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger.db")
    records = [
        SqliteAttempts(journal_of(file, ALICE), JOB),
        SqliteAttempts(journal_of(file, BOB), JOB),
        SqliteAttempts(journal_of(file, ALICE), JobId("another")),
    ]
    for number, record in enumerate(records, 1):
        record.begin(replace(FIRST, number=number))
    assert [record.attempts()[0].number for record in records] == [1, 2, 3]
    assert file.owners() == [("alice", "another"), ("alice", "job"), ("bob", "job")]


def test_what_was_revealed_in_one_job_is_not_revealed_in_the_next(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger.db")
    for name in ("job", "another"):
        SqliteAttempts(journal_of(file, ALICE), JobId(name)).begin(FIRST)
    SqliteAttempts(journal_of(file, ALICE), JOB).spend(Q, 1, FREE, ["whole"])
    with pytest.raises(Refused) as caught:
        SqliteAttempts(journal_of(file, ALICE), JobId("another")).spend(Q, 1, FREE, ["whole"])
    assert caught.value.code is Code.NOT_ALLOWED


def test_what_was_spent_survives_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    script = f"""
        import os, signal
        from pathlib import Path
        from tests.provider.test_sqlite_attempts import *
        record = SqliteAttempts(journal_of(Path({str(path)!r})), JOB)
        record.begin(FIRST)
        record.spend(Q, 1, Cost(rho=0.5), ["whole"])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)  # noqa: S603
    (attempt,) = SqliteAttempts(journal_of(path), JOB).attempts()
    assert (attempt.state, attempt.cost) == (AttemptState.SPENT, Cost(rho=0.5))


def test_spending_waits_for_the_disk_and_the_rest_does_not(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger.db")
    seen: list[int] = []
    with file.transaction(durable=True) as connection:
        seen += connection.execute("PRAGMA synchronous").fetchone()
    with file.transaction() as connection:
        seen += connection.execute("PRAGMA synchronous").fetchone()
    assert seen == [2, 1]  # FULL, NORMAL


def test_a_transaction_that_fails_has_not_happened(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger.db")
    with pytest.raises(sqlite3.IntegrityError), file.transaction() as connection:  # noqa: PT012
        connection.execute("INSERT INTO wholes VALUES ('alice', 'whole')")
        connection.execute("INSERT INTO wholes VALUES ('alice', 'whole')")
    assert file.run("SELECT * FROM wholes", ()) == []
    with file.transaction() as connection:
        connection.execute("INSERT INTO wholes VALUES ('alice', 'whole')")
    assert len(file.run("SELECT * FROM wholes", ())) == 1

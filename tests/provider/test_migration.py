import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from protocols.errors import Code
from protocols.ids import JobId, QueryId, digest_of
from protocols.secagg.manifest import sign_manifest
from protocols.secagg.standing import Standing
from provider.attempts import AttemptState
from provider.costs import Spent
from provider.ledger import State
from provider.ledger_file import LedgerFile
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import SqliteLedger
from provider.sqlite_trust import SqliteTrust
from provider.trust import Known
from provider.verification import verify
from synlearn.errors import InputError
from tests.identities import AUTHORITY, COORDINATOR, identity_of
from tests.provider.journals import ALICE, BOB, journal_of
from tests.provider.ledger_contract import refusal
from tests.provider.trust_store_contract import FIRST, MANIFEST

JOB, BODY = JobId("job"), digest_of(b"body")

OLD = """
CREATE TABLE questions (
    provider TEXT NOT NULL, job TEXT NOT NULL, phase INTEGER NOT NULL, step INTEGER NOT NULL,
    part INTEGER NOT NULL, function TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
    answer BLOB, digest TEXT, computed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (provider, job, phase, step, part)
) WITHOUT ROWID;
CREATE TABLE attempts (
    provider TEXT NOT NULL, job TEXT NOT NULL, phase INTEGER NOT NULL, step INTEGER NOT NULL,
    part INTEGER NOT NULL, number INTEGER NOT NULL, function TEXT NOT NULL, body TEXT NOT NULL,
    transcript TEXT NOT NULL, state TEXT NOT NULL, cost REAL NOT NULL,
    PRIMARY KEY (provider, job, phase, step, part, number)
) WITHOUT ROWID;
CREATE TABLE wholes (
    provider TEXT NOT NULL, whole TEXT NOT NULL, PRIMARY KEY (provider, whole)
) WITHOUT ROWID;
CREATE TABLE trust (authority BLOB PRIMARY KEY, roster BLOB NOT NULL, standing BLOB NOT NULL);
CREATE TABLE manifests (
    provider TEXT NOT NULL, job TEXT NOT NULL, manifest BLOB NOT NULL, PRIMARY KEY (provider, job)
);
"""


def old_file(path: Path) -> None:
    """A ledger as nodes wrote it before there were events."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(OLD)
        for provider in (ALICE, BOB):
            for part, state in enumerate(["open", "answered", "acknowledged", "refused"]):
                there = state in {"answered", "acknowledged"}
                connection.execute(
                    "INSERT INTO questions VALUES (?, 'job', 1, 0, ?, 'describe', ?, ?, ?, ?, ?)",
                    (
                        provider,
                        part,
                        BODY,
                        state,
                        b"answer" if state == "answered" else None,
                        digest_of(b"answer") if there else None,
                        int(there),
                    ),
                )
            for number, state, rho in ((1, "begun", 0.0), (2, "spent", 0.5)):
                connection.execute(
                    "INSERT INTO attempts VALUES (?, 'job', 2, 0, 0, ?, 'f', ?, ?, ?, ?)",
                    (provider, number, BODY, BODY, state, rho),
                )
            connection.execute("INSERT INTO wholes VALUES (?, 'f|m|ant')", (provider,))
        standing = Standing().seen(FIRST, 1)
        connection.execute(
            "INSERT INTO trust VALUES (?, ?, ?)",
            (AUTHORITY.public, FIRST.encode(), standing.encode()),
        )
        manifest = sign_manifest(MANIFEST, COORDINATOR).encode()
        connection.execute("INSERT INTO manifests VALUES (?, 'job', ?)", (ALICE, manifest))


def test_what_an_old_file_holds_is_taken_over_and_signed_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old_file(path)
    file = LedgerFile(path)
    for provider in (ALICE, BOB):
        journal = journal_of(file, provider)
        ledger = SqliteLedger(journal, JOB)
        assert [entry.state for entry in ledger.entries()] == [
            State.OPEN,
            State.ANSWERED,
            State.ACKNOWLEDGED,
            State.REFUSED,
        ]
        assert [entry.computed for entry in ledger.entries()] == [0, 1, 1, 0]
        assert ledger.open(QueryId(1, 0, 1), BODY, "describe") == b"answer"
        assert refusal(ledger, QueryId(1, 0, 2), BODY) is Code.ANSWER_GONE
        begun, spent = SqliteAttempts(journal, JOB).attempts()
        assert (begun.state, begun.cost.rho) == (AttemptState.BEGUN, 0.0)
        assert (spent.state, spent.cost.rho) == (AttemptState.SPENT, 0.5)
        assert ledger.totals().ever == Spent(4, 0, 0.5)  # the refused one cost nothing
    alice = journal_of(file)
    known = SqliteTrust(alice, AUTHORITY.public).known()
    assert known == Known(FIRST, Standing().seen(FIRST, 1))
    assert SqliteTrust(alice, AUTHORITY.public).manifest(ALICE, JOB) is not None
    file.close()
    for provider in (ALICE, BOB):
        assert verify(path, provider, identity_of(provider).public, alone=False) == []


def test_rows_that_nobody_took_over_are_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old_file(path)
    journal_of(path).file.close()
    found = verify(path, ALICE, identity_of(ALICE).public)
    assert "4 rows were not taken over by a journal" in "\n".join(map(str, found))


def test_a_newer_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    LedgerFile(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(InputError, match="was written by a newer version"):
        LedgerFile(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"no ledger at all, but a text" * 99, b"\0" * 4096])
def test_what_is_no_ledger_is_refused_in_one_sentence(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(data)
    with pytest.raises(InputError, match="is not a ledger"):
        LedgerFile(path)
    assert path.read_bytes() == data

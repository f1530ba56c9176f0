"""A ledger on disk: what was answered survives the end of the process."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from provider.ledger import Entry, State, check_repeat
from provider.ledger_schema import SCHEMA

_KEY = "provider = ? AND job = ? AND phase = ? AND step = ? AND part = ?"


class LedgerFile:
    """One SQLite file, shared by the nodes of a process.

    Every change is one transaction in write-ahead mode: after SIGKILL the file holds each change
    whole or not at all. `synchronous=NORMAL`: a power cut may lose the last moments, never the
    file's consistency.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)
        self._lock = threading.Lock()

    def run(self, statement: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        """Execute one statement as one transaction."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Several statements as one transaction; none of them has happened where one fails.

        Args:
            durable: Whether it has to survive a power cut, too: it then waits for the disk.
        """
        with self._lock:
            if durable:
                self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            finally:
                self._connection.execute("PRAGMA synchronous=NORMAL")

    def owners(self) -> list[tuple[str, str]]:
        """Provider and job of every ledger in the file, sorted."""
        found = self.run(
            "SELECT provider, job FROM questions UNION SELECT provider, job FROM attempts"
            " ORDER BY 1, 2",
            (),
        )
        return [(str(provider), str(job)) for provider, job in found]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class SqliteLedger:
    """The ledger of one provider and job within a `LedgerFile`."""

    def __init__(self, file: LedgerFile, provider: ProviderId, job: JobId) -> None:
        self._file = file
        self._owner = (str(provider), str(job))

    def open(self, query: QueryId, body: Digest, function: str) -> bytes | None:
        """Record that a question was accepted; see `Ledger.open`."""
        found = self._file.run(
            f"SELECT body, state, answer FROM questions WHERE {_KEY}",  # noqa: S608  # a constant
            self._key(query),
        )
        if not found or found[0][1] == State.REFUSED.value:
            self._file.run(
                "INSERT OR REPLACE INTO questions"
                " (provider, job, phase, step, part, function, body, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*self._key(query), function, body, State.OPEN.value),
            )
            return None
        recorded, state, answer = found[0]
        check_repeat(query, body, Digest(str(recorded)), State(state))
        return bytes(answer) if isinstance(answer, bytes) else None

    def answered(self, query: QueryId, answer: bytes) -> None:
        """Store the answer of an open question."""
        self._file.run(
            "UPDATE questions SET state = ?, answer = ?, digest = ?, computed = computed + 1"  # noqa: S608  # a constant
            f" WHERE {_KEY}",
            (State.ANSWERED.value, answer, digest_of(answer), *self._key(query)),
        )

    def refused(self, query: QueryId, body: Digest, function: str) -> None:
        """Record a refusal; it does not reserve the id."""
        self._file.run(
            "INSERT OR IGNORE INTO questions"
            " (provider, job, phase, step, part, function, body, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*self._key(query), function, body, State.REFUSED.value),
        )

    def acknowledge(self, up_to: QueryId) -> None:
        """Drop the stored answers up to this id; their digests stay."""
        self._file.run(
            "UPDATE questions SET state = ?, answer = NULL"
            " WHERE provider = ? AND job = ? AND state = ? AND (phase, step, part) <= (?, ?, ?)",
            (
                State.ACKNOWLEDGED.value,
                *self._owner,
                State.ANSWERED.value,
                up_to.phase,
                up_to.step,
                up_to.part,
            ),
        )

    def entries(self) -> list[Entry]:
        """All entries in the order of their ids."""
        rows = self._file.run(
            "SELECT phase, step, part, function, body, state, digest, computed FROM questions"
            " WHERE provider = ? AND job = ? ORDER BY phase, step, part",
            self._owner,
        )
        return [
            Entry(
                QueryId(int(str(phase)), int(str(step)), int(str(part))),
                str(function),
                Digest(str(body)),
                State(state),
                Digest(str(digest)) if digest is not None else None,
                int(str(computed)),
            )
            for phase, step, part, function, body, state, digest, computed in rows
        ]

    def _key(self, query: QueryId) -> tuple[object, ...]:
        return (*self._owner, query.phase, query.step, query.part)

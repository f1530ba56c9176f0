"""The SQLite file of a ledger: whole transactions, or none."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from protocols.errors import Code, Refused
from provider.migration import bring_up_to_date

Reached: TypeAlias = Callable[[str], None]
"""Called with the label of each point at which a process may be killed; for tests."""

PATIENCE = 30.0
"""Seconds to wait for another process that writes."""


def _ignore(_: str) -> None:
    """Nobody is interested."""


class LedgerFile:
    """One SQLite file, shared by the nodes of a process.

    Every change is one transaction in write-ahead mode: after SIGKILL the file holds each change
    whole or not at all. A power cut may lose the last moments, never the file's consistency.

    Args:
        path: Of the file; made where there is none.
        durable: Whether an answer has to survive a power cut before it may leave. It then waits for
            the disk (milliseconds).
        reached: Called before and after each commit, as `open: written`.

    Raises:
        InputError: The file is no ledger, or one of a newer version.
    """

    def __init__(self, path: Path, *, durable: bool = False, reached: Reached = _ignore) -> None:
        self.path = path
        self.durable = durable
        self.reached = reached
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=PATIENCE
        )
        try:
            bring_up_to_date(self._connection, path)
        except BaseException:
            self._connection.close()
            raise
        self._lock = threading.Lock()

    def run(self, statement: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        """Execute one statement that only reads."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def transaction(
        self, label: str = "change", *, durable: bool = False
    ) -> Iterator[sqlite3.Connection]:
        """Several statements as one transaction; none of them has happened where one fails.

        Args:
            label: What changes, as `reached` is told.
            durable: Whether it has to survive a power cut, too: it then waits for the disk.

        Raises:
            Refused: NODE_FAULT, the file cannot be written now: the disk is full, say.
        """
        self.reached(f"{label}: before")
        with self._lock:
            try:
                if durable:
                    self._connection.execute("PRAGMA synchronous=FULL")
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self.reached(f"{label}: written")
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:  # SQLite itself takes some of them back
                        self._connection.execute("ROLLBACK")
                    raise
                finally:
                    if durable:
                        self._connection.execute("PRAGMA synchronous=NORMAL")
            except sqlite3.OperationalError as error:
                raise Refused(
                    Code.NODE_FAULT,
                    local=f"the ledger {self.path} cannot be written ({error}); see that its disk "
                    "has space and no other program holds it: until then nothing is answered",
                ) from error
        self.reached(f"{label}: committed")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Several statements that only read, all of the same state of the file."""
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

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

"""The record of attempts on disk, in the same file as the ledger."""

import sqlite3
from collections.abc import Collection

from protocols.ids import Digest, JobId, ProviderId, QueryId
from provider.attempts import Attempt, AttemptState, check_begin, check_spend
from provider.sqlite_ledger import LedgerFile

_OWNER = "provider = ? AND job = ?"
_QUERY = f"{_OWNER} AND phase = ? AND step = ? AND part = ?"
_FIELDS = "phase, step, part, number, function, body, transcript, state, cost"


class SqliteAttempts:
    """The attempts of one provider and job within a `LedgerFile`."""

    def __init__(self, file: LedgerFile, provider: ProviderId, job: JobId) -> None:
        self._file = file
        self._owner = (str(provider), str(job))

    def begin(self, attempt: Attempt) -> None:
        """Record that an attempt begins; see `AttemptLedger.begin`."""
        query = attempt.query
        with self._file.transaction() as connection:
            check_begin(attempt, self._at(connection, query))
            connection.execute(
                f"INSERT INTO attempts (provider, job, {_FIELDS})"  # noqa: S608  # a constant
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *self._owner,
                    query.phase,
                    query.step,
                    query.part,
                    attempt.number,
                    attempt.function,
                    attempt.body,
                    attempt.transcript,
                    attempt.state.value,
                    attempt.cost,
                ),
            )

    def spend(self, query: QueryId, number: int, cost: float, wholes: Collection[str]) -> None:
        """Record that rows are about to be read; see `AttemptLedger.spend`."""
        provider = self._owner[0]
        # Forgotten in a power cut, the attempt could be made again over the very same rows.
        with self._file.transaction(durable=True) as connection:
            states = {a.number: a.state for a in self._at(connection, query)}
            known = connection.execute("SELECT whole FROM wholes WHERE provider = ?", (provider,))
            revealed = {str(whole) for (whole,) in known} & set(wholes)
            check_spend(query, number, states.get(number), revealed)
            connection.execute(
                f"UPDATE attempts SET state = ?, cost = ? WHERE {_QUERY} AND number = ?",  # noqa: S608  # a constant
                (
                    AttemptState.SPENT.value,
                    cost,
                    *self._owner,
                    query.phase,
                    query.step,
                    query.part,
                    number,
                ),
            )
            connection.executemany(
                "INSERT INTO wholes (provider, whole) VALUES (?, ?)",
                [(provider, whole) for whole in set(wholes)],
            )

    def attempts(self) -> list[Attempt]:
        """All attempts, in the order of their ids and numbers."""
        rows = self._file.run(
            f"SELECT {_FIELDS} FROM attempts WHERE {_OWNER} ORDER BY phase, step, part, number",  # noqa: S608  # a constant
            self._owner,
        )
        return [_attempt(row) for row in rows]

    def _at(self, connection: sqlite3.Connection, query: QueryId) -> list[Attempt]:
        rows = connection.execute(
            f"SELECT {_FIELDS} FROM attempts WHERE {_QUERY}",  # noqa: S608  # a constant
            (*self._owner, query.phase, query.step, query.part),
        )
        return [_attempt(row) for row in rows]


def _attempt(row: tuple[object, ...]) -> Attempt:
    phase, step, part, number, function, body, transcript, state, cost = row
    return Attempt(
        QueryId(int(str(phase)), int(str(step)), int(str(part))),
        int(str(number)),
        str(function),
        Digest(str(body)),
        Digest(str(transcript)),
        AttemptState(state),
        float(str(cost)),
    )

"""The record of attempts on disk, in the same journal as the ledger."""

import sqlite3
from collections.abc import Collection

from protocols.ids import Digest, JobId, ProviderId, QueryId
from provider.attempts import Attempt, AttemptState, check_begin, check_spend
from provider.costs import Allow, Cost, allow_all
from provider.journal import Journal
from provider.ledger_file import LedgerFile
from provider.spending import totals_on_disk
from provider.sqlite_ledger import details_of

_OWNER = "provider = ? AND job = ?"
_QUERY = f"{_OWNER} AND phase = ? AND step = ? AND part = ?"
_FIELDS = "phase, step, part, number, function, body, transcript, state, bytes, rho, rows"


class SqliteAttempts:
    """The attempts of one job within the journal of a provider."""

    def __init__(self, journal: Journal, job: JobId) -> None:
        self._journal = journal
        self._job = job
        self._owner = (str(journal.provider), str(job))

    def begin(self, attempt: Attempt) -> None:
        """Record that an attempt begins; see `AttemptLedger.begin`."""
        with self._journal.page("begin") as page:
            check_begin(attempt, self._at(page.connection, attempt.query))
            page.record(
                "begun",
                {
                    "job": self._job,
                    "query": str(attempt.query),
                    "number": attempt.number,
                    "function": attempt.function,
                    "body": attempt.body,
                    "transcript": attempt.transcript,
                },
            )

    def spend(
        self,
        query: QueryId,
        number: int,
        cost: Cost,
        wholes: Collection[str],
        allow: Allow = allow_all,
    ) -> None:
        """Record that rows are about to be read; see `AttemptLedger.spend`."""
        # Forgotten in a power cut, the attempt could be made again over the very same rows.
        with self._journal.page("spend", durable=True) as page:
            found = {a.number: a for a in self._at(page.connection, query)}.get(number)
            state = found.state if found else None
            check_spend(query, number, state, self._revealed(page.connection, wholes))
            assert found is not None  # noqa: S101 - checked just above
            allow(
                totals_on_disk(
                    page.connection,
                    self._journal.provider,
                    self._job,
                    function=found.function,
                    uses=cost.uses,
                    time=page.time,
                )
            )
            page.record(
                "spent",
                {
                    "job": self._job,
                    "query": str(query),
                    "number": number,
                    "function": found.function,
                    "wholes": sorted(set(wholes)),
                }
                | details_of(cost),
            )

    def attempts(self) -> list[Attempt]:
        """All attempts, in the order of their ids and numbers."""
        return read_attempts(self._journal.file, self._journal.provider, self._job)

    def _at(self, connection: sqlite3.Connection, query: QueryId) -> list[Attempt]:
        rows = connection.execute(
            f"SELECT {_FIELDS} FROM attempts WHERE {_QUERY}",  # noqa: S608  # a constant
            (*self._owner, query.phase, query.step, query.part),
        )
        return [_attempt(row) for row in rows]

    def _revealed(self, connection: sqlite3.Connection, wholes: Collection[str]) -> set[str]:
        return {
            whole
            for whole in wholes
            if connection.execute(
                "SELECT 1 FROM wholes WHERE provider = ? AND whole = ?", (self._owner[0], whole)
            ).fetchone()
        }


def read_attempts(file: LedgerFile, provider: ProviderId, job: JobId) -> list[Attempt]:
    """All attempts of a job in the order of their ids and numbers; needs no key."""
    rows = file.run(
        f"SELECT {_FIELDS} FROM attempts WHERE {_OWNER} ORDER BY phase, step, part, number",  # noqa: S608  # a constant
        (provider, job),
    )
    return [_attempt(row) for row in rows]


def _attempt(row: tuple[object, ...]) -> Attempt:
    phase, step, part, number, function, body, transcript, state, sent, rho, count = row
    return Attempt(
        QueryId(int(str(phase)), int(str(step)), int(str(part))),
        int(str(number)),
        str(function),
        Digest(str(body)),
        Digest(str(transcript)),
        AttemptState(state),
        Cost(int(str(sent)), float(str(rho)), rows=int(str(count))),
    )

"""What was spent, added up: in memory, and as read from a ledger's running totals."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from protocols.ids import JobId, ProviderId
from provider.costs import Cost, Spent, Totals
from provider.ledger_file import LedgerFile
from provider.projection import day_of


@dataclass(slots=True)
class Spending:
    """Running totals of one provider in one job, for as long as the process lives.

    A `MemoryLedger` and a `MemoryAttempts` that share one count together.
    """

    _all: Spent = field(default_factory=Spent)
    _days: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))
    _functions: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))
    _uses: Counter[str] = field(default_factory=Counter)

    def totals(self, function: str, uses: Collection[str], time: int) -> Totals:
        """What was spent until now; `time` in milliseconds says which day is today."""
        return Totals(
            today=self._days[day_of(time)],
            job=self._all,
            ever=self._all,
            function=self._functions[function],
            uses={name: self._uses[name] for name in uses},
        )

    def charge(self, function: str, cost: Cost, time: int) -> None:
        """Count one question."""
        day = day_of(time)
        self._all = _more(self._all, cost)
        self._days[day] = _more(self._days[day], cost)
        self._functions[function] = _more(self._functions[function], cost)
        self._uses.update(cost.uses)


def _more(spent: Spent, cost: Cost) -> Spent:
    return Spent(spent.questions + 1, spent.bytes + cost.bytes, spent.rho + cost.rho)


def totals_on_disk(
    connection: sqlite3.Connection,
    provider: ProviderId,
    job: JobId,
    *,
    function: str,
    uses: Collection[str],
    time: int,
) -> Totals:
    """What was spent until now, as a handful of rows say; `time` in milliseconds is now."""
    scopes = {
        "ever": "",
        "day": day_of(time),
        "job": str(job),
        "function": f"{job}|{function}",
    }
    found = {scope: _read(connection, provider, scope, name) for scope, name in scopes.items()}
    return Totals(
        today=found["day"],
        job=found["job"],
        ever=found["ever"],
        function=found["function"],
        uses={name: _count(connection, provider, name) for name in uses},
    )


def spent_by_function(file: LedgerFile, provider: ProviderId, job: JobId) -> dict[str, Spent]:
    """What a job has spent on each function, masked questions included."""
    rows = file.run(
        "SELECT name, questions, bytes, rho FROM totals"
        " WHERE provider = ? AND scope = 'function' AND name >= ? AND name < ?",
        (provider, f"{job}|", f"{job}}}"),  # the character after | is }
    )
    return {
        str(name).rpartition("|")[2]: Spent(int(str(questions)), int(str(size)), float(str(rho)))
        for name, questions, size, rho in rows
    }


def _read(connection: sqlite3.Connection, provider: str, scope: str, name: str) -> Spent:
    row = connection.execute(
        "SELECT questions, bytes, rho FROM totals WHERE provider = ? AND scope = ? AND name = ?",
        (provider, scope, name),
    ).fetchone()
    return Spent(*row) if row else Spent()


def _count(connection: sqlite3.Connection, provider: str, name: str) -> int:
    row = connection.execute(
        "SELECT count FROM uses WHERE provider = ? AND name = ?", (provider, name)
    ).fetchone()
    return int(row[0]) if row else 0

"""Questions that wait for the owner: put down once, decided for exactly one body.

The node and the command line are two processes on one file; every step is one transaction.
"""

import json
from collections.abc import Callable

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, QueryId
from provider.costs import Cost
from provider.ledger_file import LedgerFile
from provider.policies.asked import Asked, Decision, Waiting
from provider.policies.rules import ApprovalRules
from synlearn.errors import InputError

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS approvals (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        provider TEXT NOT NULL,
        job TEXT NOT NULL,
        query TEXT NOT NULL,
        body TEXT NOT NULL,
        function TEXT NOT NULL,
        purpose TEXT NOT NULL,
        shape TEXT NOT NULL,
        rows TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        rho REAL NOT NULL,
        asked REAL NOT NULL,
        expires REAL NOT NULL,
        state TEXT NOT NULL,
        UNIQUE (provider, job, query, body)
    )""",
    """CREATE TABLE IF NOT EXISTS approved_functions (
        provider TEXT NOT NULL,
        job TEXT NOT NULL,
        function TEXT NOT NULL,
        PRIMARY KEY (provider, job, function)
    ) WITHOUT ROWID""",
)
_FIELDS = "id, job, query, body, function, purpose, shape, rows, bytes, rho, asked, expires, state"


class Approvals:
    """The queue of one provider, in its ledger's file.

    Args:
        file: The ledger's.
        provider: Whose questions they are.
        now: Unix seconds.
    """

    def __init__(self, file: LedgerFile, provider: ProviderId, *, now: Callable[[], float]) -> None:
        self._file = file
        self._provider = str(provider)
        self._now = now
        with file.transaction() as connection:
            for statement in _SCHEMA:
                connection.execute(statement)

    def ask(self, asked: Asked, rules: ApprovalRules) -> Waiting:
        """Put a question down, once; where it stands already, tell what became of it.

        One that nobody decided about in time may be put down anew.

        Raises:
            Refused: BUDGET_SPENT, as many wait as the policy allows.
        """
        now = self._now()
        key = (self._provider, asked.job, str(asked.query), asked.body)
        with self._file.transaction() as connection:
            found = connection.execute(
                f"SELECT {_FIELDS} FROM approvals"  # noqa: S608 - a constant
                " WHERE provider = ? AND job = ? AND query = ? AND body = ?",
                key,
            ).fetchone()
            if found is not None:
                waiting = self._waiting(found, now)
                if waiting.decision is not Decision.EXPIRED:
                    return waiting
                connection.execute("DELETE FROM approvals WHERE id = ?", (waiting.id,))
            whole = connection.execute(
                "SELECT 1 FROM approved_functions WHERE provider = ? AND job = ? AND function = ?",
                (self._provider, asked.job, asked.function),
            ).fetchone()
            ((count,),) = connection.execute(
                "SELECT count(*) FROM approvals WHERE provider = ? AND state = ? AND expires > ?",
                (self._provider, Decision.PENDING.value, now),
            ).fetchall()
            if whole is None and count >= rules.max_pending:
                raise Refused(
                    Code.BUDGET_SPENT,
                    local=f"{count} questions wait for approval; decide about some, or raise "
                    "max_pending of [approval]",
                )
            state = Decision.PENDING if whole is None else Decision.APPROVED
            expires = now + 3600 * rules.expires_hours
            cursor = connection.execute(
                "INSERT INTO approvals (provider, job, query, body, function, purpose, shape, rows,"
                " bytes, rho, asked, expires, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *key,
                    asked.function,
                    asked.purpose,
                    asked.shape,
                    json.dumps(dict(asked.rows)),
                    asked.cost.bytes,
                    asked.cost.rho,
                    now,
                    expires,
                    state.value,
                ),
            )
            return Waiting(int(cursor.lastrowid or 0), asked, now, expires, state)

    def decision(self, job: JobId, query: QueryId, body: Digest, function: str) -> Decision | None:
        """What the owner says about exactly this body; None if it was never put down."""
        found = self._file.run(
            "SELECT state, expires FROM approvals"
            " WHERE provider = ? AND job = ? AND query = ? AND body = ?",
            (self._provider, job, str(query), body),
        )
        if not found:
            return Decision.APPROVED if function in self.approved_functions(job) else None
        state, expires = found[0]
        return _decision(str(state), float(str(expires)), self._now())

    def pending(self) -> list[Waiting]:
        """What waits for the owner, the oldest first."""
        now = self._now()
        found = self._file.run(
            f"SELECT {_FIELDS} FROM approvals"  # noqa: S608 - a constant
            " WHERE provider = ? AND state = ? AND expires > ? ORDER BY id",
            (self._provider, Decision.PENDING.value, now),
        )
        return [self._waiting(row, now) for row in found]

    def approve(self, number: int) -> Waiting:
        """Approve the question of this number.

        Raises:
            InputError: There is none, or it has expired.
        """
        return self._decide(number, Decision.APPROVED)

    def deny(self, number: int) -> Waiting:
        """Deny the question of this number; an approved one too, as long as it was not answered.

        Raises:
            InputError: There is none, or it has expired.
        """
        return self._decide(number, Decision.DENIED)

    def approve_function(self, job: JobId, function: str) -> int:
        """Approve all questions of a function in a job, those that wait and those to come.

        Returns:
            How many waited.
        """
        with self._file.transaction(durable=True) as connection:
            connection.execute(
                "INSERT OR IGNORE INTO approved_functions VALUES (?, ?, ?)",
                (self._provider, job, function),
            )
            cursor = connection.execute(
                "UPDATE approvals SET state = ? WHERE provider = ? AND job = ? AND function = ?"
                " AND state = ? AND expires > ?",
                (
                    Decision.APPROVED.value,
                    self._provider,
                    job,
                    function,
                    Decision.PENDING.value,
                    self._now(),
                ),
            )
            return cursor.rowcount

    def withdraw_function(self, job: JobId, function: str) -> None:
        """Ask about each question of a function again, from now on."""
        with self._file.transaction(durable=True) as connection:
            connection.execute(
                "DELETE FROM approved_functions WHERE provider = ? AND job = ? AND function = ?",
                (self._provider, job, function),
            )

    def approved_functions(self, job: JobId) -> frozenset[str]:
        """Functions of which all questions of a job are approved."""
        found = self._file.run(
            "SELECT function FROM approved_functions WHERE provider = ? AND job = ?",
            (self._provider, job),
        )
        return frozenset(str(function) for (function,) in found)

    def _decide(self, number: int, decision: Decision) -> Waiting:
        now = self._now()
        with self._file.transaction(durable=True) as connection:
            found = connection.execute(
                f"SELECT {_FIELDS} FROM approvals WHERE provider = ? AND id = ?",  # noqa: S608
                (self._provider, number),
            ).fetchone()
            if found is None:
                raise InputError(
                    f"no question {number} waits here; list them to see their numbers."
                )
            waiting = self._waiting(found, now)
            if waiting.decision is Decision.EXPIRED:
                raise InputError(
                    f"question {number} has expired; the job puts it down again if it still asks."
                )
            connection.execute(
                "UPDATE approvals SET state = ? WHERE id = ?", (decision.value, number)
            )
        return Waiting(number, waiting.asked, waiting.since, waiting.expires, decision)

    def _waiting(self, row: tuple[object, ...], now: float) -> Waiting:
        number, job, query, body, function, purpose, shape, rows, size, rho, since, end, state = row
        asked = Asked(
            JobId(str(job)),
            QueryId.parse(str(query)),
            Digest(str(body)),
            str(function),
            str(purpose),
            str(shape),
            json.loads(str(rows)),
            Cost(int(str(size)), float(str(rho))),
        )
        expires = float(str(end))
        decision = _decision(str(state), expires, now)
        return Waiting(int(str(number)), asked, float(str(since)), expires, decision)


def _decision(state: str, expires: float, now: float) -> Decision:
    """What is decided stays so; only waiting ends."""
    decision = Decision(state)
    return Decision.EXPIRED if decision is Decision.PENDING and now >= expires else decision

"""A ledger on disk: what was answered survives the end of the process."""

from collections.abc import Collection

from protocols.errors import Code
from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from provider.costs import FREE, Allow, Cost, Totals, allow_all
from provider.journal import Journal
from provider.ledger import Entry, State, check_repeat
from provider.ledger_file import LedgerFile
from provider.spending import totals_on_disk

LONGEST_REASON = 2000
"""Characters of a reason that are kept; it may quote what a coordinator sent."""

_KEY = "provider = ? AND job = ? AND phase = ? AND step = ? AND part = ?"
_FIELDS = (
    "phase, step, part, function, body, state, digest, computed, bytes, rho, rows, size, code,"
    " reason, time"
)


class SqliteLedger:
    """The ledger of one job within the journal of a provider."""

    def __init__(self, journal: Journal, job: JobId) -> None:
        self._journal = journal
        self._job = job
        self._owner = (str(journal.provider), str(job))

    def open(
        self,
        query: QueryId,
        body: Digest,
        function: str,
        cost: Cost = FREE,
        allow: Allow = allow_all,
    ) -> bytes | None:
        """Record that a question was accepted; see `Ledger.open`."""
        with self._journal.page("open") as page:
            found = page.connection.execute(
                f"SELECT body, state, answer FROM questions WHERE {_KEY}",  # noqa: S608  # a constant
                self._key(query),
            ).fetchone()
            if found and found[1] != State.REFUSED.value:
                recorded, state, answer = found
                check_repeat(query, body, Digest(str(recorded)), State(state))
                return bytes(answer) if isinstance(answer, bytes) else None
            allow(
                totals_on_disk(
                    page.connection,
                    self._journal.provider,
                    self._job,
                    function=function,
                    uses=cost.uses,
                    time=page.time,
                )
            )
            page.record("accepted", self._about(query, function, body) | details_of(cost))
        return None

    def answered(self, query: QueryId, answer: bytes) -> None:
        """Store the answer of an open question."""
        details = {"digest": digest_of(answer), "bytes": len(answer)}
        with self._journal.page("answered", durable=self._journal.file.durable) as page:
            page.record("answered", self._named(query) | details, {"answer": answer})

    def refused(self, query: QueryId, body: Digest, function: str, code: Code, reason: str) -> None:
        """Record a refusal; it does not reserve the id.

        The very same refusal again is not recorded again: whoever is refused may ask for ever.
        """
        with self._journal.page("refused") as page:
            known = page.connection.execute(
                f"SELECT body, code FROM questions WHERE {_KEY}",  # noqa: S608  # a constant
                self._key(query),
            ).fetchone()
            if known != (body, code.name):
                details = {"code": code.name, "reason": reason[:LONGEST_REASON]}
                page.record("refused", self._about(query, function, body) | details)

    def acknowledge(self, up_to: QueryId) -> None:
        """Drop the stored answers up to this id; their digests stay."""
        with self._journal.page("acknowledge") as page:
            kept = page.connection.execute(
                "SELECT 1 FROM questions INDEXED BY answers_kept"
                " WHERE provider = ? AND job = ? AND state = 'answered'"
                " AND (phase, step, part) <= (?, ?, ?) LIMIT 1",
                (*self._owner, up_to.phase, up_to.step, up_to.part),
            ).fetchone()
            if kept:
                page.record("acknowledged", {"job": self._job, "up_to": str(up_to)})

    def purge(self) -> None:
        """Drop all stored answers of the job; see `Ledger.purge`."""
        with self._journal.page("purge", durable=True) as page:
            page.record("purged", {"job": self._job})

    def entries(self) -> list[Entry]:
        """All entries in the order of their ids."""
        return read_entries(self._journal.file, self._journal.provider, self._job)

    def totals(self, function: str = "", uses: Collection[str] = ()) -> Totals:
        """What was spent until now; see `Ledger.totals`."""
        with self._journal.file.reading() as connection:
            return totals_on_disk(
                connection,
                self._journal.provider,
                self._job,
                function=function,
                uses=uses,
                time=self._journal.time(),
            )

    def _key(self, query: QueryId) -> tuple[object, ...]:
        return (*self._owner, query.phase, query.step, query.part)

    def _named(self, query: QueryId) -> dict[str, object]:
        return {"job": self._job, "query": str(query)}

    def _about(self, query: QueryId, function: str, body: Digest) -> dict[str, object]:
        return self._named(query) | {"function": function, "body": body}


def details_of(cost: Cost) -> dict[str, object]:
    """A cost as the details of an event."""
    return {
        "bytes": cost.bytes,
        "rho": float(cost.rho),
        "rows": cost.rows,
        "uses": dict(cost.uses),
    }


def read_entries(file: LedgerFile, provider: ProviderId, job: JobId) -> list[Entry]:
    """All entries of a ledger in the order of their ids; needs no key."""
    rows = file.run(
        f"SELECT {_FIELDS} FROM questions WHERE provider = ? AND job = ?"  # noqa: S608  # a constant
        " ORDER BY phase, step, part",
        (provider, job),
    )
    return [_entry(row) for row in rows]


def _entry(row: tuple[object, ...]) -> Entry:
    phase, step, part, function, body, state, digest, computed = row[:8]
    sent, rho, rows, size, code, reason, time = row[8:]
    return Entry(
        QueryId(int(str(phase)), int(str(step)), int(str(part))),
        str(function),
        Digest(str(body)),
        State(state),
        Digest(str(digest)) if digest is not None else None,
        int(str(computed)),
        Cost(int(str(sent)), float(str(rho)), rows=int(str(rows))),
        int(str(size)) if size is not None else None,
        Code[str(code)] if code is not None else None,
        str(reason) if reason is not None else None,
        int(str(time)),
    )

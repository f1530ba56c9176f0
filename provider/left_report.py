"""What left a site, line by line, as its owner reads it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from protocols.ids import JobId, ProviderId
from provider.ledger_file import LedgerFile

_PAGE = 500
_QUESTIONS = (
    "job, phase, step, part, 0, function, state, code, reason, bytes, size, rho, rows, time, digest"
)
_ATTEMPTS = (
    "job, phase, step, part, number, function, state, NULL, NULL, bytes, NULL, rho, rows, time,"
    " transcript"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One question, or one attempt at a masked one.

    Attributes:
        provider: Whose data it was about.
        job: Who asked.
        question: Its id, `2.17.3`.
        attempt: 1 to 3 for a masked one; 0 for a plain one.
        function: What was asked.
        verdict: `answered`, `acknowledged`, `purged`, `spent` (all of these left), `open`, `begun`,
            `refused`.
        code: Why it was refused, or failed; None elsewhere.
        reason: The same in full, for the site alone.
        charged: Bytes that it was charged.
        sent: Bytes of the answer; None where there is none, or it is masked.
        rho: What it was charged, in zCDP's rho.
        rows: That the answer is a function of.
        time: Milliseconds since 1970.
        digest: SHA-256 of the answer; of an attempt, that of what it was asked (a masked vector is
            kept nowhere).
    """

    provider: str
    job: str
    question: str
    attempt: int
    function: str
    verdict: str
    code: str | None
    reason: str | None
    charged: int
    sent: int | None
    rho: float
    rows: int
    time: int
    digest: str | None

    def to_json(self) -> str:
        """One line of JSON; the time in ISO 8601, UTC."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(values | {"time": _clock(self.time)}, sort_keys=True)


def lines(
    file: LedgerFile, provider: ProviderId | None = None, job: JobId | None = None
) -> Iterator[Line]:
    """All lines by provider and job, plain questions first; some hundreds at a time in memory.

    Args:
        file: Of the ledger.
        provider: Only this one's.
        job: Only this one's.
    """
    for owner, of in file.owners():
        if provider in (None, owner) and job in (None, of):
            yield from _read(file, owner, of, "questions", _QUESTIONS)
            yield from _read(file, owner, of, "attempts", _ATTEMPTS)


def table() -> Table:
    """An empty table with the columns of `row_of`."""
    made = Table(highlight=False)
    for name in ("provider", "job", "question", "function", "verdict"):
        made.add_column(name, overflow="fold")
    for name in ("bytes", "rho", "rows"):
        made.add_column(name, justify="right")
    for name in ("time (UTC)", "SHA-256"):
        made.add_column(name)
    return made


def row_of(line: Line) -> tuple[str, ...]:
    """A line as cells, safe to print: whatever a coordinator wrote is only text."""
    name = f"{line.question} (attempt {line.attempt})" if line.attempt else line.question
    verdict = f"{line.verdict} ({line.code})" if line.code else line.verdict
    cells = (
        line.provider,
        line.job,
        name,
        f"masked {line.function}" if line.attempt else line.function,
        verdict,
        f"{line.charged if line.sent is None else line.sent:,}",
        f"{line.rho:.3g}" if line.rho else "",
        f"{line.rows:,}" if line.rows else "",
        _clock(line.time),
        (line.digest or "")[:16],
    )
    return tuple(map(escape, cells))


def _read(file: LedgerFile, provider: str, job: str, source: str, fields: str) -> Iterator[Line]:
    key = "phase, step, part, number" if source == "attempts" else "phase, step, part"
    parts = key.count(",") + 1
    after: tuple[object, ...] = (-1,) * parts
    marks = ", ".join("?" * parts)
    while True:
        rows = file.run(
            f"SELECT {fields} FROM {source} WHERE provider = ? AND job = ?"  # noqa: S608  # constants
            f" AND ({key}) > ({marks}) ORDER BY {key} LIMIT {_PAGE}",
            (provider, job, *after),
        )
        for row in rows:
            yield _line(provider, row)
        if len(rows) < _PAGE:
            return
        after = rows[-1][1 : 1 + parts]


def _line(provider: str, row: tuple[object, ...]) -> Line:
    job, phase, step, part, number, function, verdict, code, reason = row[:9]
    charged, sent, rho, rows, time, digest = row[9:]
    return Line(
        provider,
        str(job),
        f"{phase}.{step}.{part}",
        int(str(number)),
        str(function),
        str(verdict),
        None if code is None else str(code),
        None if reason is None else str(reason),
        int(str(charged)),
        None if sent is None else int(str(sent)),
        float(str(rho)),
        int(str(rows)),
        int(str(time)),
        None if digest is None else str(digest),
    )


def _clock(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="seconds")

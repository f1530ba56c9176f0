import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from protocols.errors import Code
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from provider.attempts import Attempt
from provider.costs import Cost
from provider.journal import Journal
from provider.left_report import Line, lines, row_of, table
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import SqliteLedger
from tests.provider.journals import ALICE, BOB, journal_of

JOB, BODY = JobId("job"), digest_of(b"body")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = journal_of(tmp_path / "ledger.db", now=lambda: 1_700_000_000.0)
    ledger, attempts = SqliteLedger(journal, JOB), SqliteAttempts(journal, JOB)
    ledger.open(QueryId(0, 0, 0), BODY, "describe", Cost(64, 0.5, rows=40))
    ledger.answered(QueryId(0, 0, 0), b"answer")
    ledger.refused(QueryId(0, 1, 0), BODY, "[red]x[/]", Code.PAUSED, "at lunch")
    attempts.begin(Attempt(QueryId(1, 0, 0), 1, "squared_error", BODY, digest_of(b"t")))
    attempts.spend(QueryId(1, 0, 0), 1, Cost(800, 0.25, rows=5), ())
    return journal


def test_a_line_for_each_question_and_attempt(journal: Journal) -> None:
    described, refused, masked = lines(journal.file)
    assert described == Line(
        provider="alice",
        job="job",
        question="0.0.0",
        attempt=0,
        function="describe",
        verdict="answered",
        code=None,
        reason=None,
        charged=64,
        sent=6,
        rho=0.5,
        rows=40,
        time=1_700_000_000_000,
        digest=digest_of(b"answer"),
    )
    assert (refused.verdict, refused.code, refused.reason) == ("refused", "PAUSED", "at lunch")
    assert (masked.question, masked.attempt, masked.verdict) == ("1.0.0", 1, "spent")
    assert (masked.charged, masked.sent, masked.digest) == (800, None, digest_of(b"t"))


def test_json_is_one_object_a_line(journal: Journal) -> None:
    read = [json.loads(line.to_json()) for line in lines(journal.file)]
    assert read[0]["time"] == "2023-11-14T22:13:20+00:00"
    assert set(read[0]) == set(Line.__slots__)


def test_a_table_shows_text_as_text(journal: Journal) -> None:
    shown = table()
    for line in lines(journal.file):
        shown.add_row(*row_of(line))
    out = io.StringIO()
    Console(file=out, width=220).print(shown)
    text = out.getvalue()
    for part in ("[red]x[/]", "refused (PAUSED)", "1.0.0 (attempt 1)", "masked squared_error"):
        assert part in text


def test_more_lines_than_are_read_at_once(journal: Journal) -> None:
    ledger = SqliteLedger(journal, JobId("big"))
    ids = [QueryId(p, s, q) for p in range(3) for s in range(30) for q in range(12)]
    for query in reversed(ids):
        ledger.open(query, BODY, "describe")
    found = [line.question for line in lines(journal.file, job=JobId("big"))]
    assert found == [str(query) for query in ids]


def test_only_the_chosen_provider_and_job(journal: Journal) -> None:
    SqliteLedger(journal_of(journal.file, BOB), JobId("next")).open(QueryId(0, 0, 0), BODY, "f")
    assert [line.provider for line in lines(journal.file, BOB)] == ["bob"]
    assert len(list(lines(journal.file, job=JOB))) == 3
    assert list(lines(journal.file, ProviderId("carol"))) == []
    assert list(lines(journal.file, ALICE, JobId("next"))) == []

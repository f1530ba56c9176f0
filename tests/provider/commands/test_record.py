from pathlib import Path

from typer.testing import CliRunner

from protocols.ids import JobId, ProviderId, QueryId, digest_of
from provider.attempts import Attempt
from provider.cli import app
from provider.costs import FREE
from provider.ledger_file import LedgerFile
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import SqliteLedger
from tests.provider.journals import journal_of

ALICE, BOB, JOB = ProviderId("alice"), ProviderId("bob"), JobId("job")
Q = QueryId(2, 5, 0)


def left(path: Path, *options: str) -> str:
    result = CliRunner().invoke(
        app, ["left", "--ledger", str(path), *options], env={"COLUMNS": "200"}
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_what_left_is_answers_and_masked_vectors(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    file = LedgerFile(path)
    ledger = SqliteLedger(journal_of(file, ALICE), JOB)
    attempts = SqliteAttempts(journal_of(file, BOB), JOB)
    ledger.open(QueryId(0, 0, 0), digest_of(b"body"), "describe")
    ledger.answered(QueryId(0, 0, 0), b"answer")
    for number in (1, 2):
        attempts.begin(Attempt(Q, number, "squared_error", digest_of(b"b"), digest_of(b"t")))
    attempts.spend(Q, 2, FREE, ())
    file.close()
    lines = left(path).splitlines()
    (described,) = [line for line in lines if "describe" in line]
    assert digest_of(b"answer")[:16] in described
    begun, spent = [line for line in lines if "masked squared_error" in line]
    assert "2.5.0 (attempt 1)" in begun
    assert "begun" in begun
    assert "2.5.0 (attempt 2)" in spent
    assert "spent" in spent
    assert digest_of(b"t")[:16] in spent
    assert "describe" not in left(path, "--provider", "bob")

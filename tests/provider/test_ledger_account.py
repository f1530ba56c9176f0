"""Masked and plain questions in one account; a day's end; a full disk; a file that is held."""

import subprocess
import sys
from pathlib import Path

import pytest

from protocols.errors import Code, Refused
from protocols.ids import QueryId
from provider.attempts import Attempt, AttemptLedger, MemoryAttempts
from provider.costs import Cost
from provider.ledger import Ledger, MemoryLedger
from provider.ledger_file import LedgerFile
from provider.spending import Spending
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import SqliteLedger
from provider.verification import verify
from tests.identities import identity_of
from tests.provider.journals import ALICE, journal_of
from tests.provider.ledger_questions import BODY, BUDGET, JOB, ask, at_most


def on_disk(folder: Path) -> tuple[Ledger, AttemptLedger]:
    journal = journal_of(folder / "ledger.db")
    return SqliteLedger(journal, JOB), SqliteAttempts(journal, JOB)


def in_memory(_: Path) -> tuple[Ledger, AttemptLedger]:
    spending = Spending()
    return MemoryLedger(spending), MemoryAttempts(spending)


@pytest.mark.parametrize("make", [on_disk, in_memory])
def test_masked_and_plain_questions_are_counted_together(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    ledger, attempts = make(tmp_path)
    assert ask(ledger, 0, BUDGET - 1) == BUDGET - 1
    for number in (1, 2):
        attempts.begin(Attempt(QueryId(9, 0, 0), number, "describe", BODY, BODY))
    attempts.spend(QueryId(9, 0, 0), 1, Cost(7, 0.5), (), at_most)
    with pytest.raises(Refused):
        attempts.spend(QueryId(9, 0, 0), 2, Cost(7, 0.5), (), at_most)
    assert ask(ledger, 100, 1) == 0
    totals = ledger.totals("describe")
    assert totals.ever == totals.job == totals.function == totals.today
    assert (totals.ever.questions, totals.ever.bytes) == (BUDGET, BUDGET - 1 + 7)
    assert totals.ever.rho == 0.5


def test_today_ends_at_midnight_utc(tmp_path: Path) -> None:
    now = 1_700_000_000.0  # 2023-11-14, 22:13 UTC
    journal = journal_of(tmp_path / "ledger.db", now=lambda: now)
    ledger = SqliteLedger(journal, JOB)
    ask(ledger, 0, 3)
    assert ledger.totals().today.questions == 3
    now += 3 * 3600
    assert ledger.totals().today.questions == 0
    assert ledger.totals().ever.questions == 3


FULL = """
import resource, sys
from pathlib import Path
from protocols.errors import Refused
from protocols.ids import QueryId
from provider.costs import Cost
from provider.ledger_file import LedgerFile
from provider.sqlite_ledger import SqliteLedger
from tests.provider.journals import journal_of
from tests.provider.ledger_questions import BODY, JOB

path = Path(sys.argv[1])
file = LedgerFile(path)
journal = journal_of(file, head=path.with_suffix(".head"))
ledger = SqliteLedger(journal, JOB)
ledger.open(QueryId(0, 0, 0), BODY, "describe")
room = path.with_name("ledger.db-wal").stat().st_size + 20_000
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
step = 1
try:
    while step < 1000:
        ledger.open(QueryId(0, step, 0), BODY, "describe", Cost(1))
        step += 1
except Refused as refusal:
    print(refusal.code.name, "|", refusal.local)
full = step
for call in (
    lambda: ledger.open(QueryId(0, full, 0), BODY, "describe", Cost(1)),
    lambda: ledger.answered(QueryId(0, 0, 0), bytes(50_000)),
    lambda: journal.append("pause", {}),
):
    try:
        call()
    except Refused as refusal:
        print(refusal.code.name)
print(len(ledger.entries()) == full, ledger.totals().ever.questions == full)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.open(QueryId(0, full, 0), BODY, "describe", Cost(1))
ledger.answered(QueryId(0, full, 0), b"answer")
print(ledger.open(QueryId(0, full, 0), BODY, "describe"))
"""


def test_a_full_disk_refuses_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.startswith(f"NODE_FAULT | the ledger {path} cannot be written")
    assert "see that its disk has space" in first
    assert rest == ["NODE_FAULT"] * 3 + ["True True", "b'answer'"]
    assert verify(path, ALICE, identity_of(ALICE).public, head=path.with_suffix(".head")) == []


def test_a_ledger_that_another_process_holds_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provider.ledger_file.PATIENCE", 0.05)
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(journal_of(path), JOB)
    with LedgerFile(path).transaction(), pytest.raises(Refused, match="locked") as caught:
        ledger.open(QueryId(0, 0, 0), BODY, "describe")
    assert caught.value.code is Code.NODE_FAULT
    assert ask(ledger, 0, 1) == 1

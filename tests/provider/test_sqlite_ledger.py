import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

from protocols.errors import Code
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from provider.costs import Cost
from provider.ledger import Ledger, State
from provider.ledger_file import LedgerFile
from provider.sqlite_ledger import SqliteLedger
from tests.provider.journals import journal_of
from tests.provider.ledger_contract import BODY, OTHER_BODY, LedgerContract, Q, refusal

ALICE, BOB = ProviderId("alice"), ProviderId("bob")
JOB, OTHER_JOB = JobId("job"), JobId("other-job")

DIES = """
import os, signal, sys
from pathlib import Path
from protocols.ids import JobId, QueryId, digest_of
from provider.sqlite_ledger import SqliteLedger
from tests.provider.journals import journal_of

ledger = SqliteLedger(journal_of(Path(sys.argv[1])), JobId("job"))
ledger.open(QueryId(1, 2, 3), digest_of(b"body"), "squared_error")
ledger.answered(QueryId(1, 2, 3), b"answer")
ledger.open(QueryId(1, 2, 4), digest_of(b"body"), "squared_error")
os.kill(os.getpid(), signal.SIGKILL)
"""


class TestSqliteLedger(LedgerContract):
    def make(self, folder: Path) -> Ledger:
        return SqliteLedger(journal_of(folder / "ledger.db"), JOB)


class TestSqliteLedgerThatIsOpenedForEachCall(LedgerContract):
    """The same contract, with nothing kept between two calls but the file."""

    def make(self, folder: Path) -> Ledger:
        return cast("Ledger", Forgetful(folder / "ledger.db"))


class Forgetful:
    """Opens and closes the file around every call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getattr__(self, name: str) -> object:
        def call(*arguments: object) -> object:
            file = LedgerFile(self._path)
            try:
                return getattr(SqliteLedger(journal_of(file, ALICE), JOB), name)(*arguments)
            finally:
                file.close()

        return call


def test_providers_and_jobs_in_one_file_do_not_mix(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger.db")
    alice = SqliteLedger(journal_of(file, ALICE), JOB)
    bob = SqliteLedger(journal_of(file, BOB), JOB)
    alice_again = SqliteLedger(journal_of(file, ALICE), OTHER_JOB)
    alice.open(Q, BODY, "squared_error")
    alice.answered(Q, b"alice's")
    assert bob.open(Q, OTHER_BODY, "describe") is None
    assert alice_again.open(Q, OTHER_BODY, "describe") is None
    bob.answered(Q, b"bob's")
    bob.acknowledge(Q)
    alice_again.refused(QueryId(9, 9, 9), BODY, "unreadable", Code.PAUSED, "paused")
    assert alice.open(Q, BODY, "squared_error") == b"alice's"
    assert [entry.state for entry in alice.entries()] == [State.ANSWERED]
    assert [entry.state for entry in bob.entries()] == [State.ACKNOWLEDGED]
    assert [entry.state for entry in alice_again.entries()] == [State.OPEN, State.REFUSED]


def test_what_was_recorded_survives_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    done = subprocess.run([sys.executable, "-c", DIES, str(path)], check=False)  # noqa: S603
    assert done.returncode == -signal.SIGKILL
    ledger = SqliteLedger(journal_of(path), JOB)
    assert [entry.state for entry in ledger.entries()] == [State.ANSWERED, State.OPEN]
    assert ledger.open(Q, digest_of(b"body"), "squared_error") == b"answer"
    assert refusal(ledger, QueryId(1, 2, 4), OTHER_BODY) is Code.DIFFERENT_BODY


def test_another_process_may_look_while_the_node_writes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(journal_of(path), JOB)
    ledger.open(Q, BODY, "squared_error")
    looking = SqliteLedger(journal_of(path), JOB)
    assert looking.entries()[0].state is State.OPEN
    ledger.answered(Q, b"answer")
    assert looking.entries()[0].state is State.ANSWERED


def test_threads_share_a_file(tmp_path: Path) -> None:
    """A question is opened in the event loop's thread and answered in the computing one."""
    file = LedgerFile(tmp_path / "ledger.db")

    def work(provider: ProviderId) -> None:
        ledger = SqliteLedger(journal_of(file, provider), JOB)
        for step in range(50):
            ledger.open(QueryId(0, step, 0), BODY, "describe")
            ledger.answered(QueryId(0, step, 0), provider.encode())

    threads = [threading.Thread(target=work, args=(name,)) for name in (ALICE, BOB)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for provider in (ALICE, BOB):
        entries = SqliteLedger(journal_of(file, provider), JOB).entries()
        assert len(entries) == 50
        assert {entry.answer for entry in entries} == {digest_of(provider.encode())}


def test_a_closed_ledger_is_one_file(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger.db")
    SqliteLedger(journal_of(file, ALICE), JOB).open(Q, BODY, "describe")
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]


def test_a_long_ledger_does_no_more_for_a_question_than_a_short_one(tmp_path: Path) -> None:
    """Counted in steps of SQLite's machine, so that no clock decides."""
    journal = journal_of(tmp_path / "ledger.db")
    ledger = SqliteLedger(journal, JOB)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def ask(first: int) -> int:
        nonlocal steps
        steps = 0
        for step in range(first, first + 50):
            ledger.open(QueryId(0, step, 0), BODY, "describe", Cost(1, uses={"f|s|ant": 1}))
            ledger.answered(QueryId(0, step, 0), b"answer")
        ledger.acknowledge(QueryId(0, first + 49, 0))
        return steps

    with journal.file.reading() as connection:
        connection.set_progress_handler(count, 10)
    ask(0)
    early = ask(50)
    for first in range(100, 3000, 50):
        ask(first)
    assert ask(3000) < 1.1 * early

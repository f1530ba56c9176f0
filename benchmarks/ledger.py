"""How fast a ledger keeps up, how many bytes a question takes, and what 200,000 of them come to.

`python -m benchmarks.ledger --questions 200000 --output runs/ledger`

A question here is opened (with a cost and a budget that is asked), answered with 64 bytes, and
acknowledged with 99 others. Beside it, in the same run on the same disk, stands what the bare
database takes for two inserts of the same bytes, one transaction each, in the same mode.
"""

import argparse
import hashlib
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.record import write_record
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.secagg.keys import Identity
from provider.costs import Cost, Totals
from provider.journal import Journal
from provider.ledger_file import LedgerFile
from provider.ledger_head import HeadFile
from provider.left_report import lines
from provider.sqlite_ledger import SqliteLedger
from provider.verification import verify

SITE, JOB = ProviderId("site"), JobId("job")
IDENTITY = Identity.from_bytes(bytes(range(32)))
ANSWER = bytes(64)
ACKNOWLEDGED_EVERY = 100
DURABLE_QUESTIONS = 500


def ask(ledger: SqliteLedger, first: int, count: int) -> float:
    """Seconds for `count` questions from `first` on."""

    def allow(totals: Totals) -> None:
        assert totals.ever.questions < 10**9

    begun = time.perf_counter()
    for step in range(first, first + count):
        query = QueryId(2, step, 0)
        body = digest_of(b"%d" % step)
        cost = Cost(128, 1e-6, {f"head_correct|s|{step % 20}": 1}, 40)
        ledger.open(query, body, "head_correct", cost, allow)
        ledger.answered(query, ANSWER)
        if step % ACKNOWLEDGED_EVERY == ACKNOWLEDGED_EVERY - 1:
            ledger.acknowledge(query)
    return time.perf_counter() - begun


def ask_bare(path: Path, count: int, payload: int) -> float:
    """Seconds for two bare inserts a question, of `payload` bytes each."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)")
    data = bytes(payload)
    begun = time.perf_counter()
    for _ in range(2 * count):
        connection.execute("INSERT INTO rows (data) VALUES (?)", (data,))
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds


def timed(work: Callable[[], object], times: int = 2000) -> float:
    """Microseconds of one call."""
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begun) / times * 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark; print it, and write it where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=200_000)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(Path(scratch), options.questions)
    for name, value in found.items():
        print(f"{name:32} {value:,.1f}")
    if options.output:
        write_record(options.output, "ledger", found)


def measure(folder: Path, questions: int) -> dict[str, float]:
    """All figures: rates a second, bytes, seconds, microseconds, MiB."""
    path, head = folder / "ledger.db", folder / "ledger.head"
    file = LedgerFile(path)
    journal = Journal(file, SITE, IDENTITY, head=HeadFile(head))
    ledger = SqliteLedger(journal, JOB)
    part = questions // 10
    cpu = time.process_time()
    first = ask(ledger, 0, part)
    before = _resident()
    middle = ask(ledger, part, questions - 2 * part)
    last = ask(ledger, questions - part, part)
    after, cpu = _resident(), time.process_time() - cpu
    one_totals = timed(ledger.totals)
    sign = timed(lambda: IDENTITY.sign(bytes(200)))
    end = journal.head()
    write_head = timed(lambda: HeadFile(head).write(end))
    file.close()
    size = path.stat().st_size
    begun = time.perf_counter()
    findings = verify(path, SITE, IDENTITY.public, head=head)
    verified = time.perf_counter() - begun
    assert not findings, findings[:3]
    file = LedgerFile(path)
    begun = time.perf_counter()
    assert sum(1 for _ in lines(file)) == questions
    listed = time.perf_counter() - begun
    file.close()
    bare = ask_bare(folder / "bare.db", part, size // (2 * questions))
    durable_file = LedgerFile(folder / "durable.db", durable=True)
    durable = ask(SqliteLedger(Journal(durable_file, SITE, IDENTITY), JOB), 0, DURABLE_QUESTIONS)
    durable_file.close()
    return {
        "questions": questions,
        "per_second": questions / (first + middle + last),
        "per_second_first_tenth": part / first,
        "per_second_last_tenth": part / last,
        "per_second_durable": DURABLE_QUESTIONS / durable,
        "per_second_bare": part / bare,
        "cpu_microseconds_a_question": cpu / questions * 1e6,
        "bytes_a_question": size / questions,
        "file_mib": size / 2**20,
        "memory_growth_mib": after - before,
        "verify_seconds": verified,
        "left_seconds": listed,
        "totals_microseconds": one_totals,
        "sign_microseconds": sign,
        "head_microseconds": write_head,
        "sha256_microseconds": timed(lambda: hashlib.sha256(bytes(400)).digest()),
    }


def _resident() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

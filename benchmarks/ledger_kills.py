"""Kills a process that writes a ledger, again and again, and checks what is on its disk.

`python -m benchmarks.ledger_kills --times 300 --output runs/ledger-kills`

Each time a real child process goes on with the same questions: opens, computes, answers,
acknowledges. It notes each thing that somebody outside could have seen in a file of its own before
it goes on: rows read, an answer sent. It is killed (SIGKILL) at a labelled point or after a random
time, and what is left has to hold: the chain and all tables, nothing charged twice, nothing seen
without a row of the ledger that says so, no answer sent in two versions.
"""

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from protocols.errors import Code, Refused
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.secagg.keys import Identity
from provider.attempts import Attempt
from provider.costs import Cost
from provider.journal import Journal
from provider.ledger_file import LedgerFile
from provider.ledger_head import HeadFile
from provider.sqlite_attempts import SqliteAttempts, read_attempts
from provider.sqlite_ledger import SqliteLedger, read_entries
from provider.verification import verify

SITE, JOB = ProviderId("site"), JobId("job")
IDENTITY = Identity.from_bytes(bytes(range(32)))
CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload(["benchmarks.ledger_kills"])  # so that each starts in no time
ACKNOWLEDGED_EVERY = 5
MASKED_EVERY = 7

POINTS = tuple(
    f"{change}: {point}"
    for change in ("open", "answered", "acknowledge", "begin", "spend")
    for point in ("before", "written", "committed", "head")
)
"""Labels of all points at which a child can be told to die."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Where one ledger and what was seen of it lie."""

    path: Path

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.path / "ledger.db"

    @property
    def head(self) -> Path:
        """Its head."""
        return self.path / "ledger.head"

    @property
    def seen(self) -> Path:
        """What somebody outside could have seen, a line each."""
        return self.path / "seen"

    def journal(self, reached: Callable[[str], None]) -> Journal:
        """The journal, opened as a node does."""
        file = LedgerFile(self.ledger, durable=True, reached=reached)
        return Journal(file, SITE, IDENTITY, head=HeadFile(self.head))


def work(folder: Folder, questions: int, die_at: str, die_on: int) -> None:
    """What the child does, until it is killed or through with all questions.

    Args:
        folder: Of the ledger.
        questions: How many there are.
        die_at: A label of `POINTS`; none for an empty one.
        die_on: At which time that it comes by there.
    """
    times: Counter[str] = Counter()

    def reached(label: str) -> None:
        times[label] += 1
        if label == die_at and times[label] == die_on:
            os.kill(os.getpid(), signal.SIGKILL)

    journal = folder.journal(reached)
    ledger, attempts = SqliteLedger(journal, JOB), SqliteAttempts(journal, JOB)
    with folder.seen.open("ab", buffering=0) as seen:
        for step in range(questions):
            query, body = QueryId(0, step, 0), digest_of(b"%d" % step)
            if step % MASKED_EVERY == 0:
                _take_part(attempts, query, seen.write)
                continue
            try:
                answer = ledger.open(query, body, "describe", Cost(10, 0.5, rows=3))
            except Refused as refusal:
                assert refusal.code is Code.ANSWER_GONE  # noqa: PT017
                continue
            if answer is None:
                seen.write(b"read %d\n" % step)
                answer = b"answer %d by %d" % (step, os.getpid())  # tells who computed it
                ledger.answered(query, answer)
            seen.write(b"sent %d %s\n" % (step, digest_of(answer).encode()))
            if step % ACKNOWLEDGED_EVERY == 0:
                ledger.acknowledge(query)
    journal.file.close()


def _take_part(attempts: SqliteAttempts, query: QueryId, see: Callable[[bytes], object]) -> None:
    """Begin the next attempt and spend it; no attempt is ever made twice."""
    made = [a.number for a in attempts.attempts() if a.query == query]
    number = max(made, default=0) + 1
    if number > 3 or any(a.query == query and a.cost.rho for a in attempts.attempts()):
        return
    body = digest_of(str(query).encode())
    attempts.begin(Attempt(query, number, "masked", body, digest_of(b"transcript")))
    attempts.spend(query, number, Cost(8, 0.25, rows=2), [f"whole {query} {number}"])
    see(b"masked %d %d\n" % (query.step, number))


def kill(folder: Folder, questions: int, *, at: str = "", on: int = 1, after: float = 0.0) -> bool:
    """Run a child and kill it.

    Args:
        folder: Of the ledger.
        questions: How many there are.
        at: The label of a point at which it kills itself; else it is killed from outside.
        on: At which time that it comes by there.
        after: Seconds from its first line on.

    Returns:
        Whether it was killed; False where it was through before.
    """
    ready, tell = CHILDREN.Pipe(duplex=False)
    child = CHILDREN.Process(target=_child, args=(tell, folder, questions, at, on))
    child.start()
    tell.close()
    ready.poll(60)
    ready.close()
    if not at:
        child.join(after)
        child.kill()
    child.join()
    return child.exitcode == -signal.SIGKILL


def _child(tell: Connection, folder: Folder, questions: int, at: str, on: int) -> None:
    tell.send("ready")
    work(folder, questions, at, on)


def complaints(folder: Folder) -> list[str]:
    """What does not hold of the ledger, nor between it and what was seen; none is good."""
    if not _is_made(folder):
        return ["something was seen before there was a ledger"] if folder.seen.exists() else []
    found = [str(f) for f in verify(folder.ledger, SITE, IDENTITY.public, head=folder.head)]
    file = LedgerFile(folder.ledger)
    entries = {entry.query.step: entry for entry in read_entries(file, SITE, JOB)}
    attempts = {(a.query.step, a.number): a for a in read_attempts(file, SITE, JOB)}
    ((questions, rho),) = file.run(
        "SELECT TOTAL(questions), TOTAL(rho) FROM totals WHERE scope = 'ever'", ()
    )
    file.close()
    spent = sum(a.cost.rho > 0 for a in attempts.values())
    if questions != len(entries) + spent or rho != 0.5 * len(entries) + 0.25 * spent:
        found.append(f"{questions} questions are charged; {len(entries)} + {spent} are there")
    found += [
        f"{step} was computed {e.computed} times" for step, e in entries.items() if e.computed > 1
    ]
    lines = folder.seen.read_text().splitlines() if folder.seen.exists() else []
    for kind, place, *more in map(str.split, lines):
        step = int(place)
        if kind == "masked":
            attempt = attempts.get((step, int(more[0])))
            if attempt is None or attempt.state.value != "spent":
                found.append(f"attempt {more[0]} at {step} left without a row")
        elif step not in entries:
            found.append(f"rows were read for {step} without a row")
        elif kind == "sent" and entries[step].answer != more[0]:
            found.append(f"another answer to {step} was sent than the ledger says")
    return found


def _is_made(folder: Folder) -> bool:
    """Whether a child came as far as to have tables and a head, before which it does nothing."""
    return folder.ledger.exists() and HeadFile(folder.head).read() is not None


def main(arguments: Sequence[str] | None = None) -> None:
    """Kill at every labelled point and at random times; write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300, help="kills at random times")
    parser.add_argument("--questions", type=int, default=60, help="of one ledger")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        at_points = kill_at_points(Path(scratch) / "points", options.questions)
        at_random = kill_at_random(
            Path(scratch) / "random", options.questions, options.times, options.seed
        )
    seconds = time.perf_counter() - started
    print(f"{at_points} kills at labelled points, {at_random} at random times, {seconds:.0f} s")
    if options.output:
        from benchmarks.record import write_record  # noqa: PLC0415 - seconds, for a benchmark alone

        write_record(
            options.output,
            "ledger_kills",
            {"at_points": at_points, "at_random": at_random, "seconds": seconds},
        )


def kill_at_points(folder: Path, questions: int, points: Sequence[str] = POINTS) -> int:
    """Kill once at each labelled point, in one ledger each; how many kills that were.

    Raises:
        AssertionError: Something does not hold; says what.
    """
    kills = 0
    for place, point in enumerate(points):
        each = Folder(folder / str(place))
        each.path.mkdir(parents=True)
        kills += kill(each, questions, at=point, on=2)
        _check(each, point)
        assert not kill(each, questions, after=60.0), point
        _check(each, f"{point}, after all")
    return kills


def kill_at_random(folder: Path, questions: int, times: int, seed: int) -> int:
    """Kill so many times after random times, a new ledger whenever one is through.

    Raises:
        AssertionError: Something does not hold; says what.
    """
    folder.mkdir(parents=True)
    draw, kills, place = random.Random(seed), 0, 0  # noqa: S311 - no secret
    kill(Folder(folder), 0, after=60.0)  # starts the server of children
    first = Folder(folder / "first")  # let through, to see how long it takes
    first.path.mkdir()
    begun = time.perf_counter()
    kill(first, questions, after=60.0)
    longest = time.perf_counter() - begun
    while kills < times:
        each = Folder(folder / str(place))
        each.path.mkdir(exist_ok=True)
        if kill(each, questions, after=draw.uniform(0, longest)):
            kills += 1
        else:
            place += 1
        _check(each, f"kill {kills}")
    return kills


def _check(folder: Folder, when: str) -> None:
    found = complaints(folder)
    assert not found, f"{when}: {'; '.join(found)}"


if __name__ == "__main__":
    main()

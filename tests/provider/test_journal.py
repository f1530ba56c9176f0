import json
import os
from pathlib import Path

import pytest

from protocols.errors import Code, Refused
from protocols.ids import JobId, QueryId, digest_of
from provider.chain import Head, canonical
from provider.journal import Journal
from provider.ledger_file import LedgerFile
from provider.ledger_head import HeadFile
from provider.sqlite_ledger import SqliteLedger
from provider.verification import verify
from tests.identities import identity_of
from tests.provider.journals import ALICE, BOB, journal_of

JOB, BODY = JobId("job"), digest_of(b"body")


def open_some(journal: Journal, first: int, count: int) -> None:
    ledger = SqliteLedger(journal, JOB)
    for step in range(first, first + count):
        ledger.open(QueryId(0, step, 0), BODY, "describe")


def test_what_the_owner_does_is_in_the_chain(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "ledger.db", now=lambda: 1_700_000_000.5)
    open_some(journal, 0, 2)
    journal.append("consent", {"job": "job", "by": "Ada"})
    open_some(journal, 2, 1)
    journal.append("pause", {})
    (consent,) = journal.events(["consent"])
    assert (consent.seq, consent.time) == (3, 1_700_000_000_500)
    assert json.loads(consent.details) == {"job": "job", "by": "Ada"}
    assert [event.kind for event in journal.events()] == [
        *["accepted"] * 2,
        "consent",
        "accepted",
        "pause",
    ]
    assert [e.kind for e in journal.events(["pause", "accepted"], after=2)] == ["accepted", "pause"]
    assert journal.head().seq == 5


def test_the_owners_events_are_found_without_reading_all(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "ledger.db")
    open_some(journal, 0, 20)
    journal.append("consent", {"job": "job"})
    plans: list[str] = []
    run = journal.file.run

    def explained(statement: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        plans.extend(str(row[-1]) for row in run("EXPLAIN QUERY PLAN " + statement, values))
        return run(statement, values)

    journal.file.run = explained  # type: ignore[method-assign]
    assert len(list(journal.events(["consent"]))) == 1
    assert "events_of_owner" in plans[0]


def test_many_events_come_page_by_page(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "ledger.db")
    with journal.page("many") as page:
        for place in range(1203):
            page.record("note", {"place": place})
    assert [event.seq for event in journal.events()] == list(range(1, 1204))


def test_the_ledgers_own_kinds_cannot_be_appended(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "ledger.db")
    with pytest.raises(ValueError, match="the ledger's own"):
        journal.append("answered", {})
    with pytest.raises(ValueError, match="plain values"):
        journal.append("note", {"x": object()})
    with pytest.raises(ValueError, match="JSON"):
        journal.append("note", {"x": float("nan")})
    assert journal.head() == Head()


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    """The owner's command, say, while the node runs."""
    path = tmp_path / "ledger.db"
    node, command = journal_of(path), journal_of(path)
    for step in range(3):
        open_some(node, step, 1)
        command.append("note", {"step": step})
    node.file.close()
    command.file.close()
    assert verify(path, ALICE, identity_of(ALICE).public) == []


def test_each_provider_has_its_own_chain(tmp_path: Path) -> None:
    alice = journal_of(tmp_path / "ledger.db")
    bob = journal_of(alice.file, BOB)
    open_some(alice, 0, 2)
    open_some(bob, 0, 1)
    assert (alice.head().seq, bob.head().seq) == (2, 1)


def test_a_lost_end_is_put_on_record_before_the_chain_goes_on(tmp_path: Path) -> None:
    path, head = tmp_path / "ledger.db", tmp_path / "ledger.head"
    journal = journal_of(path, head=head)
    open_some(journal, 0, 2)
    journal.file.close()
    earlier = path.read_bytes()
    journal = journal_of(path, head=head)
    open_some(journal, 2, 3)
    lost = journal.head()
    journal.file.close()
    path.write_bytes(earlier)
    journal = journal_of(path, head=head)
    (event,) = journal.events(["end_lost"])
    assert json.loads(event.details) == {"head": str(lost), "missing": 3}
    journal.file.close()


def test_a_lost_head_file_is_put_on_record(tmp_path: Path) -> None:
    path, head = tmp_path / "ledger.db", tmp_path / "ledger.head"
    journal = journal_of(path, head=head)
    open_some(journal, 0, 2)
    journal.file.close()
    head.unlink()
    journal = journal_of(path, head=head)
    assert [event.seq for event in journal.events(["head_lost"])] == [3]
    assert HeadFile(head).read() == journal.head()


def test_the_head_waits_for_the_disk_where_answers_do(tmp_path: Path) -> None:
    """A head that is ahead of its file after a power cut would accuse the site."""
    file = LedgerFile(tmp_path / "ledger.db", durable=True)
    journal = Journal(file, ALICE, identity_of(ALICE), head=HeadFile(tmp_path / "ledger.head"))
    open_some(journal, 0, 1)
    kept = HeadFile(tmp_path / "ledger.head").read()
    assert kept is not None
    assert kept.seq == 0
    SqliteLedger(journal, JOB).answered(QueryId(0, 0, 0), b"answer")
    assert HeadFile(tmp_path / "ledger.head").read() == journal.head()


@pytest.mark.parametrize("cut", [0, 100, 512, 600])
def test_a_head_file_that_was_cut_off_has_one_good_copy_at_most(tmp_path: Path, cut: int) -> None:
    file = HeadFile(tmp_path / "head")
    heads = [Head(seq, bytes([seq] * 32), bytes(64)) for seq in (1, 2)]
    for head in heads:
        file.write(head)
    os.truncate(file.path, cut)
    assert HeadFile(file.path).read() == (heads[1] if cut >= 512 else None)


def test_an_older_head_changes_nothing(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "head")
    new = Head(9, bytes(32), bytes(64))
    file.write(new)
    file.write(Head(7, bytes(32), bytes(64)))
    assert file.read() == new


@pytest.mark.parametrize(
    "text", ["", "1", "1:", "-1:" + "0" * 64, "1:" + "0" * 63, "x:" + "0" * 64]
)
def test_what_is_no_head(text: str) -> None:
    with pytest.raises(ValueError, match="a head looks like"):
        Head.parse(text)


def test_equal_details_are_equal_text() -> None:
    assert canonical({"b": 1, "a": [1.5, "ü"]}) == canonical({"a": [1.5, "ü"], "b": 1})


def test_a_change_that_fails_leaves_no_event(tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "ledger.db")
    ledger = SqliteLedger(journal, JOB)
    with pytest.raises(ValueError, match="answered without being accepted"):
        ledger.answered(QueryId(0, 0, 0), b"answer")
    assert journal.head() == Head()
    ledger.refused(QueryId(0, 0, 0), BODY, "describe", Code.PAUSED, "x" * 10_000)
    ledger.refused(QueryId(0, 0, 0), BODY, "describe", Code.PAUSED, "again")
    assert journal.head().seq == 1  # the very same refusal is not recorded again
    assert len(ledger.entries()[0].reason or "") == 2000
    ledger.open(QueryId(1, 0, 0), BODY, "describe")
    ledger.answered(QueryId(1, 0, 0), b"answer")
    ledger.acknowledge(QueryId(1, 0, 0))
    seq = journal.head().seq
    ledger.acknowledge(QueryId(1, 0, 0))
    with pytest.raises(Refused):
        ledger.open(QueryId(1, 0, 0), BODY, "describe")
    assert journal.head().seq == seq

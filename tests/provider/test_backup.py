from pathlib import Path

import pytest

from protocols.ids import JobId, QueryId, digest_of
from provider.backup import IDENTITY, LEDGER, backup, restore
from provider.sqlite_ledger import SqliteLedger
from provider.verification import verify
from synlearn.errors import InputError
from tests.identities import identity_of
from tests.provider.journals import ALICE, journal_of

JOB, BODY, PASSPHRASE = JobId("job"), digest_of(b"body"), "correct horse battery"
KEY = bytes(range(32))


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger that a node has open."""
    path = tmp_path / "home" / "ledger.db"
    path.parent.mkdir()
    journal = journal_of(path, head=path.with_suffix(".head"))
    open_one(SqliteLedger(journal, JOB), 0)
    return path


def open_one(ledger: SqliteLedger, step: int) -> None:
    ledger.open(QueryId(0, step, 0), BODY, "describe")
    ledger.answered(QueryId(0, step, 0), b"answer")


def test_what_is_backed_up_comes_back(ledger: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    head = backup(ledger, ALICE, KEY, target, PASSPHRASE)
    assert sorted(path.name for path in target.iterdir()) == [
        "identity.pem",
        "ledger.db",
        "ledger.head",
    ]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (target, *target.iterdir()))
    assert KEY not in (target / IDENTITY).read_bytes()
    new = tmp_path / "new.db"
    back = restore(target, ALICE, PASSPHRASE, ledger=new, head=tmp_path / "new.head")
    assert (back.identity, back.head.seq, back.missing) == (KEY, head.seq, 0)
    public = identity_of(ALICE).public
    assert verify(new, ALICE, public, head=tmp_path / "new.head", kept=head) == []
    again = SqliteLedger(journal_of(new, head=tmp_path / "new.head"), JOB)
    assert again.open(QueryId(0, 0, 0), BODY, "describe") == b"answer"


def test_restoring_never_overwrites(ledger: Path, tmp_path: Path) -> None:
    backup(ledger, ALICE, KEY, tmp_path / "backup", PASSPHRASE)
    before = ledger.read_bytes()
    with pytest.raises(InputError, match="never overwrites"):
        restore(
            tmp_path / "backup", ALICE, PASSPHRASE, ledger=ledger, head=ledger.with_suffix(".head")
        )
    assert ledger.read_bytes() == before


def test_an_older_ledger_than_the_head_says_so(ledger: Path, tmp_path: Path) -> None:
    backup(ledger, ALICE, KEY, tmp_path / "backup", PASSPHRASE)
    head = ledger.with_suffix(".head")
    journal = journal_of(ledger, head=head)
    open_one(SqliteLedger(journal, JOB), 1)
    journal.file.close()
    for path in ledger.parent.glob("ledger.db*"):
        path.unlink()
    back = restore(tmp_path / "backup", ALICE, PASSPHRASE, ledger=ledger, head=head)
    assert back.missing == 2
    found = verify(ledger, ALICE, identity_of(ALICE).public, head=head)
    assert "2 entries are missing at the end" in str(found[0])
    journal = journal_of(ledger, head=head)  # the node starts
    assert len(list(journal.events(["end_lost"]))) == 1


@pytest.mark.parametrize("name", [IDENTITY, LEDGER])
def test_a_damaged_backup_is_one_sentence(ledger: Path, tmp_path: Path, name: str) -> None:
    backup(ledger, ALICE, KEY, tmp_path / "backup", PASSPHRASE)
    (tmp_path / "backup" / name).write_bytes(b"not that")
    with pytest.raises(InputError, match=r"damaged|could not be restored"):
        restore(
            tmp_path / "backup",
            ALICE,
            PASSPHRASE,
            ledger=tmp_path / "new.db",
            head=tmp_path / "new.head",
        )
    assert not list(tmp_path.glob("*new.db*"))


def test_a_wrong_passphrase_and_a_short_one(ledger: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 12 characters"):
        backup(ledger, ALICE, KEY, tmp_path / "backup", "short")
    backup(ledger, ALICE, KEY, tmp_path / "backup", PASSPHRASE)
    with pytest.raises(InputError, match="the passphrase is wrong"):
        restore(
            tmp_path / "backup",
            ALICE,
            "another passphrase",
            ledger=tmp_path / "new.db",
            head=tmp_path / "new.head",
        )


def test_a_backup_goes_into_a_new_folder(ledger: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        backup(ledger, ALICE, KEY, tmp_path, PASSPHRASE)
    with pytest.raises(InputError, match="does not exist"):
        backup(tmp_path / "none.db", ALICE, KEY, tmp_path / "backup", PASSPHRASE)
    with pytest.raises(InputError, match="could not be written"):
        backup(ledger, ALICE, KEY, tmp_path / "none" / "backup", PASSPHRASE)

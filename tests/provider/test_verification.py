"""Whatever is changed in a ledger's file behind the node's back is found; and nothing else."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.errors import Code
from protocols.ids import JobId, QueryId, digest_of
from protocols.secagg.manifest import sign_manifest
from protocols.secagg.standing import Standing
from provider.attempts import Attempt
from provider.chain import Head
from provider.costs import Cost
from provider.ledger_head import HeadFile
from provider.ledger_schema import PROJECTED, SCHEMA
from provider.migration import statements
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import SqliteLedger
from provider.sqlite_trust import SqliteTrust
from provider.trust import Known
from provider.verification import Finding, verify
from tests.identities import AUTHORITY, COORDINATOR, identity_of
from tests.provider.journals import ALICE, BOB, journal_of
from tests.provider.trust_store_contract import FIRST, MANIFEST

PUBLIC = identity_of(ALICE).public
TABLES = ("events", *PROJECTED)


class Site:
    """A ledger with something of everything in it."""

    def __init__(self, folder: Path) -> None:
        self.path, self.head = folder / "ledger.db", folder / "ledger.head"
        journal = journal_of(self.path, head=self.head)
        for name in ("job", "next-job"):
            ledger = SqliteLedger(journal, JobId(name))
            for part in range(4):
                uses = {"head_correct|s|ant": part}
                ledger.open(_q(part), digest_of(b"b"), "head_correct", Cost(10, 0.1, uses, 5))
            for part in range(3):
                ledger.answered(_q(part), b"answer %d" % part)
            ledger.acknowledge(_q(0))
            ledger.refused(_q(7), digest_of(b"r"), "describe", Code.PAUSED, "at lunch")
            attempts = SqliteAttempts(journal, JobId(name))
            for number in (1, 2):
                attempts.begin(Attempt(_q(9), number, "f", digest_of(b"b"), digest_of(b"t")))
            attempts.spend(_q(9), 2, Cost(8, 0.25, rows=3), [f"f|{name}|ant"])
        SqliteLedger(journal, JobId("next-job")).purge()
        trust = SqliteTrust(journal, AUTHORITY.public)
        trust.keep(Known(FIRST, Standing().seen(FIRST, 1)))
        trust.keep_manifest(ALICE, MANIFEST.job, sign_manifest(MANIFEST, COORDINATOR))
        journal.append("consent", {"job": "job", "by": "the owner"})
        self.end = journal.head()
        journal.file.close()
        self.bytes = self.path.read_bytes()

    def restore(self) -> None:
        self.path.write_bytes(self.bytes)

    def verify(self, kept: Head | None = None) -> list[Finding]:
        return verify(self.path, ALICE, PUBLIC, head=self.head, kept=kept)

    def found(self) -> str:
        """All that is found, at least one thing."""
        findings = self.verify()
        assert findings
        return "\n".join(map(str, findings))

    @contextmanager
    def tampering(self) -> Iterator[sqlite3.Connection]:
        """A connection without the triggers, which come back at the end."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            triggers = [s for s in statements(SCHEMA) if s.startswith("CREATE TRIGGER")]
            for trigger in triggers:
                connection.execute(f"DROP TRIGGER {trigger.split()[5]}")
            yield connection
            for trigger in triggers:
                connection.execute(trigger)


def _q(part: int) -> QueryId:
    return QueryId(1, 0, part)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture(autouse=True)
def _untouched(site: Site) -> None:
    site.restore()


def test_what_nobody_touched_holds(site: Site) -> None:
    assert site.verify() == []
    assert site.verify(kept=site.end) == []


def test_a_node_may_go_on_meanwhile(site: Site) -> None:
    journal = journal_of(site.path)  # without a head file: that one is behind now
    SqliteLedger(journal, JobId("job")).open(QueryId(5, 0, 0), digest_of(b""), "describe")
    assert site.verify() == []
    journal.file.close()


def test_triggers_stand_in_the_way_of_accidents(site: Site) -> None:
    with closing(sqlite3.connect(site.path)) as connection:
        for statement in ("UPDATE events SET kind = 'x'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="events are never"):
                connection.execute(statement)


def _cells() -> list[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements(SCHEMA):
            connection.execute(statement)
        return [
            (table, row[1])
            for table in TABLES
            for row in connection.execute(f"PRAGMA table_info({table})")
        ]


@pytest.mark.parametrize(("table", "column"), _cells())
def test_any_column_of_any_row_changed(site: Site, table: str, column: str) -> None:
    with closing(sqlite3.connect(site.path)) as connection:
        count = len(connection.execute(f"SELECT 1 FROM {table}").fetchall())  # noqa: S608
    assert count
    for row in {0, count // 2, count - 1}:
        site.restore()
        with site.tampering() as connection:
            _change(connection, table, column, row, _other)
        assert site.found()


def _other(value: object) -> object:
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    if isinstance(value, int | float):
        return value + 1000  # no other row's key
    return "something"


def _change(
    connection: sqlite3.Connection,
    table: str,
    column: str,
    row: int,
    change: Callable[[object], object],
) -> bool:
    """Change one cell; False where the file itself does not let that happen."""
    names, keys = _columns(connection, table)
    order = ", ".join(keys)
    values = connection.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall()[row]  # noqa: S608
    before = dict(zip(names, values, strict=True))
    where = " AND ".join(f"{key} = ?" for key in keys)
    after = change(before[column])
    if _same(after, before[column]):
        return False
    connection.execute(
        f"UPDATE {table} SET {column} = ? WHERE {where}",  # noqa: S608
        (after, *(before[key] for key in keys)),
    )
    new = [after if name == column else before[name] for name in keys]
    (kept,) = connection.execute(f"SELECT {column} FROM {table} WHERE {where}", new).fetchone()  # noqa: S608
    return not _same(kept, before[column])


def _columns(connection: sqlite3.Connection, table: str) -> tuple[list[str], list[str]]:
    """All columns of a table, and those of its key."""
    info = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return [row[1] for row in info], [row[1] for row in info if row[5]]


def _same(one: object, other: object) -> bool:
    """Whether two values are the same for SQLite, which knows no other number than its own."""
    return type(one) is type(other) and one == other


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_tampering_at_all(site: Site, data: st.DataObject) -> None:
    site.restore()
    table = data.draw(st.sampled_from(TABLES))
    how = data.draw(st.sampled_from(["change", "delete", "duplicate", "swap"]))
    done = True
    with site.tampering() as connection:
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        names, keys = _columns(connection, table)
        row = data.draw(st.integers(0, len(rows) - 1))
        where = " AND ".join(f"{key} = ?" for key in keys)
        key = [dict(zip(names, rows[row], strict=True))[name] for name in keys]
        try:
            if how == "change":
                value = data.draw(
                    st.none()
                    | st.integers(-(2**40), 2**40)
                    | st.floats(allow_nan=False)
                    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
                    | st.binary()
                )
                column = data.draw(st.sampled_from(names))
                done = _change(connection, table, column, row, lambda _: value)
            elif how == "delete":
                connection.execute(f"DELETE FROM {table} WHERE {where}", key)  # noqa: S608
            elif how == "duplicate":
                changed = [data.draw(st.sampled_from([v, _other(v)])) for v in key]
                done = changed != key
                marks = ", ".join("?" * len(names))
                copy = dict(zip(names, rows[row], strict=True)) | dict(
                    zip(keys, changed, strict=True)
                )
                connection.execute(
                    f"INSERT OR IGNORE INTO {table} VALUES ({marks})",  # noqa: S608
                    [copy[name] for name in names],
                )
                done = connection.execute("SELECT changes()").fetchone()[0] == 1
            else:
                done = _swap(connection, table, names, keys, rows, data)
        except sqlite3.IntegrityError:
            done = False  # a NOT NULL or a key says no
    findings = site.verify()
    assert bool(findings) == done, findings


def _swap(
    connection: sqlite3.Connection,
    table: str,
    names: list[str],
    keys: list[str],
    rows: list[tuple[object, ...]],
    data: st.DataObject,
) -> bool:
    """Let two rows change places: each gets the other's contents under its own key."""
    if len(rows) < 2 or len(names) == len(keys):
        return False
    one, other = data.draw(
        st.lists(st.sampled_from(range(len(rows))), min_size=2, max_size=2, unique=True)
    )
    for mine, theirs in ((one, other), (other, one)):
        row = dict(zip(names, rows[mine], strict=True))
        contents = dict(zip(names, rows[theirs], strict=True))
        values = [row[name] if name in keys else contents[name] for name in names]
        marks = ", ".join("?" * len(names))
        connection.execute(f"REPLACE INTO {table} VALUES ({marks})", values)  # noqa: S608
    rest = [place for place, name in enumerate(names) if name not in keys]
    return any(rows[one][place] != rows[other][place] for place in rest)


def test_the_end_cut_off_by_somebody_who_knows_the_tables(site: Site) -> None:
    """The last event is one that changes no table: nothing but the head remembers it."""
    with site.tampering() as connection:
        connection.execute("DELETE FROM events WHERE seq = (SELECT MAX(seq) FROM events)")
    assert "1 entry is missing at the end: the head file says" in site.found()


def test_file_and_head_rolled_back_together_are_found_by_a_kept_head_alone(
    site: Site, tmp_path: Path
) -> None:
    earlier = Site(tmp_path)
    journal = journal_of(earlier.path, head=earlier.head)
    journal.append("pause", {})
    kept = journal.head()
    journal.file.close()
    old = HeadFile(earlier.head)
    earlier.restore()
    earlier.head.unlink()
    old = HeadFile(earlier.head)
    old.write(earlier.end)
    assert earlier.verify() == []
    (finding,) = earlier.verify(kept=Head.parse(str(kept)))
    assert "1 entry is missing at the end: the head that was kept says" in str(finding)


def test_another_chain_of_the_same_key_is_not_that_of_a_kept_head(
    site: Site, tmp_path: Path
) -> None:
    """A site that starts over, and makes as many entries, has not what the head was of."""
    other = Site(tmp_path)
    assert other.end.seq == site.end.seq
    (finding,) = other.verify(kept=site.end)
    assert "is not the one of the head that was kept" in str(finding)


def test_a_chain_of_another_key(site: Site) -> None:
    (found,) = verify(site.path, ALICE, identity_of("mallory").public)
    assert "not signed by this provider's identity" in str(found)


def test_a_head_file_that_is_gone_or_forged(site: Site, tmp_path: Path) -> None:
    gone = verify(site.path, ALICE, PUBLIC, head=tmp_path / "none.head")
    assert [str(f) for f in gone] == ["head file: none.head is missing or unreadable"]
    HeadFile(tmp_path / "forged.head").write(Head(3, bytes(32), bytes(64)))
    forged = verify(site.path, ALICE, PUBLIC, head=tmp_path / "forged.head")
    assert "entry 3: it is not the one of the head file" in map(str, forged)
    assert "head file: it is not signed by this provider's identity" in map(str, forged)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER events_are_not_deleted",
        "DROP INDEX answers_kept",
        "CREATE TRIGGER quiet AFTER INSERT ON questions BEGIN DELETE FROM questions; END",
        "CREATE VIEW everything AS SELECT * FROM events",
        "ALTER TABLE uses ADD COLUMN more TEXT",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = 9",
    ],
)
def test_changed_tables_are_found(site: Site, statement: str) -> None:
    with closing(sqlite3.connect(site.path)) as connection:
        connection.execute(statement)
    assert site.found()


@pytest.mark.parametrize("data", [b"", b"no ledger", bytes(8192)])
def test_a_file_that_is_no_ledger(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.db").write_bytes(data)
    assert verify(tmp_path / "x.db", ALICE, PUBLIC)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert verify(tmp_path / "x.db", ALICE, PUBLIC)
    assert not (tmp_path / "x.db").exists()


def test_bytes_flipped_at_random_are_found_or_change_nothing(site: Site) -> None:
    """Free pages and the page of a lost row may change; what a reader sees may not."""
    for place in range(100, len(site.bytes), 4099):
        damaged = bytearray(site.bytes)
        damaged[place] ^= 0x40
        if bytes(damaged[place : place + 1]) == site.bytes[place : place + 1]:
            continue
        site.path.write_bytes(damaged)
        if not site.verify():
            assert _dump(site.path) == _dump_of(site)


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def _dump_of(site: Site) -> list[str]:
    site.restore()
    return _dump(site.path)


def test_nodes_of_one_file_are_verified_each_by_its_own_key(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    alice = journal_of(path)
    for journal in (alice, journal_of(alice.file, BOB)):
        SqliteLedger(journal, JobId("job")).open(_q(0), digest_of(b""), "describe")
    alice.file.close()
    for name in (ALICE, BOB):
        assert verify(path, name, identity_of(name).public, alone=False) == []
    assert "another provider, 'bob'" in str(verify(path, ALICE, PUBLIC)[0])

"""Finds what was changed in a ledger by anything but the node that keeps it.

The chain of events is checked first, with the site's public key. Then all events are carried out
anew in a scratch database, by the node's own code, and what they come to is compared with the
tables of the file. Nothing of the file is held in memory as a whole.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from protocols.ids import ProviderId
from provider.chain import Event, Head, hash_of
from provider.ledger_head import HeadFile
from provider.ledger_schema import PROJECTED, SCHEMA, STORED, VERSION
from provider.migration import OLD_TABLES, statements
from provider.projection import project

MOST = 100
"""Findings after which a verification stops: it is broken enough."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold.

    Attributes:
        where: `entry 17`, `questions`, or what else it is about.
        sentence: What is wrong with it.
    """

    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


def verify(
    path: Path,
    provider: ProviderId,
    public: bytes,
    *,
    head: Path | None = None,
    kept: Head | None = None,
    alone: bool = True,
) -> list[Finding]:
    """Everything in a ledger that its provider has not signed for.

    Whoever rolls the file *and* its head back to an earlier state, with a whole backup of both,
    shows a chain that holds: only a head that was kept elsewhere finds that.

    Args:
        path: Of the ledger's file; a node may go on writing it meanwhile.
        provider: Whose chain.
        public: Its identity's public key, 32 bytes.
        head: Of the head file; None where there is none.
        kept: A head that was printed and kept elsewhere; its signature is not looked at.
        alone: Whether the file should hold this provider's rows alone.

    Returns:
        At most `MOST` findings; none where all holds.
    """
    ends = HeadFile(head).read() if head else None  # read first: the file may only be ahead of it
    scratch = sqlite3.connect("", uri=True, isolation_level=None)
    found: list[Finding] = []
    try:
        scratch.execute("ATTACH ? AS ledger", (f"{path.resolve().as_uri()}?mode=ro",))
        scratch.execute("BEGIN")
        checks = _Checks(scratch, provider, public)
        for finding in checks.all(ends, head, kept, alone=alone):
            found.append(finding)
            if len(found) == MOST:
                break
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        found.append(Finding(path.name, f"the file is damaged: {error}"))
    finally:
        scratch.close()
    return found


class _Checks:
    """The checks of one provider's chain within an attached file."""

    def __init__(self, scratch: sqlite3.Connection, provider: ProviderId, public: bytes) -> None:
        self._db = scratch
        self._provider = provider
        self._public = public
        self._end = Head()
        self._read = False

    def all(
        self, ends: Head | None, head: Path | None, kept: Head | None, *, alone: bool
    ) -> Iterator[Finding]:
        broken = list(self._schema())
        yield from broken
        if broken:
            return
        if alone:
            yield from self._others()
        yield from self._chain(ends, kept)
        if not self._read:
            yield Finding("tables", "not compared, since the entries do not hold")
            return
        yield from self._ends(ends, head, kept)
        for table in PROJECTED:
            yield from self._compare(table)
        for table in STORED:
            yield from self._stored(table)

    def _schema(self) -> Iterator[Finding]:
        (version,) = self._db.execute("PRAGMA ledger.user_version").fetchone()
        if version != VERSION:
            yield Finding("file", f"its tables have version {version}; here it is {VERSION}")
            return
        for (row,) in self._db.execute("PRAGMA ledger.integrity_check(5)").fetchall():
            if row != "ok":
                yield Finding("file", f"it is damaged: {row}")
        for statement in statements(SCHEMA):
            self._db.execute(statement)
        query = "SELECT type, name, tbl_name, sql FROM {}sqlite_master"
        wanted = set(self._db.execute(query.format("")))
        there = set(self._db.execute(query.format("ledger.")))
        for kind, name, *_ in sorted(wanted - there, key=str):
            yield Finding(f"{kind} {name}", "it is missing, or was changed")
        for kind, name, table, _ in sorted(there - wanted, key=str):
            if kind in {"trigger", "view"} or (kind == "index" and table in {*PROJECTED, "events"}):
                yield Finding(f"{kind} {name}", "no ledger has it")
            if kind == "table" and name.removesuffix("_v0") in OLD_TABLES and "_v0" in name:
                (left,) = self._db.execute(f"SELECT COUNT(*) FROM ledger.{name}").fetchone()  # noqa: S608
                if left:
                    yield Finding(f"table {name}", f"{left} rows were not taken over by a journal")

    def _others(self) -> Iterator[Finding]:
        for table in ("events", *PROJECTED):
            rows = self._db.execute(
                f"SELECT DISTINCT provider FROM ledger.{table} WHERE provider <> ?",  # noqa: S608  # our names
                (self._provider,),
            )
            for (other,) in rows.fetchmany(3):
                yield Finding(table, f"it has rows of another provider, {other!r}")

    def _chain(self, ends: Head | None, kept: Head | None) -> Iterator[Finding]:
        """Check each event, and carry it out; the last signature vouches for those before it."""
        rows = self._db.execute(
            "SELECT seq, time, kind, details, previous, hash, signature FROM ledger.events"
            " WHERE provider = ? ORDER BY seq",
            (self._provider,),
        )
        end = Head()
        for seq, time, kind, details, previous, digest, signature in rows:
            typed = (
                isinstance(seq, int)
                and isinstance(time, int)
                and isinstance(kind, str)
                and isinstance(details, str)
                and isinstance(digest, bytes)
                and isinstance(signature, bytes)
            )
            if not typed:
                yield Finding(f"entry {seq}", "it holds values of another type")
                return
            if seq != end.seq + 1:
                yield Finding(f"entry {end.seq + 1}", f"it is missing; the next is entry {seq}")
                return
            expected = hash_of(self._provider, end, time, kind, details)
            if previous != end.hash or expected != (seq, digest):
                yield Finding(f"entry {seq}", "it, or one before it, was changed")
                return
            end = Head(seq, digest, signature)
            for mark, name in ((ends, "the head file"), (kept, "the head that was kept")):
                if mark and mark.seq == seq and mark.hash != digest:
                    yield Finding(f"entry {seq}", f"it is not the one of {name}")
            try:
                project(self._db, self._provider, Event(seq, time, kind, details, end), {})
            except (ValueError, KeyError, TypeError, AttributeError, sqlite3.Error) as error:
                yield Finding(f"entry {seq}", f"it cannot have happened: {error}")
                return
        self._end, self._read = end, True
        if end.seq and not end.holds_for(self._provider, self._public):
            yield Finding(f"entry {end.seq}", "it is not signed by this provider's identity")

    def _ends(self, ends: Head | None, head: Path | None, kept: Head | None) -> Iterator[Finding]:
        """Check that the chain goes on to where it is known to have been."""
        for mark, name in ((ends, "the head file"), (kept, "the head that was kept")):
            if mark and mark.seq > self._end.seq:
                missing = mark.seq - self._end.seq
                yield Finding(
                    "end",
                    f"{missing} {'entry is' if missing == 1 else 'entries are'} missing at the end:"
                    f" {name} says {mark.seq}, the file has {self._end.seq}",
                )
        if ends and not ends.holds_for(self._provider, self._public):
            yield Finding("head file", "it is not signed by this provider's identity")
        if head and not ends:
            yield Finding("head file", f"{head.name} is missing or unreadable")

    def _compare(self, table: str) -> Iterator[Finding]:
        """Compare a table with what the events come to."""
        columns = PROJECTED[table]
        ours = f"SELECT {columns} FROM main.{table}"  # noqa: S608  # our names
        theirs = f"SELECT {columns} FROM ledger.{table} WHERE provider = ?"  # noqa: S608
        only = self._db.execute(f"{theirs} EXCEPT {ours} LIMIT {MOST}", (self._provider,))
        for row in only:
            yield Finding(table, f"this row does not follow from the entries: {_shown(row)}")
        lost = self._db.execute(f"{ours} EXCEPT {theirs} LIMIT {MOST}", (self._provider,))
        for row in lost:
            yield Finding(table, f"this row is missing: {_shown(row)}")

    def _stored(self, table: str) -> Iterator[Finding]:
        """Compare what is stored with its digest."""
        for column, digest in STORED[table]:
            kept = "state = 'answered'" if table == "questions" else "1"
            rows = self._db.execute(
                f"SELECT {column}, {digest}, {kept}, {PROJECTED[table]} FROM ledger.{table}"  # noqa: S608
                " WHERE provider = ?",
                (self._provider,),
            )
            for data, named, expected, *row in rows:
                if not expected and data is None:
                    continue
                if not isinstance(data, bytes) or not expected or _sha256(data) != named:
                    yield Finding(table, f"the stored {column} was changed: {_shown(row)}")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _shown(row: object) -> str:
    """A row in at most some 300 characters."""
    text = json.dumps(row, default=str)
    return text if len(text) <= 300 else f"{text[:297]}..."

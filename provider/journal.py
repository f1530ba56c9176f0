"""The journal of a site: every change of its ledger, as a signed event in the same transaction."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping

from protocols.ids import ProviderId
from protocols.secagg.keys import Identity
from provider.chain import Event, Head, canonical, first_head, next_event
from provider.ledger_file import LedgerFile
from provider.ledger_head import HeadFile
from provider.legacy import import_rows
from provider.projection import PROJECTED_KINDS, project

_FIELDS = "seq, time, kind, details, hash, signature"
_PAGE = 500


class Page:
    """One transaction: what is recorded in it happens together, or not at all."""

    def __init__(
        self, connection: sqlite3.Connection, provider: ProviderId, identity: Identity, time: int
    ) -> None:
        self.connection = connection
        self.time = time
        """Milliseconds since 1970, the same for all events of the page."""
        self.head: Head | None = None
        self._provider = provider
        self._identity = identity

    def record(
        self, kind: str, details: Mapping[str, object], stored: Mapping[str, bytes] | None = None
    ) -> Event:
        """Append an event, and carry it out.

        Args:
            kind: What happened.
            details: Plain values.
            stored: What is kept beside the event and named in it only by its digest.
        """
        before = self.head or last_head(self.connection, self._provider)
        event = next_event(
            self._provider,
            self._identity,
            before,
            time=self.time,
            kind=kind,
            details=canonical(details),
        )
        self.connection.execute(
            "INSERT INTO events (provider, seq, time, kind, details, previous, hash, signature)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._provider,
                event.seq,
                event.time,
                event.kind,
                event.details,
                before.hash,
                event.head.hash,
                event.head.signature,
            ),
        )
        project(self.connection, self._provider, event, stored or {})
        self.head = event.head
        return event


class Journal:
    """The chain of one provider within a `LedgerFile`.

    Several processes may write one chain: each event goes after the last one that is on disk.

    Args:
        file: Where it is kept.
        provider: Whose it is.
        identity: Signs it.
        head: Where its end is kept, too; None where nobody would look (embedded nodes).
        now: Unix seconds.
    """

    def __init__(
        self,
        file: LedgerFile,
        provider: ProviderId,
        identity: Identity,
        *,
        head: HeadFile | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.file = file
        self.provider = provider
        self._identity = identity
        self._head = head
        self._now = now
        with self.page("start", durable=True) as page:
            self._compare_head(page)
            import_rows(page.connection, provider, page.record)

    @contextlib.contextmanager
    def page(self, label: str, *, durable: bool = False) -> Iterator[Page]:
        """A transaction in which events can be recorded.

        Raises:
            Refused: NODE_FAULT, the file cannot be written now.
        """
        with self.file.transaction(label, durable=durable) as connection:
            page = Page(connection, self.provider, self._identity, self.time())
            yield page
        # A head that went to disk before its events would accuse the site after a power cut.
        if page.head and self._head and (durable or not self.file.durable):
            self._head.write(page.head)
            self.file.reached(f"{label}: head")

    def append(self, kind: str, details: Mapping[str, object]) -> Event:
        """Record something that the owner did or decided: consent, a pause, an approval.

        Args:
            kind: A word for it, which must not be one that the ledger itself uses.
            details: Plain values.

        Raises:
            ValueError: Such a kind, or details that JSON cannot hold.
            Refused: NODE_FAULT, the file cannot be written now.
        """
        if kind in PROJECTED_KINDS:
            raise ValueError(f"events of kind {kind!r} are the ledger's own")
        with self.page(kind, durable=True) as page:
            return page.record(kind, details)

    def events(self, kinds: Collection[str] = (), *, after: int = 0) -> Iterator[Event]:
        """The events in their order, read a page at a time.

        Args:
            kinds: Only these; all where there are none.
            after: Only those behind this number.
        """
        marks = ", ".join("?" * len(kinds))
        chosen = f" AND kind IN ({marks})" if kinds else ""
        if kinds and not PROJECTED_KINDS.intersection(kinds):
            chosen += f" AND {_OF_OWNER}"
        while True:
            rows = self.file.run(
                f"SELECT {_FIELDS} FROM events WHERE provider = ? AND seq > ?{chosen}"  # noqa: S608  # constants
                f" ORDER BY seq LIMIT {_PAGE}",
                (self.provider, after, *kinds),
            )
            yield from map(event_of, rows)
            if len(rows) < _PAGE:
                return
            after = int(str(rows[-1][0]))

    def time(self) -> int:
        """Now, in milliseconds since 1970."""
        return int(self._now() * 1000)

    def head(self) -> Head:
        """Where the chain ends now."""
        rows = self.file.run(_LAST, (self.provider,))
        return _head_of(rows)

    def _compare_head(self, page: Page) -> None:
        """Put on record that the file is older than its head, or that this is gone.

        Before the chain goes on, and covers it up.
        """
        if self._head is None:
            return
        kept, last = self._head.read(), last_head(page.connection, self.provider)
        if kept is None and not last.seq:
            self._head.write(first_head(self.provider, self._identity))
        elif kept is None:
            page.record("head_lost", {})
        elif kept.seq > last.seq:
            page.record("end_lost", {"head": str(kept), "missing": kept.seq - last.seq})


_LAST = "SELECT seq, hash, signature FROM events WHERE provider = ? ORDER BY seq DESC LIMIT 1"
_OF_OWNER = "kind NOT IN ('accepted', 'refused', 'answered', 'acknowledged', 'begun', 'spent')"
"""As in the index `events_of_owner`, so that it is used."""


def last_head(connection: sqlite3.Connection, provider: ProviderId) -> Head:
    """Where a provider's chain ends."""
    return _head_of(connection.execute(_LAST, (provider,)).fetchall())


def event_of(row: tuple[object, ...]) -> Event:
    """An event from its row; the fields are those of `Event` in their order."""
    seq, at, kind, details, digest, signature = row
    assert isinstance(digest, bytes)  # noqa: S101 - a BLOB of ours
    assert isinstance(signature, bytes)  # noqa: S101
    number = int(str(seq))
    return Event(number, int(str(at)), str(kind), str(details), Head(number, digest, signature))


def _head_of(rows: list[tuple[object, ...]]) -> Head:
    if not rows:
        return Head()
    seq, digest, signature = rows[0]
    assert isinstance(digest, bytes)  # noqa: S101 - a BLOB of ours
    assert isinstance(signature, bytes)  # noqa: S101
    return Head(int(str(seq)), digest, signature)

"""The pause switch: the owner's, for everything at once, and effective with the next question."""

from provider.journal import Journal

_SCHEMA = "CREATE TABLE IF NOT EXISTS switches (name TEXT PRIMARY KEY, reason TEXT NOT NULL)"
_PAUSE = "pause"


class PauseSwitch:
    """Kept in the ledger's file: the owner's command throws it, the node looks at it.

    Args:
        journal: Of the ledger; every throw is an entry of its chain.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        with journal.file.transaction() as connection:
            connection.execute(_SCHEMA)

    def pause(self, reason: str) -> None:
        """Answer nothing from now on, also after a restart."""
        with self._journal.page("pause", durable=True) as page:
            page.connection.execute(
                "INSERT OR REPLACE INTO switches VALUES (?, ?)", (_PAUSE, reason)
            )
            page.record("pause", {"reason": reason})

    def resume(self) -> None:
        """Answer again."""
        with self._journal.page("resume", durable=True) as page:
            page.connection.execute("DELETE FROM switches WHERE name = ?", (_PAUSE,))
            page.record("resume", {})

    @property
    def reason(self) -> str | None:
        """Why the node is paused; None while it answers."""
        statement = "SELECT reason FROM switches WHERE name = ?"
        found = self._journal.file.run(statement, (_PAUSE,))
        return str(found[0][0]) if found else None

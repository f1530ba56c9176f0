"""Brings the tables of a ledger's file up to this version's, and refuses those of a newer one."""

import sqlite3
from pathlib import Path

from provider.ledger_schema import SCHEMA, VERSION
from synlearn.errors import InputError

OLD_TABLES = ("questions", "attempts", "wholes", "trust", "manifests")
"""What the first files had, which said no version; kept aside as `questions_v0` and so on."""


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Make or complete the tables of a file that was just opened.

    What an old file holds is set aside; the journal of each provider takes its rows over
    (`provider.legacy`), since only the provider's own key can sign for them.

    Raises:
        InputError: The file is no ledger, or one of a newer version.
    """
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise InputError(
                f"{path} was written by a newer version (tables {version}, here {VERSION}): "
                "update this program"
            )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        if version < VERSION:
            connection.execute("BEGIN IMMEDIATE")
            try:
                _upgrade(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
    except sqlite3.OperationalError as error:
        raise InputError(f"{path} cannot be opened as a ledger: {error}") from error
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path} is not a ledger: {error}") from error


def statements(script: str) -> list[str]:
    """The statements of a script, so that they can be run within a transaction."""
    found, begun = [], ""
    for line in script.splitlines():
        begun += line + "\n"
        if sqlite3.complete_statement(begun):
            found.append(begun.strip().removesuffix(";"))
            begun = ""
    return found


def _upgrade(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:  # another process was faster
        return
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for name in set(OLD_TABLES) & {name for (name,) in found}:
        connection.execute(f"ALTER TABLE {name} RENAME TO {name}_v0")
    for statement in statements(SCHEMA):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")

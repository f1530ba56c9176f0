"""What events come to: the tables in which a ledger looks things up.

The node carries out each event as it is recorded, and a verification carries all of them out anew;
both by this code, so that tables that differ were changed by somebody else.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from protocols.ids import ProviderId, QueryId
from provider.chain import Event

Stored = Mapping[str, bytes]
_KEY = "provider = ? AND job = ? AND phase = ? AND step = ? AND part = ?"


class Unfit(ValueError):  # noqa: N818 - says what the event is
    """An event that the tables have no place for: an answer to what was never asked, say."""


def project(
    connection: sqlite3.Connection, provider: ProviderId, event: Event, stored: Stored
) -> None:
    """Carry out an event; those of the owner change no table.

    Args:
        connection: In a transaction.
        provider: Whose event it is.
        event: What happened.
        stored: Bytes that belong to it, by column; empty where it is carried out anew.

    Raises:
        Unfit: It cannot have happened after the events before it.
    """
    carry_out = _KINDS.get(event.kind)
    if carry_out is not None:
        carry_out(connection, provider, json.loads(event.details), event.time, stored)


def day_of(time: int) -> str:
    """The day, in UTC, of a time in milliseconds."""
    return datetime.fromtimestamp(time / 1000, UTC).date().isoformat()


def _accepted(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], time: int, _: Stored
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO questions (provider, job, phase, step, part, function, body, state,"
        " time, bytes, rho, rows) VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?)",
        (*_key(provider, d), d["function"], d["body"], time, d["bytes"], d["rho"], d["rows"]),
    )
    _charge(connection, provider, d, time)


def _refused(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], time: int, _: Stored
) -> None:
    key = _key(provider, d)
    connection.execute(f"DELETE FROM questions WHERE {_KEY} AND state = 'refused'", key)  # noqa: S608  # a constant
    connection.execute(
        "INSERT OR IGNORE INTO questions (provider, job, phase, step, part, function, body, state,"
        " time, bytes, rho, rows) VALUES (?, ?, ?, ?, ?, ?, ?, 'refused', ?, 0, 0.0, 0)",
        (*key, d["function"], d["body"], time),
    )
    # An answered question keeps its line; one that was accepted keeps its charge.
    connection.execute(
        f"UPDATE questions SET code = ?, reason = ? WHERE {_KEY}"  # noqa: S608  # a constant
        " AND (state = 'refused' OR state = 'open' AND body = ?)",
        (d["code"], d["reason"], *key, d["body"]),
    )


def _answered(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], _: int, stored: Stored
) -> None:
    changed = connection.execute(
        "UPDATE questions SET computed = computed + 1, digest = ?, size = ?, code = NULL,"  # noqa: S608  # a constant
        " reason = NULL, answer = CASE WHEN state IN ('open', 'answered') THEN ? END,"
        " state = CASE WHEN state = 'open' THEN 'answered' ELSE state END"
        f" WHERE {_KEY} AND state <> 'refused'",
        (d["digest"], d["bytes"], stored.get("answer"), *_key(provider, d)),
    )
    if changed.rowcount != 1:
        raise Unfit(f"question {d['query']} of {d['job']} was answered without being accepted")


def _acknowledged(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], _: int, __: Stored
) -> None:
    up_to = QueryId.parse(d["up_to"])
    connection.execute(
        "UPDATE questions INDEXED BY answers_kept SET state = 'acknowledged', answer = NULL"
        " WHERE provider = ? AND job = ? AND state = 'answered'"
        " AND (phase, step, part) <= (?, ?, ?)",
        (provider, d["job"], up_to.phase, up_to.step, up_to.part),
    )


def _purged(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], _: int, __: Stored
) -> None:
    connection.execute(
        "UPDATE questions INDEXED BY answers_kept SET state = 'purged', answer = NULL"
        " WHERE provider = ? AND job = ? AND state = 'answered'",
        (provider, d["job"]),
    )


def _begun(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], time: int, _: Stored
) -> None:
    connection.execute(
        "INSERT INTO attempts (provider, job, phase, step, part, number, function, body,"
        " transcript, state, time, bytes, rho, rows)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'begun', ?, 0, 0.0, 0)",
        (*_key(provider, d), d["number"], d["function"], d["body"], d["transcript"], time),
    )


def _spent(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], time: int, _: Stored
) -> None:
    changed = connection.execute(
        "UPDATE attempts SET state = 'spent', bytes = ?, rho = ?, rows = ?"  # noqa: S608  # a constant
        f" WHERE {_KEY} AND number = ? AND state = 'begun'",
        (d["bytes"], d["rho"], d["rows"], *_key(provider, d), d["number"]),
    )
    if changed.rowcount != 1:
        raise Unfit(f"attempt {d['number']} at {d['query']} of {d['job']} was spent but not begun")
    _reveal(connection, provider, d["wholes"])
    _charge(connection, provider, d, time)


def _trusted(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], _: int, stored: Stored
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO trust (provider, authority, roster, standing, roster_digest,"
        " standing_digest) VALUES (?, ?, ?, ?, ?, ?)",
        (
            provider,
            bytes.fromhex(d["authority"]),
            stored.get("roster", b""),
            stored.get("standing", b""),
            d["roster"],
            d["standing"],
        ),
    )


def _manifest(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], _: int, stored: Stored
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO manifests (provider, party, job, manifest, digest)"
        " VALUES (?, ?, ?, ?, ?)",
        (provider, d["provider"], d["job"], stored.get("manifest", b""), d["digest"]),
    )


def _old_question(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], time: int, stored: Stored
) -> None:
    connection.execute(
        "INSERT INTO questions (provider, job, phase, step, part, function, body, state, answer,"
        " digest, computed, time, bytes, rho, rows)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0.0, 0)",
        (
            *_key(provider, d),
            d["function"],
            d["body"],
            d["state"],
            stored.get("answer"),
            d["digest"],
            d["computed"],
            time,
        ),
    )
    if d["state"] != "refused":
        _charge(connection, provider, d | {"bytes": 0, "rho": 0.0, "uses": {}}, time)


def _old_attempt(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], time: int, stored: Stored
) -> None:
    _begun(connection, provider, d, time, stored)
    if d["state"] == "spent":
        _spent(
            connection,
            provider,
            d | {"bytes": 0, "rows": 0, "uses": {}, "wholes": []},
            time,
            stored,
        )


def _old_whole(
    connection: sqlite3.Connection, provider: str, d: dict[str, Any], _: int, __: Stored
) -> None:
    _reveal(connection, provider, [d["whole"]])


def _reveal(connection: sqlite3.Connection, provider: str, wholes: list[str]) -> None:
    connection.executemany(
        "INSERT INTO wholes (provider, whole) VALUES (?, ?)", [(provider, w) for w in wholes]
    )


def _charge(connection: sqlite3.Connection, provider: str, d: dict[str, Any], time: int) -> None:
    scopes = (
        ("ever", ""),
        ("day", day_of(time)),
        ("job", d["job"]),
        ("function", f"{d['job']}|{d['function']}"),
    )
    connection.executemany(
        "INSERT INTO totals (provider, scope, name, questions, bytes, rho)"
        " VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET questions = questions + 1,"
        " bytes = bytes + excluded.bytes, rho = rho + excluded.rho",
        [(provider, *scope, d["bytes"], d["rho"]) for scope in scopes],
    )
    connection.executemany(
        "INSERT INTO uses (provider, name, count) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(provider, name, count) for name, count in sorted(d["uses"].items())],
    )


def _key(provider: str, d: dict[str, Any]) -> tuple[object, ...]:
    query = QueryId.parse(d["query"])
    return provider, d["job"], query.phase, query.step, query.part


_KINDS: dict[str, Callable[[sqlite3.Connection, str, dict[str, Any], int, Stored], None]] = {
    "accepted": _accepted,
    "refused": _refused,
    "answered": _answered,
    "acknowledged": _acknowledged,
    "purged": _purged,
    "begun": _begun,
    "spent": _spent,
    "trusted": _trusted,
    "manifest": _manifest,
    "old_question": _old_question,
    "old_attempt": _old_attempt,
    "old_whole": _old_whole,
}

PROJECTED_KINDS = frozenset(_KINDS)
"""Kinds of events that change a table."""

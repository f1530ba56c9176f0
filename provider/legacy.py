"""Takes over what a ledger held before it had events: each old row becomes a signed event."""

import hashlib
import sqlite3
from collections.abc import Callable, Mapping

from protocols.ids import ProviderId

Record = Callable[[str, Mapping[str, object], Mapping[str, bytes]], object]
"""As `Page.record`."""

_QUESTIONS = "job, phase, step, part, function, body, state, answer, digest, computed"
_ATTEMPTS = "job, phase, step, part, number, function, body, transcript, state, cost"


def import_rows(connection: sqlite3.Connection, provider: ProviderId, record: Record) -> None:
    """Take over the old rows of one provider; those of others wait for their own journals.

    What a question may have sent was not written down then: it counts as one question of 0 bytes.
    What was known of a federation belongs to whoever opens the file first, as it named nobody.
    """
    tables = {
        name.removesuffix("_v0")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if str(name).endswith("_v0")
    }
    for table, take_over in _TABLES.items():
        if table in tables:
            take_over(connection, provider, record)


def _questions(connection: sqlite3.Connection, provider: ProviderId, record: Record) -> None:
    rows = connection.execute(
        f"SELECT {_QUESTIONS} FROM questions_v0 WHERE provider = ?",  # noqa: S608  # a constant
        (provider,),
    ).fetchall()
    for job, phase, step, part, function, body, state, answer, digest, computed in rows:
        details = {
            "job": job,
            "query": f"{phase}.{step}.{part}",
            "function": function,
            "body": body,
            "state": state,
            "digest": digest,
            "computed": computed,
        }
        record("old_question", details, {} if answer is None else {"answer": answer})
    connection.execute("DELETE FROM questions_v0 WHERE provider = ?", (provider,))


def _attempts(connection: sqlite3.Connection, provider: ProviderId, record: Record) -> None:
    rows = connection.execute(
        f"SELECT {_ATTEMPTS} FROM attempts_v0 WHERE provider = ?",  # noqa: S608  # a constant
        (provider,),
    ).fetchall()
    for job, phase, step, part, number, function, body, transcript, state, cost in rows:
        details = {
            "job": job,
            "query": f"{phase}.{step}.{part}",
            "number": number,
            "function": function,
            "body": body,
            "transcript": transcript,
            "state": state,
            "rho": cost,
        }
        record("old_attempt", details, {})
    connection.execute("DELETE FROM attempts_v0 WHERE provider = ?", (provider,))


def _wholes(connection: sqlite3.Connection, provider: ProviderId, record: Record) -> None:
    rows = connection.execute("SELECT whole FROM wholes_v0 WHERE provider = ?", (provider,))
    for (whole,) in rows.fetchall():
        record("old_whole", {"whole": whole}, {})
    connection.execute("DELETE FROM wholes_v0 WHERE provider = ?", (provider,))


def _trust(connection: sqlite3.Connection, _: ProviderId, record: Record) -> None:
    rows = connection.execute("SELECT authority, roster, standing FROM trust_v0").fetchall()
    for authority, roster, standing in rows:
        details = {
            "authority": authority.hex(),
            "roster": hashlib.sha256(roster).hexdigest(),
            "standing": hashlib.sha256(standing).hexdigest(),
        }
        record("trusted", details, {"roster": roster, "standing": standing})
    connection.execute("DELETE FROM trust_v0")


def _manifests(connection: sqlite3.Connection, _: ProviderId, record: Record) -> None:
    rows = connection.execute("SELECT provider, job, manifest FROM manifests_v0").fetchall()
    for party, job, manifest in rows:
        digest = hashlib.sha256(manifest).hexdigest()
        record(
            "manifest",
            {"provider": party, "job": job, "digest": digest},
            {"manifest": manifest},
        )
    connection.execute("DELETE FROM manifests_v0")


_TABLES: dict[str, Callable[[sqlite3.Connection, ProviderId, Record], None]] = {
    "questions": _questions,
    "attempts": _attempts,
    "wholes": _wholes,
    "trust": _trust,
    "manifests": _manifests,
}

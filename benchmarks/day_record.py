"""Whether a node's record of a day agrees with what came to the coordinator."""

import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping

from benchmarks.day_questions import Day
from benchmarks.one_site import Site
from benchmarks.record import Plain

_LEFT = {"answered", "acknowledged"}


def audited(site: Site, day: Day) -> dict[str, Plain]:
    """Compare the owner's own view with the answers that came.

    Returns:
        `verified` and `verify_seconds`, of `left --verify`; `rows` of the record; `without_row`,
        answers that came without a row that says so; `other_digest`, answers that are not those of
        their row; `never_came`, answers on record that did not come; `refused_without_row`;
        `policies` that were in force; `free_bytes` of the ledger's file, and `answer_bytes` that it
        still keeps.
    """
    begun = time.perf_counter()
    said = site.command("left", "--verify")
    seconds = time.perf_counter() - begun
    rows = [json.loads(line) for line in site.command("left", "--json").splitlines()]
    came = {str(query): digest for query, digest in day.answers.items()}
    return {
        "verified": "The ledger holds" in said,
        "verify_seconds": seconds,
        **compared(rows, came, {str(query) for query in day.refused}),
        **_inside(site),
    }


def compared(
    lines: Iterable[Mapping[str, object]], came: Mapping[str, str], refused: Collection[str]
) -> dict[str, Plain]:
    """Compare what `left --json` says of plain questions with the answers that came.

    Args:
        lines: Of the record.
        came: SHA-256 of each answer, by its question.
        refused: Questions that were refused.
    """
    rows = {str(line["question"]): line for line in lines if not line["attempt"]}
    left = {name: row["digest"] for name, row in rows.items() if row["verdict"] in _LEFT}
    return {
        "rows": len(rows),
        "without_row": len(came.keys() - left.keys()),
        "other_digest": sum(left.get(name, digest) != digest for name, digest in came.items()),
        "never_came": len(left.keys() - came.keys()),
        "refused_without_row": sum(
            rows.get(name, {}).get("verdict") != "refused" for name in refused
        ),
    }


def _inside(site: Site) -> dict[str, Plain]:
    connection = sqlite3.connect(f"file:{site.home.ledger}?mode=ro", uri=True)
    try:
        ((free,),) = connection.execute("PRAGMA freelist_count").fetchall()
        ((page,),) = connection.execute("PRAGMA page_size").fetchall()
        ((kept,),) = connection.execute("SELECT total(length(answer)) FROM questions").fetchall()
        ((policies,),) = connection.execute(
            "SELECT count(*) FROM events WHERE kind = 'policy'"
        ).fetchall()
    finally:
        connection.close()
    return {"free_bytes": free * page, "answer_bytes": int(kept), "policies": policies}

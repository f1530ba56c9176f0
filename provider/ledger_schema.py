"""The tables of a `LedgerFile`: what a site must not forget, whatever happens to its node.

`events` is the record; the others say what it comes to, so that a question can be looked up, and
`provider.projection` is the only code that writes them.
"""

VERSION = 1
"""Of the tables, in `PRAGMA user_version`; what had none before is 0."""

PROJECTED = {
    "questions": "provider, job, phase, step, part, function, body, state, digest, computed, time,"
    " bytes, rho, rows, size, code, reason",
    "attempts": "provider, job, phase, step, part, number, function, body, transcript, state, time,"
    " bytes, rho, rows",
    "wholes": "provider, whole",
    "totals": "provider, scope, name, questions, bytes, rho",
    "uses": "provider, name, count",
    "trust": "provider, authority, roster_digest, standing_digest",
    "manifests": "provider, party, job, digest",
}
"""The columns of each table that follow from the events alone."""

STORED = {
    "questions": (("answer", "digest"),),
    "trust": (("roster", "roster_digest"), ("standing", "standing_digest")),
    "manifests": (("manifest", "digest"),),
}
"""The other columns, each with the one that has its SHA-256."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    provider TEXT NOT NULL,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    details TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (provider, seq)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS events_are_not_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER IF NOT EXISTS events_are_not_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE INDEX IF NOT EXISTS events_of_owner ON events (provider, kind, seq)
WHERE kind NOT IN ('accepted', 'refused', 'answered', 'acknowledged', 'begun', 'spent');
CREATE TABLE IF NOT EXISTS questions (
    provider TEXT NOT NULL,
    job TEXT NOT NULL,
    phase INTEGER NOT NULL,
    step INTEGER NOT NULL,
    part INTEGER NOT NULL,
    function TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    answer BLOB,
    digest TEXT,
    computed INTEGER NOT NULL DEFAULT 0,
    time INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    rho REAL NOT NULL,
    rows INTEGER NOT NULL,
    size INTEGER,
    code TEXT,
    reason TEXT,
    PRIMARY KEY (provider, job, phase, step, part)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_kept ON questions (provider, job, phase, step, part)
WHERE state = 'answered';
CREATE TABLE IF NOT EXISTS attempts (
    provider TEXT NOT NULL,
    job TEXT NOT NULL,
    phase INTEGER NOT NULL,
    step INTEGER NOT NULL,
    part INTEGER NOT NULL,
    number INTEGER NOT NULL,
    function TEXT NOT NULL,
    body TEXT NOT NULL,
    transcript TEXT NOT NULL,
    state TEXT NOT NULL,
    time INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    rho REAL NOT NULL,
    rows INTEGER NOT NULL,
    PRIMARY KEY (provider, job, phase, step, part, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wholes (
    provider TEXT NOT NULL,
    whole TEXT NOT NULL,
    PRIMARY KEY (provider, whole)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (
    provider TEXT NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    questions INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    rho REAL NOT NULL,
    PRIMARY KEY (provider, scope, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uses (
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (provider, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trust (
    provider TEXT NOT NULL,
    authority BLOB NOT NULL,
    roster BLOB NOT NULL,
    standing BLOB NOT NULL,
    roster_digest TEXT NOT NULL,
    standing_digest TEXT NOT NULL,
    PRIMARY KEY (provider, authority)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS manifests (
    provider TEXT NOT NULL,
    party TEXT NOT NULL,
    job TEXT NOT NULL,
    manifest BLOB NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (provider, party, job)
) WITHOUT ROWID;
"""

"""The tables of a `LedgerFile`: what a site must not forget, whatever happens to its node."""

SCHEMA = """
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
    PRIMARY KEY (provider, job, phase, step, part)
) WITHOUT ROWID;
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
    cost REAL NOT NULL,
    PRIMARY KEY (provider, job, phase, step, part, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wholes (
    provider TEXT NOT NULL,
    whole TEXT NOT NULL,
    PRIMARY KEY (provider, whole)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trust (
    authority BLOB PRIMARY KEY,
    roster BLOB NOT NULL,
    standing BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS manifests (
    provider TEXT NOT NULL,
    job TEXT NOT NULL,
    manifest BLOB NOT NULL,
    PRIMARY KEY (provider, job)
);
"""

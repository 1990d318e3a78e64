"""The tables of `outbox.db`, and how a file of an older version becomes one of this.

What waits for its receipt, and what is kept after it, are rows of `outbox` in the order in which
they were finished; their messages are rows of `message`, so that a receipt rewrites no record.
`head` is the one row that says how far the station's chain has come.
"""

import sqlite3
from contextlib import closing

from records.reading import UNREADABLE, head_of, kind_of
from records.signing import digest

VERSION = 3
"""The number in `PRAGMA user_version`. 0 is a new file, or one of version 0.1."""

_OF_0_1 = """
CREATE TABLE IF NOT EXISTS draft (record_id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS journal (
    record_id TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO counter VALUES ('sequence', 0), ('delivered', 0);
"""

_OF_1 = """
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    record_id TEXT UNIQUE NOT NULL,
    kind TEXT NOT NULL,
    station TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    chain TEXT,
    position INTEGER,
    rejected TEXT,
    delivered_at REAL);
CREATE INDEX outbox_waiting ON outbox (id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;
CREATE UNIQUE INDEX outbox_link ON outbox (chain, position) WHERE chain IS NOT NULL;
CREATE TABLE message (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    chain TEXT NOT NULL, position INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE attachment (
    sha256 TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, media_type TEXT NOT NULL,
    held_bytes INTEGER NOT NULL DEFAULT 0, refused TEXT, delivered_at REAL);
INSERT OR IGNORE INTO counter VALUES ('kept_bytes', 0);
"""

_OF_2 = """
ALTER TABLE outbox ADD COLUMN damaged TEXT;
CREATE TABLE trouble (at_s REAL NOT NULL, told TEXT NOT NULL);
"""

_OF_3 = """
ALTER TABLE draft ADD COLUMN crc32 INTEGER;
ALTER TABLE draft ADD COLUMN damaged TEXT;
ALTER TABLE journal ADD COLUMN crc32 INTEGER;
"""


class TooNew(Exception):
    """A later version of this software made the file."""


def prepare(db: sqlite3.Connection) -> None:
    """Bring the file to this version in one transaction. Raises `sqlite3.Error` or `TooNew`."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    if version > VERSION:
        raise TooNew(f"its version is {version}, and this software knows {VERSION}: update it")
    db.execute("BEGIN IMMEDIATE")
    try:
        if version == 0:
            _make_1(db)
        if version < 2:
            _script(db, _OF_2)
        _script(db, _OF_3)
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _make_1(db: sqlite3.Connection) -> None:
    """Make the tables of version 1, with what a file of 0.1 holds."""
    _script(db, _OF_0_1)
    old = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").fetchone()
    if old:
        db.execute("ALTER TABLE outbox RENAME TO outbox_of_0_1")
    _script(db, _OF_1)
    if old:
        _take_over(db)
        db.execute("DROP TABLE outbox_of_0_1")


def insert(
    db: sqlite3.Connection,
    record_id: str,
    kind: str,
    station: str,
    message: bytes,
    link: tuple[str, int] | None = None,
    rejected: str | None = None,
) -> None:
    """Add a message that waits for its receipt. `link` is its chain and position."""
    chain, position = link or (None, None)
    row = db.execute(
        "INSERT INTO outbox"
        " (record_id, kind, station, sha256, size_bytes, chain, position, rejected)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (record_id, kind, station, digest(message), len(message), chain, position, rejected),
    ).lastrowid
    db.execute("INSERT INTO message VALUES (?, ?)", (row, message))


def is_here(db: sqlite3.Connection, record_id: str) -> bool:
    """Tell whether the outbox has a row of this record."""
    return bool(db.execute("SELECT 1 FROM outbox WHERE record_id = ?", (record_id,)).fetchone())


def _take_over(db: sqlite3.Connection) -> None:
    """Move the records that wait in a file of 0.1; they keep their bytes, and stay unsigned."""
    rows = db.execute("SELECT record_id, body, rejected FROM outbox_of_0_1 ORDER BY sequence")
    for record_id, body, rejected in rows.fetchall():
        try:
            head = head_of(body)
        except UNREADABLE:  # as it was there, it goes on waiting
            insert(db, record_id, "run", "", body, rejected=rejected)
            continue
        kind = kind_of(head.schema)
        insert(db, record_id, kind.name if kind else "run", head.station, body, rejected=rejected)


def _script(db: sqlite3.Connection, script: str) -> None:
    """Run the statements, as `executescript` does, but without its commit at the beginning."""
    for statement in script.split(";"):
        if statement.strip():
            db.execute(statement)


def differences(db: sqlite3.Connection) -> str:
    """Return in words how the tables differ from those of a new file; empty where they do not."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        prepare(fresh)
        wanted = _schema(fresh)
    here = _schema(db)
    wrong = sorted(name for name in wanted.keys() | here if wanted.get(name) != here.get(name))
    return f"its tables are not what they were: {', '.join(wrong)}" if wrong else ""


def _schema(db: sqlite3.Connection) -> dict[str, str]:
    rows = db.execute("SELECT name, sql FROM sqlite_master").fetchall()
    return {name: "".join(str(sql).split()).replace('"', "") for name, sql in rows}

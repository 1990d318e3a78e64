"""Open the outbox's file, check it, and put a new one in its place where it is damaged."""

import os
import sqlite3
from pathlib import Path

from station.delivery import known, signer, tables
from station.delivery.known import Known
from station.delivery.repair import salvage, wal
from station.delivery.repair.wal import Log

WHOLE_CHECK_BYTES = 32 * 1024 * 1024
"""A larger file is checked at the start but for its messages, which are checked when sent."""
LONGEST_LOG_BYTES = 8 * 1024 * 1024
"""A longer log is cut off when it begins again; SQLite begins again after 4 MiB at the least."""
CHECK = "PRAGMA integrity_check"
TABLES = ("outbox", "head", "counter", "draft", "journal", "attachment", "trouble")


LOG_DAMAGED = "bits have changed in its log"


class Damaged(Exception):
    """The file is no outbox any more. Says how that shows."""


def is_damage(error: Exception) -> bool:
    """Tell whether SQLite calls the file itself bad, and not the disk, or a lock on it."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return isinstance(error, UnicodeDecodeError) or code & 0xFF in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def open_file(path: Path, patience_s: float) -> sqlite3.Connection:
    """Return the database, which is this process's alone; a damaged one is set aside before.

    Raises `sqlite3.Error`, `OSError`, or `tables.TooNew`.
    """
    salvage.finish(path)
    side = known.read(path.parent)
    log = wal.read(path)
    try:
        db = _checked(path, patience_s, side, log)
        if log.suspicious and salvage.is_behind(db, side):  # no power cut: more was committed
            db.close()
            raise Damaged(LOG_DAMAGED)
    except Damaged as error:
        if log.suspicious:  # SQLite has taken the beginning of it, and thrown the rest away
            wal.path_of(path).write_bytes(log.data)
        salvage.renew(path, side, str(error))
        db = _connect(path, patience_s)
    salvage.catch_up(db, side)
    return db


def now_known(db: sqlite3.Connection) -> Known:
    """Return how far the outbox has come, for the file beside it."""
    head = signer.head(db)
    (sequence,) = db.execute("SELECT value FROM counter WHERE name = 'sequence'").fetchone()
    if head is None:
        return Known(sequence=sequence, version=tables.VERSION)
    return Known(
        chain=head.chain,
        position=head.position,
        digest=head.digest,
        sequence=sequence,
        version=tables.VERSION,
    )


def _checked(path: Path, patience_s: float, side: Known | None, log: Log) -> sqlite3.Connection:
    try:
        db = _connect(path, patience_s, log)
    except tables.TooNew as error:
        if side is not None and side.version <= tables.VERSION:  # no later software was here
            raise Damaged(str(error)) from error
        raise
    except UnicodeDecodeError as error:  # what SQLite says quotes the damage
        raise Damaged(str(error)) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if is_damage(error) or code == sqlite3.SQLITE_ERROR:  # its tables are not what they were
            raise Damaged(str(error)) from error
        raise
    try:
        _check(db, path)
    except BaseException as error:
        db.close()
        if isinstance(error, UnicodeDecodeError | sqlite3.Error) and is_damage(error):
            raise Damaged(str(error)) from error
        raise
    return db


def _connect(path: Path, patience_s: float, log: Log = wal.NO_LOG) -> sqlite3.Connection:
    """Return the database, ours alone. `log` is what was read of its log before that.

    Raises `Damaged` where bits of the log have changed, before anything is written.
    """
    db = sqlite3.connect(path, timeout=patience_s, isolation_level=None, check_same_thread=False)
    try:
        db.text_factory = _text
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA secure_delete = FAST")  # Debian's default writes zeros over what goes
        db.execute(f"PRAGMA journal_size_limit = {LONGEST_LOG_BYTES}")
        if log.rotten and _is_still_there(log, db, path):
            raise Damaged(LOG_DAMAGED)
        tables.prepare(db)
    except BaseException:
        db.close()
        raise
    return db


def _is_still_there(log: Log, db: sqlite3.Connection, path: Path) -> bool:
    """Tell whether a log is as it was read, now that the file is ours: it may have been another's.

    A station on its way out may have been writing it.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        return wal.path_of(path).read_bytes() == log.data
    finally:
        db.execute("ROLLBACK")


def _text(data: bytes) -> str:
    """Read text in which bits may have changed: one such row must not hide the others."""
    return data.decode(errors="replace")


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Raise `Damaged` where the file is not whole, or not made of the tables that it had."""
    if (wrong := tables.differences(db)) != "":
        raise Damaged(wrong)
    _check_that_it_is_written(db, path)
    small = path.stat().st_size <= WHOLE_CHECK_BYTES
    for check in [CHECK] if small else [f"{CHECK}({table})" for table in TABLES]:
        for (told,) in db.execute(check):
            if told != "ok":
                raise Damaged(told)
    named = dict(db.execute("SELECT name, value FROM counter").fetchall())
    for name in ("sequence", "delivered", "kept_bytes"):
        if not isinstance(named.get(name), int):
            raise Damaged(f"it has no counter {name}")


def _check_that_it_is_written(db: sqlite3.Connection, path: Path) -> None:
    """Raise `Damaged` where SQLite takes a file for read-only that may be written.

    Its header says so by a write version that no SQLite knows (SQLite file format, 1.3.3).
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute("UPDATE counter SET value = value WHERE name = 'sequence'")
    except sqlite3.OperationalError as error:
        code = (error.sqlite_errorcode or 0) & 0xFF
        if code == sqlite3.SQLITE_READONLY and os.access(path, os.W_OK):
            raise Damaged(str(error)) from error
        raise
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def is_locked(error: Exception) -> bool:
    """Tell whether another program holds the file, as SQLite says it."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_BUSY

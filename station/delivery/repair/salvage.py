"""A damaged outbox is set aside under a dated name, and what still reads goes on in a new file.

The new file is whole before the old one is moved, and a swap that was cut is finished at the next
start. A message counts as read when its digest is the one in its row, or when its signature is that
of this station; everything else stays in the file that was set aside.
"""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from records.signing import digest, split
from records.words import Phrase
from station.delivery import intact, tables
from station.delivery.known import Known
from station.delivery.repair import pages

log = logging.getLogger(__name__)

SKIPPED = 100
"""Numbers of runs that are passed over: the file beside the outbox may be 30 s old."""


class Good(NamedTuple):
    """A message that was read whole, and whether the host had it."""

    row: intact.Row
    delivered_at: float | None
    rejected: str | None


class Read(msgspec.Struct):
    """The contents of a file besides its messages."""

    rows: dict[int, tuple[Any, ...]] = msgspec.field(default_factory=dict)
    drafts: dict[str, tuple[Any, ...]] = msgspec.field(default_factory=dict)
    journal: list[tuple[Any, ...]] = msgspec.field(default_factory=list)
    attachments: list[tuple[Any, ...]] = msgspec.field(default_factory=list)
    head: Known = Known()
    sequence: int = 0
    troubles: list[tuple[float, str]] = msgspec.field(default_factory=list)


class _Numbered(msgspec.Struct):
    sequence: int = 0


_decode_number = msgspec.json.Decoder(_Numbered).decode


def read(path: Path) -> Read:
    """Return what can be read of a file but for its messages. Raises `OSError`."""
    found = Read()
    for row_id, row in pages.rows(path):
        match row:
            case (None, str(), str(), str(), str(), int(), *_) if len(row) >= 10:
                found.rows[row_id] = (row_id, *row[1:], None)[:11]
            case (float() as at_s, str() as told):
                found.troubles.append((at_s, told))
            case (str() as record_id, bytes() as body, *more) if len(more) < 3:
                if len(more) == 2 or body.startswith(b'{"schema":"pace.run/'):
                    found.drafts[record_id] = (record_id, body, *more, None, None)[:4]
                else:
                    found.journal.append((record_id, body, *more, None)[:3])
            case ("sequence", int() as number):
                found.sequence = max(found.sequence, number)
            case (None, str() as chain, int() as position, str() as its_digest):
                found.head = Known(chain=chain, position=position, digest=its_digest)
            case (str(), int(), str(), int(), _, _):
                found.attachments.append(row)
            case _:
                continue
    return found


def messages(path: Path, found: Read) -> Iterator[Good]:
    """Yield the messages that can be read whole, as they were stored. Raises `OSError`."""
    keys = intact.keys_of(path.parent)
    for row_id, columns in pages.rows(path):
        match columns:
            case (None, bytes() as body):
                told = found.rows.get(row_id)
            case (None, str(), bytes() as body, *_) if len(columns) < 6:  # of version 0.1
                told = None
                if not body.startswith(b'{"schema":"pace.'):
                    continue
            case _:
                continue
        sha256 = digest(body)
        signed = told is None or told[4] != sha256
        if signed and len(columns) == 2 and not intact.is_ours(body, keys):
            continue
        kind = _kind(body)
        base = intact.Row(row_id, sha256, kind, "", sha256, None, None, body)
        if told is not None:
            base = base._replace(record_id=told[1], kind=told[2], station=told[3])
        elif kind == "plan":
            base = base._replace(record_id=digest(split(body).record))
        delivered_at = told[9] if told and isinstance(told[9], float) else None
        rejected = told[8] if told and isinstance(told[8], str) else None
        yield Good(intact.facts(body, base), delivered_at, rejected)


def _kind(body: bytes) -> str:
    start = split(body).record[:40]
    return next((one for one in ("plan", "event") if f"pace.{one}/".encode() in start), "run")


def renew(path: Path, side: Known | None, why: str) -> Path:
    """Set the file at `path` aside, and put what it still tells into a new one.

    Returns where the old one is. Raises `OSError` or `sqlite3.Error`: then it is still at `path`.
    """
    log.error("%s is damaged: %s; what can be read of it goes on in a new file", path, why)
    found = read(path)
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    aside = _dated(path)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        tables.prepare(db)
        db.execute("BEGIN IMMEDIATE")
        head, sequence, kept = _fill(db, path, found)
        _go_on(db, newest(head, found.head, side), max(sequence, side.sequence if side else 0))
        lost = len(found.rows.keys() - kept)
        told = Phrase("outbox.set_aside", {"file": aside.name, "read": len(kept), "lost": lost})
        intact.tell(db, told)
        db.execute("COMMIT")
    os.replace(fresh, _whole(path))
    finish(path, aside)
    log.error("%s: %s", path, told.words)
    return aside


def finish(path: Path, aside: Path | None = None) -> None:
    """Put a new file that is whole in the place of the damaged one: also after a power cut."""
    if not _whole(path).exists():
        return
    aside = aside or _dated(path)
    for suffix in ("-wal", "-shm", ""):
        old = path.with_name(path.name + suffix)
        if old.exists():
            os.replace(old, aside.with_name(aside.name + suffix))
    os.replace(_whole(path), path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _whole(path: Path) -> Path:
    return path.with_name(f"{path.name}.salvaged")


def _dated(path: Path) -> Path:
    """Return a name that no file has: `outbox.damaged-20261122T120000Z.db`."""
    stem = f"{path.stem}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    ends = ("", *(f"-{number}" for number in range(2, 1000)))
    names = (path.with_name(f"{stem}{end}{path.suffix}") for end in ends)
    return next(one for one in names if not one.exists())


def _fill(db: sqlite3.Connection, path: Path, found: Read) -> tuple[Known, int, set[int]]:
    """Copy what was read; return the last link and number of it, and the rows that are whole."""
    last, sequence, kept = Known(), found.sequence, set[int]()
    insert = f"INSERT OR IGNORE INTO outbox VALUES ({', '.join('?' * 11)})"
    for row, delivered_at, rejected in messages(path, found):
        sequence = max(sequence, _number(row.body))
        link = (row.chain, row.position)
        values = (row.sha256, len(row.body), *link, rejected, delivered_at, None)
        added = db.execute(insert, (row.id, row.record_id, row.kind, row.station, *values))
        if added.rowcount:
            db.execute("INSERT OR REPLACE INTO message VALUES (?, ?)", (row.id, row.body))
            kept.add(row.id)
        if row.chain:
            here = Known(chain=row.chain, position=row.position, digest=row.sha256)
            last = newest(last, here)
    why = "its message could not be read from the damaged outbox"
    for row_id in found.rows.keys() - kept:
        if found.rows[row_id][9] is None:
            db.execute(insert, (*found.rows[row_id][:10], why))
    ids = {one for (one,) in db.execute("SELECT record_id FROM outbox WHERE damaged IS NULL")}
    for record_id, draft in found.drafts.items():
        if record_id not in ids:
            db.execute("INSERT OR IGNORE INTO draft VALUES (?, ?, ?, ?)", draft)
            sequence = max(sequence, _number(draft[1]))
    db.executemany("INSERT INTO journal VALUES (?, ?, ?)", found.journal)
    db.executemany("INSERT INTO trouble VALUES (?, ?)", found.troubles)
    filled = f"INSERT OR IGNORE INTO attachment VALUES ({', '.join('?' * 6)})"
    db.executemany(filled, found.attachments)
    db.execute(
        "UPDATE counter SET value = (SELECT coalesce(sum(size_bytes), 0) FROM outbox"
        " WHERE delivered_at IS NOT NULL AND kind <> 'plan') WHERE name = 'kept_bytes'"
    )
    db.execute(
        "UPDATE counter SET value = (SELECT count(*) FROM outbox"
        " WHERE delivered_at IS NOT NULL AND kind <> 'plan') WHERE name = 'delivered'"
    )
    return last, sequence, kept


def _number(body: bytes) -> int:
    try:
        return _decode_number(split(body).record).sequence
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0


def newest(*some: Known | None) -> Known:
    """Return the last link of several: a chain's name begins with its time (RFC 9562, 5.7)."""
    return max((one for one in some if one), key=lambda one: (one.chain, one.position))


def _go_on(db: sqlite3.Connection, head: Known, sequence: int) -> None:
    if sequence or head.chain:
        sequence += SKIPPED
    db.execute("UPDATE counter SET value = ? WHERE name = 'sequence'", (sequence,))
    if head.chain:
        values = (head.chain, head.position, head.digest)
        db.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)", values)


def is_behind(db: sqlite3.Connection, side: Known | None) -> bool:
    """Tell whether the file beside the outbox knows of more than the outbox does."""
    if side is None:
        return False
    row = db.execute("SELECT chain, position FROM head").fetchone()
    if row is None and side.chain:
        return True
    if row is not None and row[0] == side.chain:
        return bool(side.position > row[1])
    return side.sequence > _sequence(db)


def _sequence(db: sqlite3.Connection) -> int:
    (sequence,) = db.execute("SELECT value FROM counter WHERE name = 'sequence'").fetchone()
    return int(sequence)


def catch_up(db: sqlite3.Connection, side: Known | None) -> None:
    """Go on from what the file beside it says, where the outbox is emptied, or an older copy."""
    if side is None or not is_behind(db, side):
        return
    told = Phrase("outbox.older_copy", {"position": side.position, "chain": side.chain})
    log.error("%s", told.words)
    db.execute("BEGIN IMMEDIATE")
    _go_on(db, side, max(side.sequence, _sequence(db)))
    intact.tell(db, told)
    db.execute("COMMIT")

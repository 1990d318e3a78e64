"""Outboxes that were set aside: they go after a while, but never the only copy of something.

A file is looked through once: one that holds a message which could not be read and was not
delivered stays until a person has looked at it, and an empty file beside it says so.
"""

import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from station.delivery.repair import salvage

log = logging.getLogger(__name__)

DAY_S = 86400.0


def tidy(path: Path, db: sqlite3.Connection, days: float, quota_bytes: float) -> None:
    """Delete what was set aside longer ago than `days`, or is more than `quota_bytes` in all.

    `path` is that of the outbox. The oldest go first. What cannot be read or deleted is logged.
    """
    found = sorted(_set_aside(path), key=lambda one: one.stat().st_mtime)
    size_bytes = sum(map(_size_bytes, found))
    for one in found:
        late = time.time() - one.stat().st_mtime > days * DAY_S
        if not late and size_bytes <= quota_bytes:
            continue
        try:
            if _is_needed(one, db):
                _note(one).touch()
                log.warning("%s stays: it has records that are nowhere else", one)
                continue
            size_bytes -= _size_bytes(one)
            for part in _parts(one):
                part.unlink(missing_ok=True)
            log.info("%s is deleted: all that it had is delivered, or in the outbox", one)
        except OSError as error:
            log.warning("%s: %s", one, error)


def _set_aside(path: Path) -> Iterator[Path]:
    for one in path.parent.glob(f"{path.stem}.damaged-*{path.suffix}"):
        if not _note(one).exists():
            yield one


def _note(one: Path) -> Path:
    return one.with_name(f"{one.name}.needed")


def _parts(one: Path) -> list[Path]:
    return [one.with_name(f"{one.name}{suffix}") for suffix in ("-wal", "-shm", "")]


def _size_bytes(one: Path) -> int:
    return sum(part.stat().st_size for part in _parts(one) if part.exists())


def _is_needed(one: Path, db: sqlite3.Connection) -> bool:
    """Tell whether a file has a message that was not delivered and could not be read."""
    found = salvage.read(one)
    whole = {message.row.id for message in salvage.messages(one, found)}
    undelivered = [
        row[1] for row_id, row in found.rows.items() if row_id not in whole and row[9] is None
    ]
    here = "SELECT 1 FROM outbox WHERE record_id = ? AND damaged IS NULL"
    return any(db.execute(here, (record_id,)).fetchone() is None for record_id in undelivered)

"""Runs that are going on: their drafts and journals on disk, and the record that ends each.

A row has the CRC-32 of its bytes, for a memory card changes bits without a word. What is damaged of
a journal is left out of the record, which says so; a damaged draft makes no record, and is told.
"""

import logging
import sqlite3
import zlib
from collections.abc import Sequence

import msgspec

from records import Phrase, RunRecord, Verdict, decode_run, encode
from records.reading import UNREADABLE
from station.delivery import intact, tables
from station.delivery.journal import POWER_CUT, break_off, read_events
from station.delivery.signer import Signer

log = logging.getLogger(__name__)


class DraftDamaged(Exception):
    """The draft of a run has other bytes than were written."""


def begin(db: sqlite3.Connection, signer: Signer, draft: RunRecord, plan: bytes) -> RunRecord:
    """Return the draft with its sequence number, and keep it, with its plan."""
    db.execute("UPDATE counter SET value = value + 1 WHERE name = 'sequence'")
    (sequence,) = db.execute("SELECT value FROM counter WHERE name = 'sequence'").fetchone()
    numbered = msgspec.structs.replace(draft, sequence=sequence)
    body = encode(numbered)
    db.execute(
        "INSERT INTO draft (record_id, body, crc32) VALUES (?, ?, ?)",
        (numbered.record_id, body, zlib.crc32(body)),
    )
    if plan and not tables.is_here(db, draft.plan_sha256):
        signer.store(db, draft.plan_sha256, "plan", draft.station, plan)
    return numbered


def note(db: sqlite3.Connection, notes: Sequence[tuple[str, bytes]]) -> None:
    """Add entries of journals: the run's id and an event each."""
    rows = [(record_id, body, zlib.crc32(body)) for record_id, body in notes]
    db.executemany("INSERT INTO journal (record_id, body, crc32) VALUES (?, ?, ?)", rows)


def finish(db: sqlite3.Connection, signer: Signer, record: RunRecord) -> None:
    """Move a run from journal to outbox. Doing it again changes nothing."""
    if not tables.is_here(db, record.record_id):
        signer.store(db, record.record_id, "run", record.station, encode(record))
    db.execute("DELETE FROM draft WHERE record_id = ?", (record.record_id,))
    db.execute("DELETE FROM journal WHERE record_id = ?", (record.record_id,))


def broken_off(db: sqlite3.Connection) -> list[str]:
    """Return the ids of runs that have begun and not ended, without those that are damaged."""
    rows = db.execute("SELECT record_id FROM draft WHERE damaged IS NULL ORDER BY rowid")
    return [one for (one,) in rows]


def recover(db: sqlite3.Connection, signer: Signer) -> tuple[RunRecord, ...]:
    """Make the record of every run that was broken off, and return them."""
    recovered = []
    for record_id in broken_off(db):
        try:
            recovered.append(break_off_run(db, signer, record_id, Verdict.ABORTED, POWER_CUT))
        except (*UNREADABLE, DraftDamaged):
            log.exception("run %s was broken off and cannot be read; it stays as it is", record_id)
            _set_aside(db, record_id)
    db.execute("DELETE FROM journal WHERE record_id NOT IN (SELECT record_id FROM draft)")
    return tuple(recovered)


def break_off_run(
    db: sqlite3.Connection, signer: Signer, record_id: str, verdict: Verdict, why: Phrase
) -> RunRecord:
    """Make the record of a run that does not go on, and return it.

    Raises `DraftDamaged` or one of `UNREADABLE`, and `LookupError` where there is no such run.
    """
    found = db.execute("SELECT body, crc32 FROM draft WHERE record_id = ?", (record_id,)).fetchone()
    if found is None:
        raise LookupError(f"no run {record_id} is going on")
    body, crc32 = found
    if not _is_whole(body, crc32):
        raise DraftDamaged(
            f"the draft of run {record_id} and its CRC do not fit: bits have changed"
        )
    rows = db.execute(
        "SELECT body, crc32 FROM journal WHERE record_id = ? ORDER BY rowid", (record_id,)
    ).fetchall()
    bodies = [body for body, crc32 in rows if _is_whole(body, crc32)]
    events = read_events(record_id, bodies)
    record = break_off(
        decode_run(body), events, verdict, why, whole_journal=len(events) == len(rows)
    )
    finish(db, signer, record)
    return record


def _is_whole(body: object, crc32: object) -> bool:
    """Tell whether a row has its own bytes still; one of an older version has no CRC."""
    return isinstance(body, bytes) and crc32 in (None, zlib.crc32(body))


def _set_aside(db: sqlite3.Connection, record_id: str) -> None:
    db.execute("UPDATE draft SET damaged = 'bits have changed' WHERE record_id = ?", (record_id,))
    intact.tell(db, Phrase("outbox.run_damaged", {"record": record_id[:64]}))

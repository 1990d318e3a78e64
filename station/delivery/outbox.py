"""Records on disk: what is being measured now, and what the host has not yet confirmed.

One SQLite file, one thread that writes it. What arrives while a commit is under way shares the
next one, so that eight slots cost hardly more than one, and an SD card is not worn out.
"""

import logging
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from records import Phrase, RunRecord, Verdict, decode_run, encode
from station.delivery.journal import POWER_CUT, Journalled, break_off, read_events
from station.engine.events import Event

log = logging.getLogger(__name__)

Result = TypeVar("Result")

SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    sequence INTEGER PRIMARY KEY, record_id TEXT UNIQUE NOT NULL, body BLOB NOT NULL,
    rejected TEXT);
CREATE TABLE IF NOT EXISTS draft (record_id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS journal (
    record_id TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO counter VALUES ('sequence', 0), ('delivered', 0);
"""


class OutboxError(Exception):
    """The disk took nothing. Says why and what to do."""


class Counts(NamedTuple):
    """`delivered` since the file was made; `rejected` are in the host's quarantine and here."""

    delivered: int
    waiting: int
    rejected: int


class Waiting(NamedTuple):
    """A record that waits for its receipt; `body` is its JSON as it is sent."""

    record_id: str
    body: bytes


class Outbox:
    """Keeps records on disk until the host's receipt; the broker's is not enough.

    Every method may be called from any thread. `begin`, `finish` and `receipt` return after the
    commit (WAL, synchronous FULL); what `note` is given is committed within `NOTE_INTERVAL_S`.
    """

    NOTE_INTERVAL_S = 0.25

    def __init__(self, path: Path, *, patience_s: float = 5.0) -> None:
        """Open the file. Raises `OutboxError` when there is no usable file at `path`.

        Another station on the same file is waited for during `patience_s`: it may be on its way
        out.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _open(path, patience_s)
        except (sqlite3.Error, OSError) as error:
            hint = (
                "; is another station running on the same data?" if "locked" in str(error) else ""
            )
            raise OutboxError(f"{path}: {error}{hint}") from error
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._notes: deque[tuple[str, bytes]] = deque()
        self._trouble = ""
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    def begin(self, draft: RunRecord) -> RunRecord:
        """Give the run its sequence number, and remember that it has begun."""
        return self._do(lambda db: _begin(db, draft))

    def note(self, record_id: str, event: Event) -> None:
        """Remember what a run has measured so far. Returns at once."""
        if isinstance(event, Journalled):
            self._notes.append((record_id, encode(event)))

    def finish(self, record: RunRecord) -> None:
        """Put a complete record into the outbox, and drop its journal."""
        self._do(lambda db: _finish(db, record))

    def recover(self) -> tuple[RunRecord, ...]:
        """Make a record of every run that was broken off, with what was measured."""
        return self._do(_recover)

    def break_off(self, record_id: str, reason: Phrase) -> RunRecord:
        """Put an ERROR record with what was measured into the outbox: the run cannot go on."""
        return self._do(lambda db: _break_off(db, record_id, Verdict.ERROR, reason))

    def waiting(self, limit: int = 100, *, but_not: Sequence[str] = ()) -> tuple[Waiting, ...]:
        """Return what waits, oldest first, without the rejected and without those in `but_not`."""
        return self._do(lambda db: _waiting(db, limit, but_not))

    def receipt(self, stored: Sequence[str], rejected: Sequence[tuple[str, str]] = ()) -> Counts:
        """Drop what the host has stored, and mark what it has `rejected` (id, reason)."""
        return self._do(lambda db: _receipt(db, stored, rejected))

    def offer_again(self) -> None:
        """Let what the host rejected wait again: it may have let go of it."""
        self._do(lambda db: db.execute("UPDATE outbox SET rejected = NULL"))

    def counts(self) -> Counts:
        """Return how many records were delivered, wait, and are rejected."""
        return self._do(_counts)

    def close(self) -> None:
        """Commit what there is, and end. Later calls raise `OutboxError`."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()
        self._db.close()

    def _do(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        job = _Job(work, Future())
        with self._door:
            if self._closed:
                raise OutboxError(f"{self.path}: closed")
            self._jobs.put(job)
        try:
            result: Result = job.future.result()
        except sqlite3.Error as error:
            raise OutboxError(f"{self.path}: {error}") from error
        return result

    def _write(self) -> None:
        going_on = True
        while going_on:
            batch: list[_Job] = []
            try:
                job = self._jobs.get(timeout=self.NOTE_INTERVAL_S)
                while True:
                    if job is None:
                        going_on = False
                    else:
                        batch.append(job)
                    job = self._jobs.get_nowait()
            except queue.Empty:
                pass
            notes = [self._notes.popleft() for _ in range(len(self._notes))]
            if batch or notes:
                self._commit(notes, batch)

    def _commit(self, notes: list[tuple[str, bytes]], batch: "list[_Job]") -> None:
        """Commit all in one transaction; where that fails, each on its own: none harms another."""
        try:
            results = self._transaction(notes, batch)
        except Exception as error:
            if len(batch) > 1 or (batch and notes):
                self._commit(notes, [])
                for job in batch:
                    self._commit([], [job])
            elif batch:
                batch[0].future.set_exception(error)
            elif notes:
                self._keep_for_later(notes, error)
            return
        if notes:
            self._trouble = ""
        for job, result in zip(batch, results, strict=True):
            job.future.set_result(result)

    def _keep_for_later(self, notes: list[tuple[str, bytes]], error: Exception) -> None:
        """Keep journal entries, in their order, until the disk takes them again."""
        self._notes.extendleft(reversed(notes))
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.warning("%s: the journal waits: %s", self.path, error)

    def _transaction(self, notes: list[tuple[str, bytes]], batch: "list[_Job]") -> list[Any]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if notes:
                self._db.executemany("INSERT INTO journal VALUES (?, ?)", notes)
            results = [job.work(self._db) for job in batch]
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return results


class _Job(NamedTuple):
    work: Callable[[sqlite3.Connection], Any]
    future: "Future[Any]"


def _open(path: Path, patience_s: float) -> sqlite3.Connection:
    """Return the database, which is this process's alone. Raises `sqlite3.Error`."""
    db = sqlite3.connect(path, timeout=patience_s, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
    except BaseException:
        db.close()
        raise
    return db


def _begin(db: sqlite3.Connection, draft: RunRecord) -> RunRecord:
    db.execute("UPDATE counter SET value = value + 1 WHERE name = 'sequence'")
    (sequence,) = db.execute("SELECT value FROM counter WHERE name = 'sequence'").fetchone()
    numbered = msgspec.structs.replace(draft, sequence=sequence)
    db.execute("INSERT INTO draft VALUES (?, ?)", (numbered.record_id, encode(numbered)))
    return numbered


def _finish(db: sqlite3.Connection, record: RunRecord) -> None:
    db.execute(
        "INSERT INTO outbox (sequence, record_id, body) VALUES (?, ?, ?)"
        " ON CONFLICT (record_id) DO NOTHING",
        (record.sequence, record.record_id, encode(record)),
    )
    db.execute("DELETE FROM draft WHERE record_id = ?", (record.record_id,))
    db.execute("DELETE FROM journal WHERE record_id = ?", (record.record_id,))


def _recover(db: sqlite3.Connection) -> tuple[RunRecord, ...]:
    recovered = []
    for (record_id,) in db.execute("SELECT record_id FROM draft ORDER BY rowid").fetchall():
        try:
            recovered.append(_break_off(db, record_id, Verdict.ABORTED, POWER_CUT))
        except msgspec.MsgspecError:
            log.exception("run %s was broken off and cannot be read; it stays as it is", record_id)
    db.execute("DELETE FROM journal WHERE record_id NOT IN (SELECT record_id FROM draft)")
    return tuple(recovered)


def _break_off(db: sqlite3.Connection, record_id: str, verdict: Verdict, why: Phrase) -> RunRecord:
    found = db.execute("SELECT body FROM draft WHERE record_id = ?", (record_id,)).fetchone()
    if found is None:
        raise LookupError(f"no run {record_id} is going on")
    rows = db.execute("SELECT body FROM journal WHERE record_id = ? ORDER BY rowid", (record_id,))
    events = read_events(record_id, (row for (row,) in rows))
    record = break_off(decode_run(found[0]), events, verdict, why)
    _finish(db, record)
    return record


def _waiting(db: sqlite3.Connection, limit: int, but_not: Sequence[str]) -> tuple[Waiting, ...]:
    rows = db.execute(
        "SELECT record_id, body FROM outbox WHERE rejected IS NULL ORDER BY sequence LIMIT ?",
        (limit + len(but_not),),
    )
    passed_over = frozenset(but_not)
    return tuple(Waiting(*row) for row in rows if row[0] not in passed_over)[:limit]


def _receipt(
    db: sqlite3.Connection, stored: Sequence[str], rejected: Sequence[tuple[str, str]]
) -> Counts:
    for record_id in stored:
        gone = db.execute("DELETE FROM outbox WHERE record_id = ?", (record_id,)).rowcount
        db.execute("UPDATE counter SET value = value + ? WHERE name = 'delivered'", (gone,))
    for record_id, reason in rejected:
        db.execute("UPDATE outbox SET rejected = ? WHERE record_id = ?", (reason, record_id))
    return _counts(db)


def _counts(db: sqlite3.Connection) -> Counts:
    (delivered,) = db.execute("SELECT value FROM counter WHERE name = 'delivered'").fetchone()
    waiting, rejected = db.execute(
        "SELECT count(*) FILTER (WHERE rejected IS NULL), count(rejected) FROM outbox"
    ).fetchone()
    return Counts(delivered, waiting, rejected)

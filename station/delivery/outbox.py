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

from records import Head, Phrase, Receipt, Request, RunRecord, Verdict, encode
from records.messages import EventRecord, PublicKey
from records.run import Attachment
from station.delivery import (
    attachments,
    drafts,
    intact,
    keeping,
    known,
    opening,
    room,
    signer,
    tables,
)
from station.delivery.attachments import Piece
from station.delivery.journal import Journalled
from station.delivery.keeping import Counts, Keep, KeyUnusable, OutboxError, Waiting
from station.delivery.known import KnownFile
from station.delivery.repair import aside, salvage
from station.delivery.room import Room
from station.delivery.signer import Signer
from station.engine.events import Event

log = logging.getLogger(__name__)

Result = TypeVar("Result")


__all__ = ["Counts", "Keep", "KeyUnusable", "Outbox", "OutboxError", "Waiting"]

KEEP = Keep()


class Outbox:
    """Keeps records on disk until the host's receipt; the broker's is not enough.

    Every method may be called from any thread. `begin`, `finish` and `receipt` return after the
    commit (WAL, synchronous FULL); what `note` is given is committed within `NOTE_INTERVAL_S`.
    Each record is signed and chained in the transaction that stores it; what was delivered stays
    for as long as `keep` says.
    """

    NOTE_INTERVAL_S = 0.25

    def __init__(self, path: Path, *, keep: Keep = KEEP, patience_s: float = 5.0) -> None:
        """Open the file. Raises `OutboxError` when there is no usable file at `path`.

        The station's key is beside it. Another station on the same file is waited for during
        `patience_s`: it may be on its way out.
        """
        self.path = path
        self._keep = keep
        self._patience_s = patience_s
        self._signer = Signer(path.parent)
        self._blobs = path.parent / attachments.FOLDER
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._room = Room(path.parent, round(keep.least_free_mib * keeping.MIB))
            try:
                self._db = opening.open_file(path, patience_s)
            except sqlite3.Error as error:
                if not (room.is_full(error) and self._room.release()):
                    raise
                self._db = opening.open_file(path, patience_s)
            self._known = KnownFile(path.parent)
            self._known.write(opening.now_known(self._db))
            aside.tidy(path, self._db, keep.days, keep.mib * keeping.MIB)
        except (sqlite3.Error, OSError, tables.TooNew) as error:
            locked = opening.is_locked(error)
            why = "outbox.in_use" if locked else "outbox.failed"
            raise OutboxError(why, place=str(path), error=str(error)) from error
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._notes: deque[tuple[str, bytes]] = deque()
        self._trouble = ""
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    def begin(self, draft: RunRecord, plan: bytes = b"") -> RunRecord:
        """Give the run its sequence number, and remember that it has begun.

        `plan` is the record of its plan, which waits for delivery from now on unless it was there
        already. Nothing begins without a key: its record could not be signed.
        """
        if full := self._full():
            raise OutboxError(full.id, **full.values)
        self._key()
        return self._do(lambda db: drafts.begin(db, self._signer, draft, plan))

    def note(self, record_id: str, event: Event) -> None:
        """Remember what a run has measured so far. Returns at once."""
        if isinstance(event, Journalled):
            self._notes.append((record_id, encode(event)))

    def finish(self, record: RunRecord) -> None:
        """Put a complete record into the outbox, and drop its journal."""
        self._do(lambda db: drafts.finish(db, self._signer, record))

    def recover(self) -> tuple[RunRecord, ...]:
        """Make a record of every run that was broken off, with what was measured.

        Raises `KeyUnusable` where there is one and it cannot be signed: it stays for another time.
        """
        if self._do(drafts.broken_off):
            self._key()
        return self._do(lambda db: drafts.recover(db, self._signer))

    def break_off(self, record_id: str, reason: Phrase) -> RunRecord:
        """Put an ERROR record with what was measured into the outbox: the run cannot go on."""
        return self._do(
            lambda db: drafts.break_off_run(db, self._signer, record_id, Verdict.ERROR, reason)
        )

    def add(self, event: EventRecord) -> None:
        """Put something that happened to a unit besides a run into the outbox."""
        self._key()
        self._do(
            lambda db: self._signer.store(
                db, event.record_id, "event", event.station, encode(event)
            )
        )

    def waiting(self, limit: int = 100, *, but_not: Sequence[str] = ()) -> tuple[Waiting, ...]:
        """Return what waits, oldest first, without the rejected and without those in `but_not`."""
        return self._do(lambda db: keeping.waiting(db, limit, but_not, self.path.parent))

    def runs(self, before_id: int | None, limit: int) -> tuple[tuple[int, bytes], ...]:
        """Return number and message of runs that are still here, the newest first."""
        return self._do(lambda db: keeping.runs(db, before_id, limit))

    def stations(self) -> frozenset[str]:
        """Return the names of the stations that what waits names."""
        return self._do(keeping.stations)

    def receipt(self, receipt: Receipt) -> list[str]:
        """Take in what the host holds. Return the ids of the records that it settles.

        A record leaves the way when the host's digest is that of the message as it was sent.
        """
        return self._do(lambda db: _receipt(db, receipt, self._keep))

    def send_again(self, request: Request) -> int:
        """Let what the host asks for wait again. Return how many records are still here."""
        return self._do(lambda db: _send_again(db, request))

    def offer_again(self) -> None:
        """Let what the host rejected wait again: it may have let go of it."""
        self._do(_offer_again)

    def counts(self) -> Counts:
        """Return how many records were delivered, wait, and are rejected."""
        return self._do(keeping.counts)

    def troubles(self) -> tuple[Phrase, ...]:
        """Return what a person should know of this outbox; nothing while all is well."""
        full = self._full()
        return ((full,) if full else ()) + self._do(intact.troubles)

    def head(self) -> Head | None:
        """Return how far the chain has come."""
        return self._do(signer.head)

    def public_key(self, station: str) -> PublicKey:
        """Return the key that the records are verified with."""
        self._key()
        try:
            return self._signer.public_key(station)
        except Exception as error:  # as in `_key`
            raise KeyUnusable("outbox.key_unusable", error=str(error)) from error

    def attach(self, name: str, data: bytes, media_type: str = "") -> Attachment:
        """Keep a photograph or document for a record, and let it wait for its delivery.

        Raises `OutboxError` where the disk, or the room that `keep` gives, takes no more.
        """
        try:
            sha256 = attachments.write(self._blobs, data)
        except OSError as error:
            raise keeping.failed(self._blobs, error) from error
        one = Attachment(name=name, sha256=sha256, size_bytes=len(data), media_type=media_type)
        quota_bytes = self._keep.attachments_mib * keeping.MIB
        try:
            self._do(lambda db: attachments.add(db, self._blobs, one, quota_bytes))
        except attachments.NoRoom as error:
            raise keeping.failed(self._blobs, error) from error
        return one

    def next_piece(self) -> Piece | None:
        """Return the piece of an attachment that is to be sent next."""
        return self._do(lambda db: attachments.next_piece(db, self._blobs))

    def close(self) -> None:
        """Commit what there is, and end. Later calls raise `OutboxError`."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()
        self._db.close()
        self._known.close()

    def _full(self) -> Phrase | None:
        """Return that the disk is full, where letting go of what was delivered is not enough."""
        full = self._room.trouble()
        if full is None or full.id != room.DISK_FULL:
            return full
        try:
            return self._room.trouble(self._do(self._make_room))
        except OutboxError:
            return full

    def _make_room(self, db: sqlite3.Connection) -> int:
        attachments.let_delivered_go(db, self._blobs)
        return keeping.make_room(db, self._room.wanted_bytes)

    def _key(self) -> None:
        """Load the station's key, or raise `KeyUnusable`."""
        try:
            self._signer.load()
        except Exception as error:  # `KeyTrouble`; its module is not imported before it is needed
            raise KeyUnusable("outbox.key_unusable", error=str(error)) from error

    def _do(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        job = _Job(work, Future())
        with self._door:
            if self._closed:
                raise keeping.failed(self.path, "closed")
            self._jobs.put(job)
        try:
            result: Result = job.future.result()
        except sqlite3.Error as error:
            raise keeping.failed(self.path, error) from error
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

    def _commit(
        self, notes: list[tuple[str, bytes]], batch: "list[_Job]", *, again: bool = False
    ) -> None:
        """Commit all in one transaction; where that fails, each on its own: none harms another."""
        try:
            results = self._transaction(notes, batch)
            if batch:
                self._known.write(opening.now_known(self._db))
        except Exception as error:
            if room.is_full(error) and not again and self._room.release():
                self._commit(notes, batch, again=True)
                return
            if (
                isinstance(error, sqlite3.Error)
                and opening.is_damage(error)
                and not again
                and self._renew(error)
            ):
                self._commit(notes, batch, again=True)
                return
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

    def _renew(self, why: Exception) -> bool:
        """Put a new file in the place of a damaged one. Return whether that was possible."""
        self._db.close()
        try:
            salvage.renew(self.path, known.read(self.path.parent), str(why))
        except (OSError, sqlite3.Error):
            log.exception("%s: nothing could be put in its place", self.path)
        else:
            self._signer.open_chain()
        try:
            self._db = opening.open_file(self.path, self._patience_s)
        except (OSError, sqlite3.Error, tables.TooNew):
            log.exception("%s: cannot be opened again", self.path)
            return False
        return True

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
                drafts.note(self._db, notes)
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


def _receipt(db: sqlite3.Connection, receipt: Receipt, keep: Keep) -> list[str]:
    settled = keeping.settle(db, receipt)
    for held in receipt.attachments:
        attachments.settle(db, held)
    keeping.prune(db, keep)
    return settled


def _send_again(db: sqlite3.Connection, request: Request) -> int:
    for sha256 in request.attachments:
        attachments.send_again(db, sha256)
    return keeping.send_again(db, request)


def _offer_again(db: sqlite3.Connection) -> None:
    db.execute("UPDATE outbox SET rejected = NULL")
    attachments.offer_again(db)

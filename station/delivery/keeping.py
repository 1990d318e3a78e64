"""Records after their receipt: they are kept for a while, and can be asked for again."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from records.messages import Receipt, Request
from records.words import Phrase, Value
from station.delivery import intact, room

log = logging.getLogger(__name__)

MIB = 1024 * 1024
DAY_S = 86400.0
_CLOCK_IS_SET_S = 1_767_225_600.0  # 2026-01-01: a Pi without a network begins in 1970
PRUNED_AT_ONCE = 2000
_LAST = 2**63 - 1  # the largest position that SQLite takes
_RECORDS = "kind <> 'plan'"


class OutboxError(Exception):
    """The disk took nothing. `phrase` says why and what to do."""

    def __init__(self, id: str, **values: Value) -> None:
        self.phrase = Phrase(id, values)
        super().__init__(self.phrase.words)


def failed(place: Path, error: object) -> OutboxError:
    """Return what SQLite or the system says as an error of the outbox."""
    if room.has_no_room(error):
        folder = place.parent if place.suffix else place
        return OutboxError("outbox.no_room", place=str(folder))
    return OutboxError("outbox.failed", place=str(place), error=str(error))


class KeyUnusable(OutboxError):
    """Nothing can be signed, so nothing new is kept; what waits can still be delivered."""


class Keep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The time and room for records at the station after the host has stored them.

    A restored host can ask for them again. Beyond either limit the oldest go first; what waits for
    its receipt is never thrown away, and plans stay. An outbox that was set aside as damaged is
    kept as long, and longer while it has the only copy of something. `attachments_mib` is the room
    for photographs and other attachments, also for those that wait. With less than `least_free_mib`
    on the disk, delivered records go before their time, and where that is not enough no run begins.
    """

    days: float = 31.0
    mib: float = 512.0
    attachments_mib: float = 2048.0
    least_free_mib: float = 64.0  # docs/reliability.md says what it is made of

    def __post_init__(self) -> None:
        for name in ("days", "mib", "attachments_mib", "least_free_mib"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, and cannot be negative")


class Counts(NamedTuple):
    """`delivered` since the file was made; `rejected` are in the host's quarantine and here."""

    delivered: int
    waiting: int
    rejected: int


class Waiting(NamedTuple):
    """A record that waits for its receipt: the message as it is sent, and the station it names."""

    record_id: str
    body: bytes
    station: str
    sha256: str


def waiting(
    db: sqlite3.Connection, limit: int, but_not: Sequence[str], folder: Path
) -> tuple[Waiting, ...]:
    """Return what waits, oldest first, without the rejected and without those in `but_not`.

    A message that is damaged is set aside, and is not among them. The keys are in `folder`.
    """
    rows = db.execute(
        f"SELECT {intact.COLUMNS} FROM outbox LEFT JOIN message USING (id) WHERE delivered_at IS"
        " NULL AND rejected IS NULL AND damaged IS NULL ORDER BY id LIMIT ?",
        (limit + len(but_not),),
    ).fetchall()
    passed_over = frozenset(but_not)
    some: list[Waiting] = []
    for found in map(intact.Row._make, rows):
        if found.record_id in passed_over or len(some) == limit:
            continue
        row = intact.checked(db, found, folder)
        if row is not None and row.record_id not in passed_over:
            some.append(Waiting(row.record_id, row.body, row.station, row.sha256))
    return tuple(some)


def runs(
    db: sqlite3.Connection, before_id: int | None, limit: int
) -> tuple[tuple[int, bytes], ...]:
    """Return number and message of runs that are kept here, the newest first.

    `before_id` is the number that the page before ended with; None for the first page.
    """
    rows = db.execute(
        "SELECT id, body FROM outbox JOIN message USING (id)"
        " WHERE kind = 'run' AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
        (before_id, before_id, limit),
    )
    return tuple(rows)


def stations(db: sqlite3.Connection) -> frozenset[str]:
    """Return the names of the stations that what waits names; one that was renamed has several."""
    rows = db.execute("SELECT DISTINCT station FROM outbox WHERE delivered_at IS NULL")
    return frozenset(name for (name,) in rows if name)


def settle(db: sqlite3.Connection, receipt: Receipt) -> list[str]:
    """Take in a receipt. Return the ids that it settles; what does not match is sent again.

    The host's word counts where it names the very message that is here.
    """
    settled = []
    now_s = time.time()
    for stored in receipt.stored:
        row = _named(db, stored.record_id)
        if row is None or row.delivered:
            settled.append(stored.record_id)
        elif row.sha256 != stored.sha256:
            log.error(
                "the host stored record %.64r with other content (%.64s, here %s): sent again",
                stored.record_id,
                stored.sha256,
                row.sha256,
            )
        else:
            db.execute(
                "UPDATE outbox SET delivered_at = ?, rejected = NULL, damaged = NULL WHERE id = ?",
                (now_s, row.id),
            )
            _count_record(db, row.kind, row.size_bytes, 1)
            settled.append(stored.record_id)
    for refused in receipt.rejected:
        row = _named(db, refused.record_id)
        log.error(
            "the host holds record %.64r in quarantine: %.200r", refused.record_id, refused.reason
        )
        if row is not None and not row.delivered and refused.sha256 in ("", row.sha256):
            db.execute("UPDATE outbox SET rejected = ? WHERE id = ?", (refused.reason, row.id))
        settled.append(refused.record_id)
    return settled


def prune(db: sqlite3.Connection, keep: Keep) -> int:
    """Let go of delivered records beyond the time and the budget. Return how many."""
    now_s, gone = time.time(), 0
    oldest = db.execute(
        "SELECT id, size_bytes, delivered_at FROM outbox"
        f" WHERE delivered_at IS NOT NULL AND {_RECORDS} ORDER BY delivered_at, id LIMIT 1000"
    ).fetchall()
    kept_bytes = _counter(db, "kept_bytes")
    for row_id, size_bytes, delivered_at in oldest:
        known = delivered_at > _CLOCK_IS_SET_S
        late = known and now_s - delivered_at > keep.days * DAY_S
        if not late and kept_bytes <= keep.mib * MIB:
            if known:
                break
            continue  # its age is not known, and says nothing of those after it
        db.execute("DELETE FROM outbox WHERE id = ?", (row_id,))
        db.execute("DELETE FROM message WHERE id = ?", (row_id,))
        kept_bytes -= size_bytes
        gone += 1
    _count(db, "kept_bytes", kept_bytes - _counter(db, "kept_bytes"))
    return gone


def make_room(db: sqlite3.Connection, wanted_bytes: int) -> int:
    """Let delivered records go before their time, oldest first, as the disk has no room.

    Return the bytes that are free inside the file then: new records take them before the file
    grows. It stops at `wanted_bytes`, and after `PRUNED_AT_ONCE` records: more go the next time.
    """
    delivered = f"SELECT id, size_bytes FROM outbox WHERE delivered_at IS NOT NULL AND {_RECORDS}"
    oldest = db.execute(f"{delivered} ORDER BY delivered_at, id LIMIT {PRUNED_AT_ONCE}").fetchall()
    for number, (row_id, size_bytes) in enumerate(oldest):
        if number % 50 == 0 and _free_inside_bytes(db) >= wanted_bytes:
            break
        db.execute("DELETE FROM outbox WHERE id = ?", (row_id,))
        db.execute("DELETE FROM message WHERE id = ?", (row_id,))
        _count(db, "kept_bytes", -size_bytes)
    return _free_inside_bytes(db)


def _free_inside_bytes(db: sqlite3.Connection) -> int:
    (pages,) = db.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(page_bytes)


def send_again(db: sqlite3.Connection, request: Request) -> int:
    """Let what the host asks for wait again, where it is still here. Return how many records."""
    chosen: list[tuple[int, int, str]] = []
    columns = "SELECT id, size_bytes, kind FROM outbox WHERE delivered_at IS NOT NULL"
    for wanted in request.records:
        chosen += db.execute(
            f"{columns} AND chain = ? AND position BETWEEN ? AND ?",
            (wanted.chain, *(max(0, min(_LAST, one)) for one in (wanted.first, wanted.last))),
        )
    for sha256 in request.plans:
        chosen += db.execute(f"{columns} AND kind = 'plan' AND record_id = ?", (sha256,))
    for row_id, size_bytes, kind in dict.fromkeys(chosen):
        db.execute("UPDATE outbox SET delivered_at = NULL WHERE id = ?", (row_id,))
        _count_record(db, kind, size_bytes, -1)
    return len(set(chosen))


def counts(db: sqlite3.Connection) -> Counts:
    """Count the records; plans are none, and damaged ones do not wait."""
    waits, rejected = db.execute(
        "SELECT count(*) FILTER (WHERE rejected IS NULL), count(rejected) FROM outbox"
        f" WHERE delivered_at IS NULL AND damaged IS NULL AND {_RECORDS}"
    ).fetchone()
    return Counts(_counter(db, "delivered"), waits, rejected)


class _Row(NamedTuple):
    id: int
    kind: str
    sha256: str
    size_bytes: int
    delivered: bool


def _named(db: sqlite3.Connection, record_id: str) -> _Row | None:
    row = db.execute(
        "SELECT id, kind, sha256, size_bytes, delivered_at IS NOT NULL FROM outbox"
        " WHERE record_id = ?",
        (record_id,),
    ).fetchone()
    return _Row(*row) if row else None


def _counter(db: sqlite3.Connection, name: str) -> int:
    (value,) = db.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
    return int(value)


def _count(db: sqlite3.Connection, name: str, more: int) -> None:
    db.execute("UPDATE counter SET value = value + ? WHERE name = ?", (more, name))


def _count_record(db: sqlite3.Connection, kind: str, size_bytes: int, more: int) -> None:
    """Count a record; a plan is none: it stays, and its delivery is not waited for."""
    if kind != "plan":
        _count(db, "kept_bytes", more * size_bytes)
        _count(db, "delivered", more)

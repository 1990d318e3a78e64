"""Photographs and other attachments: files named by their SHA-256, sent in pieces.

The database knows how much of each the host holds; the bytes are files in a folder beside it. A
record names its attachments, and travels without waiting for them.
"""

import contextlib
import hashlib
import logging
import os
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from records.messages import LONGEST_PIECE_BYTES, Held, PieceHead, piece
from records.run import Attachment

log = logging.getLogger(__name__)

FOLDER = "attachments"


class NoRoom(Exception):
    """The quota takes no more: what waits fills it."""


class Piece(NamedTuple):
    """The next piece of an attachment, as it is sent."""

    sha256: str
    offset_bytes: int
    message: bytes


def write(folder: Path, data: bytes) -> str:
    """Write the bytes to their file, whole or not at all; return their SHA-256."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / sha256
    if path.exists() and path.stat().st_size == len(data):
        return sha256
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{sha256}.{os.getpid()}"
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return sha256


def add(db: sqlite3.Connection, folder: Path, one: Attachment, quota_bytes: float) -> None:
    """Let an attachment wait for its delivery; delivered ones make room. Raises `NoRoom`."""
    known = "SELECT 1 FROM attachment WHERE sha256 = ?"
    if db.execute(known, (one.sha256,)).fetchone():
        return
    make_room(db, folder, quota_bytes - one.size_bytes)
    db.execute(
        "INSERT INTO attachment (sha256, size_bytes, media_type) VALUES (?, ?, ?)",
        (one.sha256, one.size_bytes, one.media_type),
    )


def make_room(db: sqlite3.Connection, folder: Path, quota_bytes: float) -> None:
    """Drop delivered attachments, oldest first, until the rest fits. Raises `NoRoom`."""
    (size_bytes,) = db.execute("SELECT coalesce(sum(size_bytes), 0) FROM attachment").fetchone()
    delivered = db.execute(
        "SELECT sha256, size_bytes FROM attachment WHERE delivered_at IS NOT NULL"
        " ORDER BY delivered_at"
    ).fetchall()
    gone = []
    for sha256, its_bytes in delivered:
        if size_bytes <= quota_bytes:
            break
        gone.append(sha256)
        size_bytes -= its_bytes
    if size_bytes > quota_bytes:
        raise NoRoom(f"attachments that wait for the host have {size_bytes} bytes already")
    for sha256 in gone:
        db.execute("DELETE FROM attachment WHERE sha256 = ?", (sha256,))
        with contextlib.suppress(OSError):
            (folder / sha256).unlink(missing_ok=True)


def let_delivered_go(db: sqlite3.Connection, folder: Path) -> None:
    """Drop every attachment that the host holds whole, as the disk has no room."""
    delivered = db.execute("SELECT sha256 FROM attachment WHERE delivered_at IS NOT NULL")
    for (sha256,) in delivered.fetchall():
        db.execute("DELETE FROM attachment WHERE sha256 = ?", (sha256,))
        with contextlib.suppress(OSError):
            (folder / sha256).unlink(missing_ok=True)


def next_piece(db: sqlite3.Connection, folder: Path) -> Piece | None:
    """Return the next piece of the oldest attachment that waits.

    One whose file is not there, or is another, is refused, so that it holds up no other.
    """
    rows = db.execute(
        "SELECT sha256, size_bytes, media_type, held_bytes FROM attachment"
        " WHERE delivered_at IS NULL AND refused IS NULL ORDER BY rowid"
    ).fetchall()
    for sha256, size_bytes, media_type, held_bytes in rows:
        try:
            with (folder / sha256).open("rb") as file:
                file.seek(held_bytes)
                data = file.read(LONGEST_PIECE_BYTES)
                whole = file.seek(0, os.SEEK_END) == size_bytes
        except OSError as error:
            why = f"its file cannot be read at the station: {error.strerror}"
        else:
            if whole:
                head = PieceHead(
                    sha256=sha256,
                    size_bytes=size_bytes,
                    offset_bytes=held_bytes,
                    media_type=media_type,
                )
                return Piece(sha256, held_bytes, piece(head, data))
            why = f"its file at the station has not {size_bytes} bytes"
        log.error("attachment %s is not sent: %s", sha256, why)
        db.execute("UPDATE attachment SET refused = ? WHERE sha256 = ?", (why, sha256))
    return None


def settle(db: sqlite3.Connection, held: Held) -> None:
    """Take in how much of an attachment the host holds: it goes on from there."""
    row = db.execute(
        "SELECT size_bytes FROM attachment WHERE sha256 = ? AND delivered_at IS NULL",
        (held.sha256,),
    ).fetchone()
    if row is None:
        return
    (size_bytes,) = row
    held_bytes = min(max(held.held_bytes, 0), size_bytes)
    delivered_at = time.time() if held_bytes == size_bytes and not held.refused else None
    if held.refused:
        log.error("the host refuses attachment %s: %.200r", held.sha256, held.refused)
    db.execute(
        "UPDATE attachment SET held_bytes = ?, refused = ?, delivered_at = ? WHERE sha256 = ?",
        (held_bytes, held.refused or None, delivered_at, held.sha256),
    )


def send_again(db: sqlite3.Connection, sha256: str) -> int:
    """Let an attachment wait again, from its beginning. Return whether it is here."""
    return db.execute(
        "UPDATE attachment SET held_bytes = 0, refused = NULL, delivered_at = NULL"
        " WHERE sha256 = ?",
        (sha256,),
    ).rowcount


def offer_again(db: sqlite3.Connection) -> None:
    """Let what was refused wait again: the host may have more room, the file may be back."""
    db.execute("UPDATE attachment SET refused = NULL WHERE delivered_at IS NULL")

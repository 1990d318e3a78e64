"""The room on the outbox's disk: a floor below which no run begins, and ballast that is let go.

A disk that is full takes no receipt either, and then nothing that was delivered could make room.
The ballast is a file that holds a little room for that; it is made again once there is room.
"""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from records.words import Phrase

log = logging.getLogger(__name__)

NAME = "outbox.ballast"
DISK_FULL = "outbox.disk_full"
MIB = 1024 * 1024
MOST_BALLAST_BYTES = 8 * MIB


class Room:
    """Watches the disk of a folder. A floor of 0 bytes watches nothing, and keeps no ballast."""

    def __init__(self, folder: Path, floor_bytes: int) -> None:
        self._folder = folder
        self._ballast = folder / NAME
        self._log = folder / "outbox.db-wal"
        self._floor_bytes = floor_bytes
        self._ballast_bytes = min(MOST_BALLAST_BYTES, floor_bytes // 4)

    @property
    def wanted_bytes(self) -> int:
        """The room that delivered records are let go for: the floor, and the ballast beside it."""
        return self._floor_bytes + self._ballast_bytes

    def trouble(self, inside_bytes: int = 0) -> Phrase | None:
        """Return that the disk is full, and what to do; None while there is room.

        `inside_bytes` are free inside the outbox's file. They count while SQLite's log, which is
        written over again and again, has its room, too: in its file, in the ballast, or free.
        """
        if not self._floor_bytes:
            return None
        try:
            free_bytes = self._free_bytes()
        except OSError as error:
            values = {"place": str(self._folder), "error": str(error.strerror)}
            return Phrase("outbox.failed", dict(values))
        log_bytes = free_bytes + _size_bytes(self._ballast) + _size_bytes(self._log)
        if log_bytes >= self._ballast_bytes:
            free_bytes += inside_bytes
        if free_bytes < self._floor_bytes:
            return Phrase(
                DISK_FULL,
                {
                    "free_mib": free_bytes // MIB,
                    "least_mib": self._floor_bytes / MIB,
                    "folder": str(self._folder),
                },
            )
        if free_bytes >= self._floor_bytes + self._ballast_bytes:
            self._take_on()
        return None

    def release(self) -> bool:
        """Let the ballast go. Return whether there was any."""
        try:
            self._ballast.unlink()
        except OSError:
            return False
        log.error("%s: the disk is full, and the ballast is let go", self._folder)
        return True

    def _free_bytes(self) -> int:
        told = os.statvfs(self._folder)
        return told.f_bavail * told.f_frsize

    def _take_on(self) -> None:
        with contextlib.suppress(FileExistsError):
            handle = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
            try:
                os.posix_fallocate(handle, 0, self._ballast_bytes)
            except OSError as error:
                log.warning("%s: no ballast: %s", self._ballast, error)
                self._ballast.unlink(missing_ok=True)
            finally:
                os.close(handle)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def is_full(error: Exception) -> bool:
    """Tell whether SQLite could not write, as it says of a full disk in one of three ways."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


def has_no_room(error: object) -> bool:
    """Tell whether SQLite says in so many words that the disk is full."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_FULL

"""The room on the disk of the host's data: a floor below which nothing is taken, and ballast.

Nothing is acknowledged that is not stored: below the floor records stay with the broker and their
stations, and come by themselves once there is room. The ballast is a file that is let go below the
floor, so that what is stored already can be derived, and a purge or a checkpoint finds room.
"""

import contextlib
import logging
import os
from pathlib import Path

from host_agent.store.errors import FullError

log = logging.getLogger(__name__)

NAME = "host.ballast"
MIB = 1024 * 1024
MOST_BALLAST_BYTES = 32 * MIB


class Room:
    """Watches the disk of a folder. A floor of 0 bytes watches nothing, and keeps no ballast."""

    def __init__(self, folder: Path | None, floor_bytes: int) -> None:
        self._folder = folder
        self.floor_bytes = floor_bytes if folder is not None else 0
        self._ballast_bytes = min(MOST_BALLAST_BYTES, self.floor_bytes // 4)
        self._full = False

    def free_bytes(self) -> int | None:
        """Return the free room for the host's user; None where there is no folder."""
        if self._folder is None or not self._folder.exists():
            return None
        told = os.statvfs(self._folder)
        return told.f_bavail * told.f_frsize

    def trouble(self) -> str:
        """Return in words that the disk is full, and what to do; empty while there is room."""
        free_bytes = self.free_bytes() if self.floor_bytes else None
        if free_bytes is None or free_bytes >= self.floor_bytes:
            return ""
        return (
            f"Disk full: {free_bytes // MIB} MiB are free in {self._folder}, and nothing is taken"
            f" below {self.floor_bytes / MIB:g} MiB; stations keep their records. Make room, or"
            " give the host a larger disk: it goes on by itself"
        )

    def check(self) -> None:
        """Check that there is room to take more. Raises `FullError`, and lets the ballast go.

        It takes ballast on again once there is room for it beside the floor.
        """
        if not self.floor_bytes or self._folder is None:
            return
        if trouble := self.trouble():
            if not self._full:
                log.error("%s", trouble)
            self._full = True
            self.release()
            raise FullError(trouble)
        if self._full:
            log.warning("%s: there is room again", self._folder)
            self._full = False
        free_bytes = self.free_bytes()
        if free_bytes is not None and free_bytes >= self.floor_bytes + self._ballast_bytes:
            self._take_on(self._folder / NAME)

    def release(self) -> None:
        """Let the ballast go, where there is any."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                (self._folder / NAME).unlink()

    def _take_on(self, path: Path) -> None:
        if path.exists():
            return
        with contextlib.suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._ballast_bytes)
            except OSError as error:
                log.warning("%s: no ballast: %s", path, error)
                path.unlink(missing_ok=True)
            finally:
                os.close(handle)

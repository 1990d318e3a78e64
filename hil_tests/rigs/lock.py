"""One run at a time on one rig."""

import fcntl
import getpass
import os
import tempfile
from datetime import datetime
from pathlib import Path

RUN_LOCK = Path("/run/lock")  # FHS 3.0, 5.9; gone after a boot, as every run is


class RigInUse(Exception):
    """Another run holds the rig. The message says which."""


def lock_path(station: str) -> Path:
    """Return the file that all runs on that station lock, from any account and any folder."""
    folder = RUN_LOCK if os.access(RUN_LOCK, os.W_OK) else Path(tempfile.gettempdir())
    return folder / f"pace-rig-{station}.lock"


class RigLock:
    """A lock file. The kernel lets go of it when its process ends, however that happens.

    Its text names the holder, and means nothing once the lock is free. The file itself stays: a
    program that removed it could remove another's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise `RigInUse` when another run holds it. Never waits."""
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise RigInUse(f"{self.path}: held by {holder or 'another program'}") from error
        self._descriptor = descriptor
        self._say(f"process {os.getpid()} of {getpass.getuser()}, since {datetime.now():%F %T}\n")

    def release(self) -> None:
        """Give the lock back; without holding it this does nothing."""
        if self._descriptor is None:
            return
        self._say("")
        os.close(self._descriptor)
        self._descriptor = None

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            os.fchmod(descriptor, 0o666)  # whatever the umask: others lock it, too
            return descriptor

    def _say(self, text: str) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)

"""A disk that outlives its machines, and what is on it when the power is gone."""

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import NamedTuple

from records.signing import split
from virtual_rig.installed import image, write_log
from virtual_rig.installed.write_log import Replayed


class Disk:
    """Survives its machines. Each gets a copy to work on, and a log of what it writes and flushes:
    what the disk keeps when the power is cut is what the log says was flushed."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.kept = folder / "disk"
        self._in_use = folder / "disk-in-use"
        self._log = folder / "disk-log"
        copy_disk(original, self.kept)

    def options(self) -> list[str]:
        """Return QEMU's options. Nothing has to outlive the host, so its disk is not waited for."""
        copy_disk(self.kept, self._in_use)
        self._log.write_bytes(b"")
        unhurried = "driver=file,cache.no-flush=on"
        return [
            *("-blockdev", f"{unhurried},node-name=in-use,filename={self._in_use}"),
            *("-blockdev", f"{unhurried},node-name=log,filename={self._log}"),
            *("-blockdev", "driver=blklogwrites,node-name=disk,file=in-use,log=log"),
            *("-device", "virtio-blk-pci,drive=disk"),
        ]

    def lose_power(self) -> Replayed:
        return write_log.replay(self._log, self.kept)


def copy_disk(disk: Path, copy: Path) -> None:
    subprocess.run(["cp", "--sparse=always", disk, copy], check=True)


class OnDisk(NamedTuple):
    """The outbox of a station without power: sequence numbers."""

    waiting: list[int]
    broken_off: list[int]


def outbox_on(disk: Path, scratch: Path) -> OnDisk:
    """Read a copy, after what the next mount would do to it. Raises `CommandFailed`."""
    copy = scratch / "disk-looked-at"
    copy_disk(disk, copy)
    subprocess.run(["/sbin/e2fsck", "-p", copy], check=False, stdout=subprocess.DEVNULL)
    for end in ("", "-wal"):
        image.read(copy, f"/var/lib/pace-station/outbox.db{end}", scratch / f"outbox.db{end}")
    copy.unlink()
    outbox = sqlite3.connect(scratch / "outbox.db")
    try:
        query = "SELECT body FROM outbox JOIN message USING (id) WHERE delivered_at IS NULL"
        messages = [split(row[0]).record for row in outbox.execute(f"{query} AND kind = 'run'")]
        waiting = [json.loads(record)["sequence"] for record in messages]
        drafts = [json.loads(row[0]) for row in outbox.execute("SELECT body FROM draft")]
    finally:
        outbox.close()
    return OnDisk(waiting, [draft["sequence"] for draft in drafts])

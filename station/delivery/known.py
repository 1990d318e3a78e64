"""A small file beside the outbox: how far the station has come, should the outbox be lost.

Two slots are written in turn, in place and without waiting for the disk, after each commit; a torn
one leaves the other. It is exact after a kill. After a power cut it may be as old as the kernel's
write-back, about 30 s, unless the chain is a new one or the outbox was closed: then it was synced.
"""

import hashlib
import logging
import os
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

NAME = "outbox.head"
SLOT_BYTES = 512


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The last link that was signed, the last number given to a run, and the outbox's version.

    `count` tells which of the two slots was written last.
    """

    chain: str = ""
    position: int = 0
    digest: str = ""
    sequence: int = 0
    version: int = 0
    count: int = 0


_decode = msgspec.json.Decoder(Known).decode
_encode = msgspec.json.Encoder().encode


def read(folder: Path) -> Known | None:
    """Return what the file says; None where there is none, or nothing of it can be read."""
    try:
        data = (folder / NAME).read_bytes()
    except OSError:
        return None
    slots = [_slot(data[at : at + SLOT_BYTES]) for at in (0, SLOT_BYTES)]
    return max((one for one in slots if one), key=lambda one: one.count, default=None)


def _slot(data: bytes) -> Known | None:
    digest, _, body = data.rstrip().partition(b" ")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class KnownFile:
    """Writes the file. What cannot be written is logged, and holds up nothing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._last = read(folder) or Known()

    def write(self, now: Known) -> None:
        """Write what is known now, unless that is what the file says."""
        last = self._last
        now = msgspec.structs.replace(now, count=last.count)
        if now == last:
            return
        self._last = msgspec.structs.replace(now, count=last.count + 1)
        self._put(self._last, synced=now.chain != last.chain)

    def close(self) -> None:
        """Write it once more, and wait until the disk has it."""
        if self._last.count:
            self._put(self._last, synced=True)

    def _put(self, known: Known, *, synced: bool) -> None:
        body = _encode(known)
        line = b" ".join((hashlib.sha256(body).hexdigest().encode(), body))
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                slot = line.ljust(SLOT_BYTES - 1) + b"\n"
                os.pwrite(handle, slot, known.count % 2 * SLOT_BYTES)
                if synced:
                    os.fdatasync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            log.warning("%s: %s", self._path, error)

"""The disk that a power cut leaves: it has kept only what it was told to flush.

QEMU's block driver `blklogwrites` writes down every write and every flush. A disk may lose whatever
was still in its own cache; this one loses all of it. Format: Linux drivers/md/dm-log-writes.c and
QEMU block/blklogwrites.c (version 1, little-endian; an entry takes one sector, its data follow).
QEMU renews the number of entries at each flush.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAGIC = 0x6A736677736872
VERSION = 1
FLUSH, DISCARD = 1 << 0, 1 << 2

_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")
_MOST_FLAGS = 0xF


class BadLog(Exception):
    """This is no such log."""


class Replayed(NamedTuple):
    """Numbers of writes."""

    kept: int
    lost: int


class _Write(NamedTuple):
    """`at` is where its data are in the log; a flush has none."""

    sector: int
    sectors: int
    flags: int
    at: int


def replay(log: Path, disk: Path) -> Replayed:
    """Bring a disk, as it was at power on, to what it had flushed at the end of `log`.

    Raises `BadLog`.
    """
    with log.open("rb") as logged, disk.open("r+b") as changed:
        sector_bytes, entries = _begin(logged)
        writes = list(_writes(logged, sector_bytes, log.stat().st_size))
        flushes = [place for place, write in enumerate(writes[:entries]) if write.flags & FLUSH]
        end = flushes[-1] if flushes else 0
        kept = [write for write in writes[:end] if write.sectors and not write.flags & DISCARD]
        for write in kept:
            logged.seek(write.at)
            changed.seek(write.sector * sector_bytes)
            changed.write(logged.read(write.sectors * sector_bytes))
        lost = sum(write.sectors > 0 for write in writes[end:])
    return Replayed(len(kept), lost)


def _begin(logged: BinaryIO) -> tuple[int, int]:
    """Return the bytes of a sector, and the number of entries at the last flush."""
    head = logged.read(_SUPER.size)
    if not head.strip(b"\0"):
        return 512, 0  # nothing was ever flushed
    if len(head) < _SUPER.size:
        raise BadLog(f"a log begins with {_SUPER.size} bytes, not {head.hex(' ')}")
    magic, version, entries, sector_bytes = _SUPER.unpack(head)
    if (magic, version) != (MAGIC, VERSION) or sector_bytes < _ENTRY.size:
        raise BadLog(f"no log of writes: {head.hex(' ')}")
    return sector_bytes, entries


def _writes(logged: BinaryIO, sector_bytes: int, size: int) -> Iterator[_Write]:
    """Yield all entries that begin soundly. The last may have been under way when QEMU ended."""
    at = sector_bytes
    while at + _ENTRY.size <= size:
        logged.seek(at)
        sector, sectors, flags, _ = _ENTRY.unpack(logged.read(_ENTRY.size))
        at += sector_bytes
        if flags > _MOST_FLAGS or not (sectors or flags):
            return
        length = 0 if flags & DISCARD else sectors * sector_bytes
        if at + length > size:
            return
        yield _Write(sector, sectors, flags, at)
        at += length

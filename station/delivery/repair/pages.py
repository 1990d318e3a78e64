"""Rows of a damaged SQLite file, read page by page, without its schema and its inner pages.

Every page that is a leaf of a table is read for itself, with the overflow pages of its rows: one
bad page costs the rows on it and no others (SQLite file format, 1.6 and 2.1). Frames of a
write-ahead log that were committed stand in for their pages (4.1), also those with changed bits:
a message has a digest of its own.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from station.delivery.repair import wal
from station.delivery.repair.wal import PAGE_BYTES

Value = int | float | str | bytes | None
Record = tuple[int, tuple[Value, ...]]
"""The number of a row, and its columns."""

LEAF = 0x0D
"""The first byte of a page that is a leaf of a table."""
LARGEST_ROW_BYTES = 64 * 1024 * 1024
_WHOLE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""The bytes of a whole number, by its serial type."""


class Broken(Exception):
    """A row cannot be read."""


def rows(path: Path) -> Iterator[Record]:
    """Yield what can be read of a database and the log beside it. Raises `OSError`."""
    with path.open("rb") as file:
        pages = _Pages(path, file)
        free = pages.free()
        for number in pages.numbers():
            if number in free:
                continue
            try:
                page = pages.page(number)
            except Broken:  # the log has pages beyond it
                continue
            yield from _leaf(pages, page, 100 if number == 1 else 0)


def _leaf(pages: "_Pages", page: bytes, start: int) -> Iterator[Record]:
    """Yield the rows of a page, if it is the leaf of a table."""
    if len(page) < start + 8 or page[start] != LEAF:
        return
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    for at in range(start + 8, min(start + 8 + 2 * count, len(page) - 1), 2):
        try:
            yield _cell(pages, page, int.from_bytes(page[at : at + 2], "big"))
        except (Broken, IndexError, ValueError, OverflowError):
            continue


class _Pages:
    """The pages of a file, in which committed frames of the log replace older ones."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._file = file
        self.frames = wal.read(path).pages()
        self.count = -(-path.stat().st_size // PAGE_BYTES)

    def numbers(self) -> list[int]:
        return sorted({*range(1, self.count + 1), *self.frames})

    def page(self, number: int) -> bytes:
        if number in self.frames:
            return self.frames[number]
        if not 1 <= number <= self.count:
            raise Broken(f"there is no page {number}")
        self._file.seek((number - 1) * PAGE_BYTES)
        return self._file.read(PAGE_BYTES)

    def free(self) -> set[int]:
        """Return the pages that are in no use, as far as the list of them reads (1.5).

        Rows on them were deleted.
        """
        free: set[int] = set()
        try:
            trunk = _whole(self.page(1), 32)
            while trunk and trunk not in free:
                page = self.page(trunk)
                free.add(trunk)
                count = min(_whole(page, 4), PAGE_BYTES // 4 - 2)
                free |= {_whole(page, 8 + 4 * number) for number in range(count)}
                trunk = _whole(page, 0)
        except Broken:
            pass
        return free


def _whole(page: bytes, at: int) -> int:
    return int.from_bytes(page[at : at + 4], "big")


def _cell(pages: _Pages, page: bytes, at: int) -> Record:
    size_bytes, at = _varint(page, at)
    row_id, at = _varint(page, at)
    if size_bytes > LARGEST_ROW_BYTES:
        raise Broken(f"a row of {size_bytes} bytes")
    here = _local_bytes(size_bytes, len(page))
    payload = page[at : at + here]
    if here < size_bytes:
        following = int.from_bytes(page[at + here : at + here + 4], "big")
        payload += _overflow(pages, following, size_bytes - here)
    if len(payload) != size_bytes:
        raise Broken("a row goes beyond its page")
    return row_id, _columns(payload)


def _local_bytes(size_bytes: int, usable: int) -> int:
    """Return how much of a row is on its leaf (1.6): the rest is on overflow pages."""
    if size_bytes <= usable - 35:
        return size_bytes
    least = (usable - 12) * 32 // 255 - 23
    here = least + (size_bytes - least) % (usable - 4)
    return here if here <= usable - 35 else least


def _overflow(pages: _Pages, number: int, size_bytes: int) -> bytes:
    parts: list[bytes] = []
    while size_bytes > 0:  # it ends: each page adds to it
        page = pages.page(number)
        part = page[4 : 4 + size_bytes]
        if not part:
            raise Broken("an overflow page is cut off")
        parts.append(part)
        size_bytes -= len(part)
        number = int.from_bytes(page[:4], "big")
    return b"".join(parts)


def _columns(payload: bytes) -> tuple[Value, ...]:
    end, at = _varint(payload, 0)
    kinds: list[int] = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    columns: list[Value] = []
    for kind in kinds:
        value, at = _value(payload, at, kind)
        columns.append(value)
    return tuple(columns)


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind in (0, 8, 9):
        return {0: None, 8: 0, 9: 1}[kind], at
    if kind in _WHOLE:
        end = at + _WHOLE[kind]
        return int.from_bytes(payload[at:end], "big", signed=True), end
    if kind == 7:
        (number,) = struct.unpack(">d", payload[at : at + 8].rjust(8, b"\0"))
        return float(number), at + 8
    if kind < 12:
        raise Broken(f"no column is of kind {kind}")
    end = at + (kind - 12) // 2
    if end > len(payload):
        raise Broken("a column goes beyond its row")
    data = payload[at:end]
    return (data.decode(errors="replace") if kind % 2 else data), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count in range(9):
        byte = data[at + count]
        if count == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    raise Broken("a number without an end")

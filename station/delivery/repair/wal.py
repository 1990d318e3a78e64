"""The write-ahead log beside a database: which of its frames are whole, and what that means.

SQLite takes a log up to the first frame whose checksum is wrong, and drops the rest without a word
(SQLite file format, 4.1 to 4.3). That is right for a log whose end a power cut has torn. A bit that
changed in the middle costs every commit after it; each frame is therefore checked for itself here,
against the checksum that the frame before it states.
"""

import struct
from collections import Counter
from pathlib import Path
from typing import NamedTuple

PAGE_BYTES = 4096
"""The size of a page in every outbox."""
HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
BIG_ENDIAN, LITTLE_ENDIAN = 0x377F0683, 0x377F0682
"""The first word of a log, by the order of bytes in which its checksums count."""

Sums = tuple[int, int]


class Frame(NamedTuple):
    """A page in the log. `whole`: its checksum fits; `commits`: a transaction ends with it."""

    page: int
    at: int
    commits: bool
    whole: bool


class Log(NamedTuple):
    """The frames of the present generation, oldest first."""

    data: bytes
    header_whole: bool
    frames: tuple[Frame, ...]

    @property
    def suspicious(self) -> bool:
        """Tell whether SQLite would drop frames: torn by a power cut, or with changed bits."""
        return bool(self.frames) and not (self.header_whole and all(f.whole for f in self.frames))

    @property
    def rotten(self) -> bool:
        """Tell whether bits have changed, for certain.

        Each commit is on the disk before the next one begins: a power cut tears the last one only.
        """
        if not self.suspicious:
            return False
        bad = [number for number, one in enumerate(self.frames) if not one.whole]
        first = 0 if not self.header_whole or not bad else bad[0]
        after = sum(one.commits for one in self.frames[first + 1 :])
        return not self.header_whole or after > 1

    def pages(self) -> dict[int, bytes]:
        """Return the pages that were committed, the last of each, whole or not."""
        committed: dict[int, bytes] = {}
        pending: dict[int, bytes] = {}
        for one in self.frames:
            start = one.at + FRAME_HEADER_BYTES
            pending[one.page] = self.data[start : start + PAGE_BYTES]
            if one.commits:
                committed |= pending
                pending.clear()
        return committed


NO_LOG = Log(b"", True, ())


def path_of(database: Path) -> Path:
    """Return where the log of a database is."""
    return database.with_name(f"{database.name}-wal")


def read(database: Path) -> Log:
    """Return the log beside a database. Raises `OSError`."""
    try:
        data = path_of(database).read_bytes()
    except FileNotFoundError:
        return NO_LOG
    if len(data) < HEADER_BYTES + FRAME_BYTES or not any(data[:HEADER_BYTES]):
        return NO_LOG
    starts = range(HEADER_BYTES, len(data) - FRAME_BYTES + 1, FRAME_BYTES)
    order, header_whole = _order(data), True
    sums = _sums(order, data[:24], (0, 0))
    if _word(data, 0) not in (BIG_ENDIAN, LITTLE_ENDIAN) or sums != _stated(data, 24):
        header_whole = False
    salt = data[16:24] if header_whole else _salt(data, starts)
    before, frames = _stated(data, 24), []
    for at in starts:
        stated = _stated(data, at + 16)
        if data[at + 8 : at + 16] == salt:
            content = data[at : at + 8] + data[at + FRAME_HEADER_BYTES : at + FRAME_BYTES]
            whole = _sums(order, content, before) == stated
            frames.append(Frame(_word(data, at), at, any(data[at + 4 : at + 8]), whole))
        before = stated
    return Log(data, header_whole, tuple(frames))


def _salt(data: bytes, starts: range) -> bytes:
    """Return the generation of a log without a header: that of most of its first frames."""
    some = Counter(data[at + 8 : at + 16] for at in starts[:3])
    return some.most_common(1)[0][0]


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _stated(data: bytes, at: int) -> Sums:
    return _word(data, at), _word(data, at + 4)


def _order(data: bytes) -> str:
    """Return the order of bytes as `struct` has it; one bit of the first word may have changed."""
    ones = (_word(data, 0) ^ BIG_ENDIAN).bit_count(), (_word(data, 0) ^ LITTLE_ENDIAN).bit_count()
    return ">" if ones[0] < ones[1] else "<"


def _sums(order: str, data: bytes, before: Sums) -> Sums:
    """Return the checksum of `data`, which goes on from the one before it (4.2)."""
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    one, other = before
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + other) & 0xFFFFFFFF
        other = (other + odd + one) & 0xFFFFFFFF
    return one, other

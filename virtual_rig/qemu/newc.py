"""Archives as the kernel unpacks them into its first file system.

Format "newc", Linux Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import stat
from collections.abc import Iterable
from typing import NamedTuple

MAGIC = "070701"
TRAILER = "TRAILER!!!"
ALIGNMENT = 4


class Entry(NamedTuple):
    """A file, or (with no content and a directory's mode) a directory. `path` has no first `/`."""

    path: str
    mode: int
    content: bytes = b""


def folder(path: str) -> Entry:
    return Entry(path, stat.S_IFDIR | 0o755)


def file(path: str, content: bytes, *, executable: bool = False) -> Entry:
    return Entry(path, stat.S_IFREG | (0o755 if executable else 0o644), content)


def archive(entries: Iterable[Entry]) -> bytes:
    """Pack all entries in their order, which has to name a directory before what is in it.

    The same entries give the same bytes: no dates, everything belongs to root.
    """
    parts: list[bytes] = []
    known: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        above = entry.path.rpartition("/")[0]
        if entry.path.startswith("/") or entry.path in known or (above and above not in known):
            raise ValueError(f"{entry.path!r}: twice, absolute, or before its directory {above!r}")
        known.add(entry.path)
        parts.append(_packed(number, entry))
    parts.append(_packed(0, Entry(TRAILER, 0)))
    return b"".join(parts)


def _packed(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, owner and group, links, date, size, four device numbers, name's size, check
    fields = [number, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, 0, 0, len(name), 0]
    head = MAGIC.encode() + b"".join(b"%08x" % field for field in fields) + name
    return _padded(head) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)

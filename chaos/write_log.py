"""The files that a power cut leaves, from a log of every write and sync that a process made.

`strace` writes the log. What was not synced when the power went may be on the disk or not, in any
part, and a write may be torn at any sector. Files that were created, renamed or removed stay so:
ext4 keeps the order of that, and syncs it with the next file that is synced.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

SECTOR_BYTES = 512
CALLS = ("pwrite64", "write", "fsync", "fdatasync", "ftruncate", "openat", "rename", "unlink")

_LINE = re.compile(r"(?P<pid>\d+) +(?:(?P<call>\w+)\((?P<told>.*)|<\.\.\. (?P<resumed>\w+) .*)")
_HANDLE = re.compile(r"-?\d+<(?P<path>[^>]*)>")
_TEXT = re.compile(r'"(?P<text>[^"]*)"')
_FAILED = re.compile(r"\) += -1 ")


def command(log: Path) -> Sequence[str]:
    """Return the beginning of a command whose process is to be logged."""
    traced = ",".join(CALLS)
    return ["strace", "-f", "-qq", "-y", "-xx", "-s", "4194304", "-e", f"trace={traced}", "-o",
            str(log)]  # fmt: skip


class Change(NamedTuple):
    """A change of a file: bytes at a place, or, without bytes, its new length."""

    at: int
    data: bytes | None


class Cut(NamedTuple):
    """Numbers of writes: those that had to stay, and those that could be lost."""

    synced: int
    unsynced: int


class _File:
    def __init__(self, content: bytes) -> None:
        self.durable = bytearray(content)
        self.pending: list[Change] = []


def cut(log: Path, before: Path, folder: Path, chance: Random) -> Cut:
    """Make the files of `folder` what a power cut at the end of `log` left of them.

    `before` is a copy of the folder from before the process began. Files that the log does not
    name stay as they are.
    """
    files = {one.name: _File(one.read_bytes()) for one in before.iterdir() if one.is_file()}
    touched: set[str] = set()
    synced = 0
    for call, name, more, change in _calls(log, folder):
        touched.add(name)
        match call:
            case "openat":
                if name not in files:
                    files[name] = _File(b"")
            case "pwrite64" | "write" | "ftruncate":
                file = files.setdefault(name, _File(b""))
                assert change is not None
                at = change.at if change.at >= 0 else _length(file)
                file.pending.append(change._replace(at=at))
            case "fsync" | "fdatasync":
                if name in files:
                    synced += len(files[name].pending)
                    _apply(files[name], files[name].pending)
            case _:
                touched.add(more)
                _rename(files, call, name, more)
    unsynced = sum(len(one.pending) for one in files.values())
    for name in sorted(touched - {""}):
        left = files.get(name)
        if left is None:
            (folder / name).unlink(missing_ok=True)
            continue
        _apply(left, _kept(left.pending, chance))
        (folder / name).write_bytes(left.durable)
    return Cut(synced, unsynced)


def _rename(files: dict[str, _File], call: str, name: str, more: str) -> None:
    file = files.pop(name, None)
    if call == "rename" and file is not None:
        files[more] = file


def _kept(pending: Sequence[Change], chance: Random) -> list[Change]:
    """Return what a disk kept of what it was not told to keep."""
    match chance.choice(("nothing", "everything", "beginning", "any")):
        case "nothing":
            return []
        case "everything":
            return list(pending)
        case "beginning":
            kept = list(pending[: chance.randint(0, len(pending))])
            return [*kept[:-1], *map(lambda one: _torn(one, chance), kept[-1:])]
        case _:
            some = [one for one in pending if chance.random() < 0.5]
            return [_torn(one, chance) if chance.random() < 0.3 else one for one in some]


def _torn(change: Change, chance: Random) -> Change:
    if change.data is None or len(change.data) <= SECTOR_BYTES:
        return change
    sectors = chance.randint(0, len(change.data) // SECTOR_BYTES)
    return change._replace(data=change.data[: sectors * SECTOR_BYTES])


def _apply(file: _File, changes: Sequence[Change]) -> None:
    content = file.durable
    for at, data in changes:
        if data is None:
            del content[at:]
            content.extend(bytes(at - len(content)))
        else:
            content.extend(bytes(max(0, at + len(data) - len(content))))
            content[at : at + len(data)] = data
    file.pending = []


def _length(file: _File) -> int:
    length = len(file.durable)
    for at, data in file.pending:
        length = at if data is None else max(length, at + len(data))
    return length


def _calls(log: Path, folder: Path) -> Iterator[tuple[str, str, str, Change | None]]:
    """Yield the calls about files of the folder: call, name, second name, and what changes.

    A write counts from its beginning, a sync from its end.
    """
    waiting: dict[str, tuple[str, str, str, Change | None]] = {}
    with log.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            if found["resumed"]:
                told = waiting.pop(found["pid"], None)
                if told is not None and not _FAILED.search(line):
                    yield told
                continue
            said = _said(found["call"], found["told"], folder)
            if said is None or _FAILED.search(found["told"]):
                continue
            if "<unfinished ...>" in line and said[0] in ("fsync", "fdatasync"):
                waiting[found["pid"]] = said
            else:
                yield said


def _said(call: str, told: str, folder: Path) -> tuple[str, str, str, Change | None] | None:
    texts = [_decoded(one) for one in _TEXT.findall(told)]
    if call in ("openat", "unlink", "rename"):
        inside = [_inside(os.fsdecode(one), folder) for one in texts]
        if not inside or not inside[0]:
            return None
        if call == "openat" and "O_CREAT" not in told:
            return None
        return call, inside[0], inside[1] if len(inside) > 1 else "", None
    handle = _HANDLE.match(told)
    name = "" if handle is None else _inside(os.fsdecode(_decoded(handle["path"])), folder)
    if handle is None or not name:
        directory = handle is not None and _decoded(handle["path"]) == os.fsencode(folder)
        return (call, "", "", None) if directory and call == "fsync" else None
    numbers = re.findall(r"\d+", re.sub(_TEXT, "", told[handle.end() :]))
    match call:
        case "pwrite64":
            return call, name, "", Change(int(numbers[1]), texts[0])
        case "write":
            return call, name, "", Change(-1, texts[0])
        case "ftruncate":
            return call, name, "", Change(int(numbers[0]), None)
        case _:
            return call, name, "", None


def _inside(path: str, folder: Path) -> str:
    """Return the name of a file that is in the folder itself; empty for any other."""
    head, name = os.path.split(path)
    return name if head == str(folder) else ""


def _decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))

"""A log of writes as QEMU keeps it, byte by byte, and the disk that comes of it."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtual_rig.installed.write_log import BadLog, Replayed, replay

SECTOR = 512
SECTORS = 8
FLUSH, DISCARD = 1, 4


def entry(sector: int, data: bytes = b"", flags: int = 0, sectors: int | None = None) -> bytes:
    length = len(data) // SECTOR if sectors is None else sectors
    return struct.pack("<QQQQ", sector, length, flags, 0).ljust(SECTOR, b"\0") + data


def log_of(folder: Path, entries: list[bytes], flushed: int) -> Path:
    head = struct.pack("<QQQI", 0x6A736677736872, 1, flushed, SECTOR).ljust(SECTOR, b"\0")
    path = folder / "log"
    path.write_bytes((head if flushed else bytes(SECTOR)) + b"".join(entries))
    return path


def disk_in(folder: Path) -> Path:
    path = folder / "disk"
    path.write_bytes(b"." * SECTOR * SECTORS)
    return path


def seen(disk: Path) -> str:
    """Return the disk's content, one letter a sector."""
    return disk.read_bytes()[::SECTOR].decode()


def test_what_was_flushed_is_kept_and_what_came_after_is_lost(tmp_path: Path) -> None:
    disk = disk_in(tmp_path)
    entries = [
        entry(1, b"a" * SECTOR),
        entry(2, b"b" * 2 * SECTOR),
        entry(0, flags=FLUSH),
        entry(1, b"c" * SECTOR),
        entry(5, b"d" * SECTOR),
    ]
    assert replay(log_of(tmp_path, entries, 3), disk) == Replayed(kept=2, lost=2)
    assert seen(disk) == ".abb...."


def test_entries_that_were_counted_after_the_last_flush_are_lost_too(tmp_path: Path) -> None:
    disk = disk_in(tmp_path)
    entries = [entry(1, b"a" * SECTOR), entry(0, flags=FLUSH), entry(1, b"b" * SECTOR)]
    assert replay(log_of(tmp_path, entries, 3), disk) == Replayed(kept=1, lost=1)
    assert seen(disk) == ".a......"


def test_a_disk_that_was_never_told_to_flush_keeps_nothing(tmp_path: Path) -> None:
    disk = disk_in(tmp_path)
    assert replay(log_of(tmp_path, [entry(1, b"a" * SECTOR)], 0), disk) == Replayed(0, 1)
    assert seen(disk) == "........"


def test_a_discard_has_no_data_in_the_log(tmp_path: Path) -> None:
    disk = disk_in(tmp_path)
    entries = [
        entry(3, flags=DISCARD, sectors=4),
        entry(1, b"a" * SECTOR),
        entry(0, flags=FLUSH),
    ]
    assert replay(log_of(tmp_path, entries, 3), disk).kept == 1
    assert seen(disk) == ".a......"


def test_half_a_write_at_the_end_is_none(tmp_path: Path) -> None:
    disk = disk_in(tmp_path)
    entries = [entry(1, b"a" * SECTOR), entry(0, flags=FLUSH), entry(2, b"b" * 2 * SECTOR)[:-1]]
    assert replay(log_of(tmp_path, entries, 2), disk) == Replayed(1, 0)


@pytest.mark.parametrize(
    "head", [b"\x01", b"no log" * 10, struct.pack("<QQQI", 0x6A736677736872, 2, 1, SECTOR)]
)
def test_something_else_is_no_log(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "log").write_bytes(head)
    with pytest.raises(BadLog):
        replay(tmp_path / "log", disk_in(tmp_path))


@given(
    st.lists(st.tuples(st.integers(0, SECTORS - 2), st.integers(1, 2)), max_size=20),
    st.integers(0, 20),
)
def test_a_disk_is_as_it_was_at_its_last_flush(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int]], at: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    disk = disk_in(folder)
    wanted = bytearray(seen(disk).encode())
    entries = []
    for number, (sector, sectors) in enumerate(writes):
        letter = bytes([ord("a") + number])
        entries.append(entry(sector, letter * sectors * SECTOR))
        if number < at:
            wanted[sector : sector + sectors] = letter * sectors
    entries.insert(at, entry(0, flags=FLUSH))
    flushed = min(at, len(writes)) + 1
    assert replay(log_of(folder, entries, flushed), disk).kept == flushed - 1
    assert seen(disk) == wanted.decode()

"""A full disk: no run begins, what began is kept, receipts are taken, and room ends it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from records import Receipt, Stored, encode
from records.messages import Held
from station.delivery.keeping import Keep
from station.delivery.opening import LONGEST_LOG_BYTES
from station.delivery.outbox import Outbox, OutboxError
from station.delivery.room import MIB, NAME
from tests.station.benches import make_draft

KEEP = Keep(least_free_mib=4.0)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that is a disk of 12 MiB of its own."""
    with disk(tmp_path / "small", 12) as folder:
        yield folder


@pytest.fixture
def middling(tmp_path: Path) -> Iterator[Path]:
    """Yield a disk of 64 MiB: a ballast that takes SQLite's log, and 20 MiB of records, fit."""
    with disk(tmp_path / "middling", 64) as folder:
        yield folder


@contextlib.contextmanager
def disk(folder: Path, mib: int) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("mount is missing")
    if made.returncode:
        pytest.skip(f"no disk of its own may be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write a file until the disk takes no more."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    told = os.statvfs(folder)
    assert told.f_bavail == 0
    return path


def test_a_full_disk_begins_no_run_keeps_what_began_and_goes_on_with_room(small: Path) -> None:
    with closing(Outbox(small / "outbox.db", keep=KEEP)) as outbox:
        begun = [outbox.begin(make_draft(profile="x" * 50_000)) for _ in range(4)]
        assert (small / NAME).stat().st_size == MIB
        filler = fill(small)
        with pytest.raises(OutboxError) as full:
            outbox.begin(make_draft())
        assert full.value.phrase.id == "outbox.disk_full"
        assert full.value.phrase.values["free_mib"] == 0
        assert outbox.troubles()[0].id == "outbox.disk_full"
        for one in begun:
            outbox.finish(one)
        assert not (small / NAME).exists()
        waiting = outbox.waiting()
        assert len(waiting) == 4
        outbox.receipt(Receipt(tuple(Stored(one.record_id, one.sha256) for one in waiting)))
        assert outbox.counts() == (4, 0, 0)
        filler.unlink()
        outbox.finish(outbox.begin(make_draft()))
        assert outbox.troubles() == ()
        assert (small / NAME).exists()


MIDDLING = Keep(least_free_mib=20.0)
RECORDS = 450


def test_on_a_full_disk_what_the_host_has_goes_before_its_time_and_tests_go_on(
    middling: Path,
) -> None:
    """So connecting the host makes room, as the screen says."""
    with closing(Outbox(middling / "outbox.db", keep=MIDDLING)) as outbox:
        for _ in range(RECORDS):
            outbox.finish(outbox.begin(make_draft(profile="x" * 50_000)))
        photo = outbox.attach("front", b"x" * 100_000)
        fill(middling)
        with pytest.raises(OutboxError):
            outbox.begin(make_draft())
        waiting = outbox.waiting(RECORDS)
        assert len(waiting) == RECORDS, "what waits is never let go"
        held = Held(photo.sha256, photo.size_bytes)
        stored = tuple(Stored(one.record_id, one.sha256) for one in waiting)
        outbox.receipt(Receipt(stored, attachments=(held,)))
        assert outbox.troubles() == ()
        for _ in range(20):
            outbox.finish(outbox.begin(make_draft(profile="x" * 50_000)))
        assert outbox.counts() == (RECORDS, 20, 0)
        assert len(outbox.waiting()) == 20
        assert not list((middling / "attachments").iterdir())
        assert len(outbox.runs(None, RECORDS)) < RECORDS


def test_an_outbox_opens_on_a_full_disk_with_the_room_of_its_ballast(small: Path) -> None:
    with closing(Outbox(small / "outbox.db", keep=KEEP)) as outbox:
        outbox.finish(outbox.begin(make_draft()))
    fill(small)
    with closing(Outbox(small / "outbox.db", keep=KEEP)) as outbox:
        (one,) = outbox.waiting()
        outbox.receipt(Receipt((Stored(one.record_id, one.sha256),)))
        assert outbox.counts() == (1, 0, 0)


def test_a_log_that_one_large_record_made_long_is_cut_off_again(tmp_path: Path) -> None:
    log = tmp_path / "outbox.db-wal"
    with closing(Outbox(tmp_path / "outbox.db")) as outbox:
        outbox.finish(outbox.begin(make_draft(profile="x" * 20 * MIB)))
        assert log.stat().st_size > 2 * LONGEST_LOG_BYTES
        for _ in range(3):
            outbox.finish(outbox.begin(make_draft()))
        assert log.stat().st_size <= LONGEST_LOG_BYTES


A_MONTH = 30 * 8 * 10 * 20
"""Runs of a month: 8 slots, 10 hours a day, a device in three minutes with its handling."""
LARGEST_RECORD_BYTES = 9400
"""Of the kinds that are shipped: an LCD monitor's, measured in 12 runs of each."""


def test_a_month_of_a_busy_line_that_waits_for_its_host_stays_inside_512_mib(
    tmp_path: Path,
) -> None:
    """All 48 000 records took 482 MiB; here a sample of them stands for the rest."""
    sample, path = 600, tmp_path / "outbox.db"
    with closing(Outbox(path)) as outbox:
        draft = make_draft(profile="x")
        more = LARGEST_RECORD_BYTES - len(encode(draft))
        for _ in range(sample):
            outbox.finish(outbox.begin(make_draft(profile="x" * more)))
    assert path.stat().st_size / sample * A_MONTH < 512 * MIB


def test_a_floor_of_nothing_watches_nothing(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "outbox.db", keep=Keep(least_free_mib=0))) as outbox:
        outbox.finish(outbox.begin(make_draft()))
        assert not (tmp_path / NAME).exists()

"""A full disk: no run begins, what began is kept, receipts are taken, and room ends it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from records import Receipt, Stored
from station.delivery.keeping import Keep
from station.delivery.outbox import Outbox, OutboxError
from station.delivery.room import MIB, NAME
from tests.station.benches import make_draft

KEEP = Keep(least_free_mib=4.0)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that is a disk of 12 MiB of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
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


def test_an_outbox_opens_on_a_full_disk_with_the_room_of_its_ballast(small: Path) -> None:
    with closing(Outbox(small / "outbox.db", keep=KEEP)) as outbox:
        outbox.finish(outbox.begin(make_draft()))
    fill(small)
    with closing(Outbox(small / "outbox.db", keep=KEEP)) as outbox:
        (one,) = outbox.waiting()
        outbox.receipt(Receipt((Stored(one.record_id, one.sha256),)))
        assert outbox.counts() == (1, 0, 0)


def test_a_floor_of_nothing_watches_nothing(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "outbox.db", keep=Keep(least_free_mib=0))) as outbox:
        outbox.finish(outbox.begin(make_draft()))
        assert not (tmp_path / NAME).exists()

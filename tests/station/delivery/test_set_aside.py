"""Damaged outboxes that were set aside: they go in time, but never the only copy of something."""

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from records import Receipt, Stored
from station.delivery.keeping import Keep
from station.delivery.outbox import Outbox
from station.delivery.repair.aside import DAY_S
from tests.station.benches import make_draft

RUNS = 6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def harm(path: Path, *, whole_page: bytes | None = None) -> Path:
    """Damage the file so that it is set aside; with `whole_page`, the page that has these bytes.

    Returns the file that was set aside.
    """
    data = bytearray(path.read_bytes())
    if whole_page is None:
        data[100 + 5] ^= 0xFF  # the first page's cell content area: SQLite file format, 1.6
    else:
        at = data.index(whole_page)
        data[at : at + len(whole_page)] = bytes(len(whole_page))
        data[100 + 5] ^= 0xFF
    path.write_bytes(data)
    Outbox(path).close()
    (aside,) = path.parent.glob("outbox.damaged-*.db")
    return aside


def filled(path: Path, *, delivered: int = 0) -> None:
    with closing(Outbox(path)) as outbox:
        for number in range(RUNS):
            outbox.finish(outbox.begin(make_draft(profile=f"<{number}>" + "x" * 3000)))
        some = outbox.waiting()[:delivered]
        outbox.receipt(Receipt(tuple(Stored(one.record_id, one.sha256) for one in some)))


def make_old(aside: Path, days: float) -> None:
    then_s = time.time() - days * DAY_S
    os.utime(aside, (then_s, then_s))


def test_a_file_of_which_everything_was_read_goes_after_the_time_for_records(path: Path) -> None:
    filled(path)
    aside = harm(path)
    Outbox(path).close()
    assert aside.exists()
    make_old(aside, 32)
    Outbox(path).close()
    assert not list(path.parent.glob("outbox.damaged-*"))


def test_a_file_with_the_only_copy_of_something_stays_and_is_looked_through_once(
    path: Path,
) -> None:
    filled(path)
    aside = harm(path, whole_page=b"<3>xxx")
    make_old(aside, 1000)
    for _ in range(2):
        Outbox(path).close()
        assert aside.exists()
    assert aside.with_name(f"{aside.name}.needed").exists()


def test_what_the_host_has_is_no_only_copy(path: Path) -> None:
    filled(path, delivered=RUNS)
    aside = harm(path, whole_page=b"<3>xxx")
    make_old(aside, 1000)
    Outbox(path).close()
    assert not aside.exists()


def test_beyond_their_room_the_oldest_go_first_however_young(path: Path) -> None:
    filled(path)
    aside = harm(path)
    Outbox(path, keep=Keep(mib=0.001)).close()
    assert not aside.exists()

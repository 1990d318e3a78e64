"""A disk without room: what is not stored is not acknowledged, and the host goes on by itself."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_agent.store import FullError, RunFilter, Store
from host_agent.store.room import NAME, Room
from records import encode
from tests.host_agent.load import example_record
from tests.host_agent.rig import Broker, soon, speaker
from tests.host_agent.store import test_attachments as pieces
from tests.host_agent.store.evidence.signing import tell
from tests.host_agent.store.filling import derive_all
from tests.host_agent.test_ingest import address, ingesting

MIB = 1024 * 1024


class Disk(Room):
    """A disk whose room the test sets."""

    free_mib = 1000

    def free_bytes(self) -> int:
        return self.free_mib * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path, 100 * MIB)


@pytest.fixture
def watched(tmp_path: Path, disk: Disk) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'host.db'}") as store:
        store.room = disk
        store.open()
        yield store


def test_ballast_is_let_go_below_the_floor_and_taken_on_with_room_for_both(
    disk: Disk, tmp_path: Path
) -> None:
    ballast = tmp_path / NAME
    disk.check()
    assert ballast.stat().st_size == 25 * MIB
    assert ballast.stat().st_blocks * 512 >= 25 * MIB
    disk.free_mib = 99
    with pytest.raises(FullError, match=r"^Disk full: 99 MiB are free in .* below 100 MiB"):
        disk.check()
    assert not ballast.exists()
    disk.free_mib = 110
    disk.check()
    assert not ballast.exists()
    disk.free_mib = 125
    disk.check()
    assert ballast.exists()
    assert disk.trouble() == ""


def test_without_a_floor_or_a_folder_nothing_is_watched(tmp_path: Path) -> None:
    for room in (Disk(tmp_path, 0), Room(None, 100 * MIB)):
        room.check()
        assert room.trouble() == ""
    assert list(tmp_path.iterdir()) == []


def test_the_true_disk_is_asked(tmp_path: Path) -> None:
    told = os.statvfs(tmp_path)
    with pytest.raises(FullError):
        Room(tmp_path, told.f_blocks * told.f_frsize + MIB).check()


def test_nothing_is_taken_on_a_full_disk_and_what_is_there_is_still_derived(
    watched: Store, disk: Disk
) -> None:
    tell(watched, "bench-1", encode(example_record("bench-1", 1)))
    disk.free_mib = 1
    for take in (
        lambda: tell(watched, "bench-1", encode(example_record("bench-1", 2))),
        lambda: pieces.send(watched, pieces.message(0)),
    ):
        with pytest.raises(FullError):
            take()
    assert watched.attachment(pieces.SHA256) is None
    derive_all(watched)
    assert (watched.counts().runs, watched.counts().underived) == (1, 0)
    assert watched.evidence_troubles()[0].startswith("Disk full: 1 MiB are free")
    disk.free_mib = 1000
    assert watched.evidence_troubles() == []


async def test_records_wait_for_room_without_a_receipt_and_are_stored_without_hands(
    watched: Store, disk: Disk, embedded: Broker
) -> None:
    records = [example_record("room-1", sequence) for sequence in range(10)]
    async with (
        ingesting(watched, address(embedded)) as ingest,
        speaker(embedded, "room-1") as station,
    ):
        disk.free_mib = 1
        for record in records:
            await station.say(encode(record))
        await station.say(b"poison")
        await soon(lambda: "Disk full" in ingest.progress.store_trouble)
        assert station.stored == []
        assert watched.quarantined_number() == 0
        disk.free_mib = 1000
        await soon(lambda: len(set(station.stored)) == 10)
        await soon(lambda: watched.quarantined_number() == 1)
        assert ingest.progress.store_trouble == ""
    assert len(watched.latest_runs(RunFilter(), limit=99)) == 10


def test_a_piece_for_which_there_is_no_room_is_not_refused_and_comes_again(
    watched: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as during:
        during.setattr(os, "fsync", full)
        assert watched.keep(pieces.arrived(pieces.message(0))).held == []
    assert pieces.send(watched, pieces.message(0)).held_bytes == pieces.PIECE_BYTES

"""Bits that change in the write-ahead log: SQLite drops the rest of it, the station does not."""

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from records import Phrase
from station.delivery.outbox import Outbox, OutboxError
from station.delivery.repair import wal
from tests.station.benches import make_draft
from tests.station.delivery.test_damage import flipped

RUNS = 5


class Killed:
    """The files of an outbox whose process was killed, as they were when `RUNS` were finished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "killed"
        with closing(Outbox(folder / "live" / "outbox.db")) as outbox:
            for number in range(RUNS):
                outbox.finish(outbox.begin(make_draft(profile="x" * 900 * number)))
            self.messages = {one.record_id: one.body for one in outbox.waiting()}
            shutil.copytree(folder / "live", self.folder)
        self.log = wal.read(self.folder / "outbox.db")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    return Killed(tmp_path_factory.mktemp("killed"))


@pytest.fixture
def folder(killed: Killed, tmp_path: Path) -> Path:
    return shutil.copytree(killed.folder, tmp_path / "data")


def waiting(folder: Path) -> tuple[dict[str, bytes], tuple[Phrase, ...]]:
    with closing(Outbox(folder / "outbox.db")) as outbox:
        return {one.record_id: one.body for one in outbox.waiting()}, outbox.troubles()


def harm(folder: Path, at: int, bit: int = 0) -> None:
    path = folder / "outbox.db-wal"
    path.write_bytes(flipped(path.read_bytes(), at * 8 + bit))


def test_an_undamaged_log_is_whole_and_tells_nothing(killed: Killed, folder: Path) -> None:
    assert len(killed.log.frames) > RUNS
    assert not killed.log.suspicious
    assert waiting(folder) == (killed.messages, ())


def test_a_bit_in_the_middle_of_the_log_costs_no_record_after_it(
    killed: Killed, folder: Path
) -> None:
    harm(folder, killed.log.frames[4].at + wal.FRAME_HEADER_BYTES + 4000)
    assert wal.read(folder / "outbox.db").rotten
    here, troubles = waiting(folder)
    assert here == killed.messages
    assert troubles[0].id == "outbox.set_aside"


def test_a_bit_in_the_head_of_the_log_costs_no_record(killed: Killed, folder: Path) -> None:
    harm(folder, 18)
    here, troubles = waiting(folder)
    assert here == killed.messages
    assert troubles[0].id == "outbox.set_aside"


def test_a_bit_in_the_last_commit_is_told_apart_from_a_power_cut_by_the_file_beside_it(
    killed: Killed, folder: Path
) -> None:
    harm(folder, killed.log.frames[-1].at + wal.FRAME_HEADER_BYTES + 4095)
    log = wal.read(folder / "outbox.db")
    assert log.suspicious
    assert not log.rotten
    here, troubles = waiting(folder)
    assert here == killed.messages
    assert troubles[0].id == "outbox.set_aside"


def test_a_log_that_a_power_cut_tore_is_no_damage(killed: Killed, folder: Path) -> None:
    """The file beside the outbox is then older, for it is not waited for."""
    whole = (folder / "outbox.db-wal").read_bytes()
    last = [number for number, one in enumerate(killed.log.frames) if one.commits][-2]
    torn = killed.log.frames[last + 1].at + wal.FRAME_BYTES // 2
    (folder / "outbox.db-wal").write_bytes(whole[:torn] + bytes(len(whole) - torn))
    (folder / "outbox.head").unlink()
    here, troubles = waiting(folder)
    assert here.items() < killed.messages.items()
    assert len(here) == RUNS - 1
    assert troubles == ()


def test_a_log_that_another_station_is_writing_is_not_judged(killed: Killed, folder: Path) -> None:
    """It may look damaged in the middle of a write; the file is the other station's."""
    harm(folder, killed.log.frames[4].at + wal.FRAME_HEADER_BYTES + 4000)
    before = (folder / "outbox.db-wal").read_bytes()
    held = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    held += "db.execute('BEGIN IMMEDIATE')\nprint(flush=True)\nsys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", held, str(folder / "outbox.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(OutboxError) as refused:
            Outbox(folder / "outbox.db", patience_s=0.1)
        assert refused.value.phrase.id == "outbox.in_use"
        assert not list(folder.glob("outbox.damaged-*"))
        assert (folder / "outbox.db-wal").read_bytes() == before
        other.kill()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@example(place=0.0, bit=0)
@settings(max_examples=40)
def test_whatever_bit_of_the_log_changes_at_most_the_message_it_is_in_is_lost(
    killed: Killed, scratch: Path, place: float, bit: int
) -> None:
    shutil.rmtree(scratch / "data", ignore_errors=True)
    folder = shutil.copytree(killed.folder, scratch / "data")
    harm(folder, int(place * (folder / "outbox.db-wal").stat().st_size), bit)
    here, troubles = waiting(folder)
    assert here.items() <= killed.messages.items()
    assert len(here) >= RUNS - 1
    assert troubles or here == killed.messages

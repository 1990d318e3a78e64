"""A backup is made while records come in, holds all of one moment, and is restored whole or not."""

import json
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from host_agent import backup
from host_agent.cli import main
from host_agent.store import Store
from records.messages import Wanted
from tests.host_agent.load import example_record
from tests.host_agent.postgres import PostgresServer
from tests.host_agent.store import test_attachments as pieces
from tests.host_agent.store.evidence.signing import Card, settle, tell
from tests.host_agent.store.filling import derive_all


def fill(store: Store, card: Card, *numbers: int) -> None:
    for number in numbers:
        tell(store, card.station, card.sign(example_record(card.station, number)))
    tell(store, card.station, card.state(), topic="state")
    settle(store)
    derive_all(store)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory with three records and an attachment."""
    folder = tmp_path / "data"
    with Store(f"sqlite:///{folder / 'host.db'}") as store:
        store.open()
        fill(store, Card(), 1, 2, 3)
        pieces.send(store, *(pieces.message(at) for at in (0, 262_144, 524_288)))
    return folder


def run(*arguments: str, data: Path) -> int:
    return main([*arguments, "--data", str(data)])


def test_a_backup_is_restored_as_it_was(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "backups" / "today"
    assert run("backup", str(to), data=data) == 0
    assert "the database and 1 attachments" in capsys.readouterr().out
    assert sorted(path.name for path in to.iterdir()) == ["attachments", "host.db", "manifest.json"]
    assert run("verify", "--backup", str(to), data=data) == 0
    assert "2 files: all is well" in capsys.readouterr().out
    new = tmp_path / "new"
    assert run("restore", str(to), data=new) == 0
    assert run("verify", data=new) == 0
    assert "3 runs, 0 other messages, 1 attachments" in capsys.readouterr().out
    assert (new / "attachments" / pieces.SHA256).read_bytes() == pieces.DATA


def test_a_database_of_the_time_before_attachments_is_backed_up_before_its_upgrade(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(data / "host.db")) as database:
        database.execute("DROP TABLE attachments")
    to = tmp_path / "old"
    assert run("backup", str(to), data=data) == 0
    assert "the database and 0 attachments" in capsys.readouterr().out
    with closing(sqlite3.connect(to / "host.db")) as copy:
        assert copy.execute("SELECT count(*) FROM runs").fetchone() == (3,)


def test_an_empty_file_is_no_database_and_makes_no_backup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host.db").touch()
    assert run("backup", str(tmp_path / "today"), data=tmp_path) == 1
    assert "host.db is empty: it is no host's database" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["host.db"]


def test_a_backup_while_records_come_in_holds_one_moment(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'data' / 'host.db'}") as store:
        store.open()
        card = Card()
        fill(store, card, 0)
        made: list[backup.Made] = []
        enough = threading.Event()

        def write_until_enough() -> None:
            number = 0
            while not enough.is_set():
                number += 1
                tell(store, "bench-1", card.sign(example_record("bench-1", number)))

        writing = threading.Thread(target=write_until_enough)
        writing.start()
        try:
            made = [backup.make(store, tmp_path / f"backup-{number}") for number in range(3)]
        finally:
            enough.set()
            writing.join()
    assert len(made) == 3
    for one in made:
        assert list(backup.mistakes(one.folder)) == []
        with Store(f"sqlite:///{one.folder / 'host.db'}") as copy:
            copy.check_version()
            assert [found for found in copy.mistakes() if found.what != "chain"] == []


def test_what_came_after_the_backup_is_asked_for_by_position(tmp_path: Path) -> None:
    card = Card()
    with Store(f"sqlite:///{tmp_path / 'data' / 'host.db'}") as store:
        store.open()
        fill(store, card, 1, 2)
        backup.make(store, tmp_path / "yesterday")
        fill(store, card, 3, 4, 5)
    assert run("restore", str(tmp_path / "yesterday"), "--force", data=tmp_path / "data") == 0
    with Store(f"sqlite:///{tmp_path / 'data' / 'host.db'}") as store:
        store.open()
        tell(store, "bench-1", card.state(), topic="state")
        settle(store)
        (due,) = store.due_requests(datetime.now(UTC) + timedelta(minutes=1))
    assert due.request.records == (Wanted(chain="bench-1-1", first=3, last=5),)


@pytest.mark.parametrize(
    "name",
    ["host.db", pytest.param(f"attachments/{pieces.SHA256}", id="attachment"), "manifest.json"],
)
@pytest.mark.parametrize("how", ["flipped", "cut", "gone"])
def test_a_damaged_backup_is_named_and_never_restored(
    data: Path, tmp_path: Path, name: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "backup"
    assert run("backup", str(to), data=data) == 0
    path = to / name
    bytes_ = bytearray(path.read_bytes())
    bytes_[len(bytes_) // 2] ^= 0x80
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(bytes_ if how == "flipped" else bytes_[: len(bytes_) // 2])
    before = (data / "host.db").read_bytes()
    assert run("verify", "--backup", str(to), data=data) == 1
    assert run("restore", str(to), "--force", data=data) == 1
    assert name in capsys.readouterr().err
    assert (data / "host.db").read_bytes() == before
    assert run("restore", str(to), data=tmp_path / "new") == 1
    assert not (tmp_path / "new").exists()


def test_data_that_is_there_is_overwritten_by_nobody_and_set_aside_by_force(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "backup"
    assert run("backup", str(to), data=data) == 0
    assert run("backup", str(to), data=data) == 1
    assert "is there already: a backup needs a name of its own" in capsys.readouterr().err
    before = (data / "host.db").read_bytes()
    assert run("restore", str(to), data=data) == 1
    assert "--force sets it aside" in capsys.readouterr().err
    assert (data / "host.db").read_bytes() == before
    assert run("restore", str(to), "--force", data=data) == 0
    (aside,) = data.glob("host.db.before-*Z")
    assert aside.read_bytes() == before
    assert f"set aside: {aside}" in capsys.readouterr().out


def test_nothing_is_restored_while_a_host_works_with_the_data(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("backup", str(tmp_path / "backup"), data=data) == 0
    with Store(f"sqlite:///{data / 'host.db'}") as store:
        store.open()
        assert run("restore", str(tmp_path / "backup"), "--force", data=data) == 1
        assert "another pace-host works with" in capsys.readouterr().err
        assert store.counts().runs == 3


def test_a_damaged_attachment_is_left_out_and_said(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "attachments" / pieces.SHA256).write_bytes(b"rot")
    assert run("backup", str(tmp_path / "backup"), data=data) == 1
    assert pieces.SHA256 in capsys.readouterr().err
    assert run("verify", "--backup", str(tmp_path / "backup"), data=data) == 0


def test_a_manifest_that_names_a_file_elsewhere_restores_nothing(
    data: Path, tmp_path: Path
) -> None:
    to = tmp_path / "backup"
    assert run("backup", str(to), data=data) == 0
    manifest = json.loads((to / "manifest.json").read_text())
    manifest["files"]["../../outside"] = manifest["files"]["host.db"]
    (to / "manifest.json").write_text(json.dumps(manifest))
    assert run("restore", str(to), data=tmp_path / "new") == 1
    assert not (tmp_path / "new").exists()


def test_a_disk_that_is_full_leaves_no_half_backup(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> backup.BackedUp:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_copy", full)
    assert run("backup", str(tmp_path / "backup"), data=data) == 1
    assert list(tmp_path.iterdir()) == [data]


def test_with_postgresql_the_right_commands_are_said(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "host.toml"
    config.write_text(f'[database]\nurl = "{postgres.new_database()}"\n')
    arguments = ["--config", str(config), "--data", str(tmp_path)]
    for command in ("backup", "restore"):
        assert main([command, str(tmp_path / "to"), *arguments]) == 1
        said = capsys.readouterr().err
        assert "pg_dump --format=custom" in said
        assert "pg_restore --clean" in said

"""A database is brought to this version whole or not at all, by one host at a time."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from host_agent import columns
from host_agent.store import RunFilter, Store, StoreError, migrations, schema
from records import RunRecord, encode
from tests.host_agent.load import example_record
from tests.host_agent.postgres import PostgresServer
from tests.host_agent.store.filling import derive_all, keep, row, rows

VERSION_0_1 = Path(__file__).parents[2] / "data" / "version_0_1" / "host-postgres.sql"


def upgrade(url: str, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)
    engine.dispose()


def file_of_version_1(tmp_path: Path) -> tuple[str, RunRecord]:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    upgrade(url, "0001")
    record = example_record("a", 1)
    values = dict(zip(columns.ROW, row(record).row, strict=True))
    for name in ("signature", "profile", "unit"):  # columns of versions 4 and 8
        del values[name]
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.insert(schema.runs).values(values))
    engine.dispose()
    return url, record


def test_the_schema_and_the_migrations_agree(store: Store) -> None:
    engine = sa.create_engine(store.shown_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    engine.dispose()
    assert differences == []


def test_the_version_this_software_asks_for_is_the_last_one() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_an_older_file_is_upgraded_with_its_records(tmp_path: Path) -> None:
    url, record = file_of_version_1(tmp_path)
    with Store(url) as store:
        with pytest.raises(StoreError, match="has version 0001"):
            store.check_version()
        store.open()
        stored = store.run(record.record_id)
        assert stored is not None
        assert stored.record == encode(record)
        derive_all(store)
        assert len(rows(store, "SELECT * FROM measurements")) == 4
        assert keep(store, record).again == 1


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    url, _ = file_of_version_1(tmp_path)
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.execute("CREATE TABLE measurements (somebody_elses INTEGER)")
    connection.close()
    with Store(url) as store:
        with pytest.raises(StoreError, match="measurements already exists"):
            store.open()
        assert rows(store, "SELECT version_num FROM alembic_version") == [("0001",)]
        tables = {name for (name,) in rows(store, "SELECT name FROM sqlite_master")}
        assert "steps" not in tables
        assert len(rows(store, "SELECT * FROM runs")) == 1


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    url, _ = file_of_version_1(tmp_path)
    connection = sqlite3.connect(tmp_path / "old.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with Store(url) as store, pytest.raises(StoreError, match="it is older than the database"):
        store.open()


def test_a_second_host_on_the_same_file_is_refused(file_store: Store) -> None:
    with (
        Store(file_store.shown_url) as second,
        pytest.raises(StoreError, match="another pace-host"),
    ):
        second.open()


def spoil(path: Path) -> None:
    path.write_bytes(b"This is a letter, and no database at all. " * 100)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [(spoil, "not a database"), (Path.mkdir, "unable to open database file")],
)
def test_a_file_that_is_no_database_is_one_clear_line(
    tmp_path: Path, prepare: Callable[[Path], object], words: str
) -> None:
    prepare(tmp_path / "x.db")
    with Store(f"sqlite:///{tmp_path / 'x.db'}") as store, pytest.raises(StoreError, match=words):
        store.open()


def test_an_unknown_kind_of_database_is_one_clear_line() -> None:
    with pytest.raises(StoreError, match="'dbase://x' is no database"):
        Store("dbase://x")


def test_two_hosts_that_start_at_a_fresh_postgresql_at_once_both_run(
    postgres: PostgresServer,
) -> None:
    url, troubles = postgres.new_database(), list[Exception]()
    together = threading.Barrier(4)

    def start() -> None:
        try:
            with Store(url) as store:
                together.wait(20)
                store.open()
                store.check_version()
        except Exception as error:
            troubles.append(error)

    hosts = [threading.Thread(target=start, daemon=True) for _ in range(4)]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join(30)
    assert troubles == []
    assert not any(host.is_alive() for host in hosts)
    with Store(url) as store:
        store.open()
        assert rows(store, "SELECT name, number FROM totals ORDER BY name") == [
            ("derived", 0),
            ("runs", 0),
        ]


def test_a_postgresql_of_version_0_1_is_upgraded_with_its_records(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    with psycopg.connect(postgres.conninfo(url)) as connection:
        connection.execute(VERSION_0_1.read_bytes())
    with Store(url) as store:
        measurements = rows(store, "SELECT * FROM measurements ORDER BY 1, 2, 3")
        store.open()
        assert (store.counts().runs, store.counts().quarantined) == (3, 1)
        before = store.latest_runs(RunFilter(), limit=9)
        derive_all(store)
        assert rows(store, "SELECT * FROM measurements ORDER BY 1, 2, 3") == measurements
        assert rows(store, "SELECT * FROM flags") == []
        standings = store.standings(before)
        assert {one.state for one in standings.values()} == {"unsigned"}
        store.forget_derived()
        derive_all(store)
        after = store.latest_runs(RunFilter(), limit=9)
        assert [msgspec.structs.replace(one, profile="") for one in after] == before
        assert all(one.profile for one in after), "a column of version 8, from the records"
        assert rows(store, "SELECT * FROM measurements ORDER BY 1, 2, 3") == measurements != []


def test_totals_of_an_older_file_are_counted_once(tmp_path: Path) -> None:
    url, _ = file_of_version_1(tmp_path)
    upgrade(url, "0002")
    with Store(url) as store:
        store.open()
        assert (store.counts().runs, store.counts().underived) == (1, 1)
        derive_all(store)
        assert store.counts().underived == 0


def test_a_commit_waits_for_the_disk(file_store: Store) -> None:
    keep(file_store, example_record("a", 1))
    (mode,) = rows(file_store, "PRAGMA journal_mode")
    assert mode == ("wal",)
    with file_store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from host_agent import migrations, schema
from host_agent.messages import Refusal, Run, Sorted, now_text, read_run, sort
from host_agent.mqtt import Message
from host_agent.store import Kept, RunFilter, Store, StoreError
from records import (
    Basis,
    Device,
    Limit,
    Measurement,
    RunRecord,
    SlotState,
    StationState,
    StepRecord,
    Value,
    Verdict,
    encode,
    topics,
)
from tests.host_agent.load import example_record, record_ending


def row(record: RunRecord) -> Run:
    run = read_run(encode(record), record.station, now_text())
    assert isinstance(run, Run)
    return run


def keep(store: Store, *records: RunRecord) -> Kept:
    return store.keep(Sorted([row(record) for record in records], {}, []))


def refuse(store: Store, payload: bytes, name: str = "run") -> Refusal:
    topic = f"pace/1/bench-1/{name}".encode()
    answer = sort([Message(1, topic, payload, len(payload))], now_text())
    store.keep(answer)
    return answer.refusals[0]


def derive_all(store: Store) -> None:
    while store.derive():
        pass


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    """Through SQLite itself, as anybody's script would."""
    path = store.shown_url.removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_record_is_stored_once_however_often_it_comes(store: Store) -> None:
    record, other = example_record("a", 1), example_record("a", 2)
    assert keep(store, record) == Kept([], 1, 0)
    assert keep(store, record, other, record) == Kept([], 1, 2)
    assert keep(store, record, other) == Kept([], 0, 2)
    assert store.counts().runs == 2


def test_the_record_comes_back_byte_for_byte(store: Store) -> None:
    payload = encode(example_record("a", 1)).replace(b'"schema"', b' \t"schema"', 1)
    run = read_run(payload, "a", now_text())
    assert isinstance(run, Run)
    store.keep(Sorted([run], {}, []))
    stored = store.run(run.record_id)
    assert stored is not None
    assert stored.record == payload
    assert stored.summary.sha256 == run.sha256


def test_the_same_id_with_other_content_goes_to_the_quarantine(store: Store) -> None:
    first = example_record("a", 1)
    forged = example_record("a", 1, record_id=first.record_id, operator="Mallory")
    keep(store, first)
    kept = keep(store, forged, example_record("a", 2))
    assert (kept.new, kept.again) == (1, 0)
    (conflict,) = kept.conflicts
    assert conflict.record_id == first.record_id
    assert "other content" in conflict.reason
    stored = store.run(first.record_id)
    assert stored is not None
    assert stored.record == encode(first)
    (quarantined,) = store.quarantined(limit=9)
    found = store.quarantined_message(quarantined.id)
    assert found is not None
    assert found[1] == encode(forged)


def test_two_contents_for_one_id_in_one_batch_keep_the_first(store: Store) -> None:
    first = example_record("a", 1)
    second = example_record("a", 1, record_id=first.record_id, operator="Mallory")
    kept = keep(store, first, second)
    assert (kept.new, kept.again, len(kept.conflicts)) == (1, 0, 1)
    assert store.latest_runs(RunFilter(), limit=9)[0].operator == "Olga"


def test_a_row_the_database_cannot_keep_takes_nobody_with_it(store: Store) -> None:
    good, odd = row(example_record("a", 1)), row(example_record("a", 2))
    kept = store.keep(Sorted([good, odd._replace(sequence=2**70)], {}, []))
    assert (kept.new, kept.again) == (1, 0)
    assert "the database cannot keep it" in kept.conflicts[0].reason
    assert [run.sequence for run in store.latest_runs(RunFilter(), limit=9)] == [1]
    assert [one.record_id for one in store.quarantined(limit=9)] == [odd.record_id]


def test_a_message_sent_again_is_one_row_in_the_quarantine(store: Store) -> None:
    for _ in range(3):
        refuse(store, b"not json")
    refuse(store, b"not json", "state")
    state, run = store.quarantined(limit=9)
    assert (run.times, state.times) == (3, 1)
    assert run.complete
    assert store.counts().quarantined == 2


def test_states_are_the_last_ones(store: Store) -> None:
    slots = (SlotState(slot="A", asset_tag="AT-1", verdict=Verdict.PASS),)
    for state in (
        StationState(station="b", online=True, software="pace 0.1.0", waiting=3, slots=slots),
        StationState(station="a", online=True),
        StationState(station="a", online=False),
    ):
        store.keep(Sorted([], {state.station: (state, now_text())}, []))
    a, b = store.stations()
    assert (a.station, a.online) == ("a", False)
    assert (b.online, b.waiting, b.slots) == (True, 3, list(slots))


def test_runs_are_filtered_and_turned_page_by_page(store: Store) -> None:
    for sequence in range(1, 8):
        station = "ab"[sequence % 2]
        device = Device(asset_tag=f"AT-{sequence % 3}", kind="usb-keyboard")
        if sequence == 5:
            keep(store, record_ending(Verdict.FAIL, station, sequence, device=device))
        else:
            keep(store, example_record(station, sequence, device=device))

    def found(*, before: int | None = None, **which: Any) -> list[int]:
        return [
            run.sequence for run in store.latest_runs(RunFilter(**which), limit=3, before=before)
        ]

    assert found() == [7, 6, 5]
    assert found(before=5) == [4, 3, 2]
    assert found(station="a") == [6, 4, 2]
    assert found(verdict=Verdict.FAIL) == [5]
    assert found(asset_tag="AT-0") == [6, 3]
    assert found(station="b", asset_tag="AT-0") == [3]
    assert found(station="'; DROP TABLE runs; --") == []
    assert store.verdicts() == {
        "skipped": 0, "pass": 6, "fail": 1, "aborted": 0, "error": 0, "marginal": 6,
    }  # fmt: skip
    assert store.verdicts("a")["pass"] == 3


VALUES: list[tuple[Value, tuple[Any, ...]]] = [
    (1.5, (1.5, None, None)),
    (3, (3.0, None, None)),
    (True, (None, None, 1)),
    ("left", (None, "left", None)),
    (10**400, (None, "1" + "0" * 400, None)),
]


def test_steps_and_measurements_are_derived_from_the_record(store: Store) -> None:
    record = example_record("a", 1)
    extra = StepRecord(
        step="x",
        title="Values of every kind",
        verdict=Verdict.ERROR,
        started_at=record.started_at,
        reason="no reply",
        clause="7.3",
        measurements=(
            *(
                Measurement(name=str(number), value=value, unit="u")
                for number, (value, _) in enumerate(VALUES)
            ),
            Measurement(
                name="equal",
                value=True,
                limit=Limit(basis=Basis.SOURCE, source="IEC 1", equals=True),
                verdict=Verdict.PASS,
            ),
        ),
    )
    changes = {"steps": (*record.steps, extra), "verdict": Verdict.ERROR, "marginal": False}
    keep(store, example_record("a", 0), example_record("a", 1, **changes))
    derive_all(store)
    steps = rows(store, "SELECT number, step, verdict, reason, clause FROM steps WHERE run_id = 2")
    assert steps[0] == (0, "adapter.no_load", "pass", "", "")
    assert steps[2] == (2, "x", "error", "no reply", "7.3")
    values = rows(
        store,
        "SELECT value_number, value_text, value_bool FROM measurements "
        "WHERE run_id = 2 AND step_number = 2 ORDER BY number",
    )
    assert values[:-1] == [columns for _, columns in VALUES]
    assert rows(
        store,
        "SELECT limit_min, limit_max, limit_equals, basis, source, verdict FROM measurements "
        "WHERE name = 'equal'",
    ) == [(None, None, "true", "source", "IEC 1", "pass")]
    assert rows(
        store,
        "SELECT limit_min, limit_guard, basis, marginal FROM measurements WHERE run_id = 1 "
        "AND name = 'efficiency'",
    ) == [(0.85, 0.03, "general", 1)]
    assert store.counts().underived == 0


def test_derived_tables_can_be_made_again(store: Store) -> None:
    keep(store, *(example_record("a", sequence) for sequence in range(5)))
    assert store.derive(2)
    assert store.counts().underived == 3
    derive_all(store)
    before = rows(store, "SELECT * FROM measurements")
    assert len(before) == 20
    store.forget_derived()
    assert store.counts().underived == 5
    derive_all(store)
    assert rows(store, "SELECT * FROM measurements") == before


def test_release_stores_what_can_be_stored_now(store: Store) -> None:
    record = example_record("bench-1", 1)
    forged = example_record("bench-1", 1, record_id=record.record_id, operator="Mallory")
    with_a_future_schema = encode(record).replace(b"pace.run/1", b"pace.run/9")
    refuse(store, with_a_future_schema)
    (quarantined,) = store.quarantined(limit=9)
    with pytest.raises(StoreError, match=r"still refused: schema 'pace.run/9'"):
        store.release(quarantined.id)
    with pytest.raises(StoreError, match="number 77"):
        store.release(77)

    # As if an earlier version of this software had refused a good record.
    store.keep(Sorted([], {}, [refusal_of(forged)]))
    assert store.release(store.quarantined(limit=1)[0].id) == forged.record_id
    assert store.quarantined(limit=1)[0].released_at is not None
    assert store.quarantined_number() == 1

    store.keep(Sorted([], {}, [refusal_of(record)]))
    with pytest.raises(StoreError, match="other content"):
        store.release(store.quarantined(limit=1)[0].id)


def test_release_needs_all_the_bytes(store: Store) -> None:
    refusal = refusal_of(example_record("bench-1", 1))
    store.keep(Sorted([], {}, [refusal._replace(size=5_000_000)]))
    assert not store.quarantined(limit=1)[0].complete
    with pytest.raises(StoreError, match="only the first"):
        store.release(store.quarantined(limit=1)[0].id)


def refusal_of(record: RunRecord) -> Refusal:
    run = row(record)
    return Refusal(
        topic=topics.run(run.station),
        station=run.station,
        record_id=run.record_id,
        reason="refused by an earlier version",
        received_at=run.received_at,
        size=len(run.record),
        sha256=run.sha256,
        payload=run.record,
    )


# Versions of the database


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
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.insert(schema.runs).values(row(record)._asdict()))
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


def test_a_second_host_on_the_same_file_is_refused(store: Store) -> None:
    with Store(store.shown_url) as second, pytest.raises(StoreError, match="another pace-host"):
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


def test_a_commit_waits_for_the_disk(store: Store) -> None:
    keep(store, example_record("a", 1))
    (mode,) = rows(store, "PRAGMA journal_mode")
    assert mode == ("wal",)
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL

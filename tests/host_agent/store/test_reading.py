"""Runs are filtered and turned page by page; totals cost the same however many runs there are."""

import sqlite3
from typing import Any

from host_agent.store import RunFilter, Store
from records import Device, Verdict
from tests.host_agent.load import example_record, record_ending
from tests.host_agent.store.filling import derive_all, keep, refuse, rows


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
    assert found(station=("a",)) == [6, 4, 2]
    assert found(verdict=("fail",)) == [5]
    assert found(asset_tag=("AT-0",)) == [6, 3]
    assert found(station=("b",), asset_tag=("AT-0",)) == [3]
    assert found(station=("'; DROP TABLE runs; --",)) == []
    assert store.verdicts() == {
        "pass": 6, "fail": 1, "error": 0, "aborted": 0, "incomplete": 0, "marginal": 6,
    }  # fmt: skip
    assert store.verdicts(RunFilter(station=("a",)))["pass"] == 3


def instructions(store: Store) -> int:
    """Return how many instructions of its machine SQLite needs for the totals."""
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    with store._engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_progress_handler(count, 1)
    store.counts()
    raw.set_progress_handler(None, 0)
    return counted


def test_totals_cost_the_same_however_many_runs_there_are(file_store: Store) -> None:
    """A monitor asks for health again and again, and `rebuild` after each portion."""
    keep(file_store, example_record("a", 0))
    refuse(file_store, b"not json")
    before = instructions(file_store)
    keep(file_store, *(example_record("a", sequence) for sequence in range(1, 400)))
    assert file_store.counts().runs == 400
    assert 10 < instructions(file_store) <= before  # SQLite 3.46 has a shorter way to the second


def test_totals_are_true_after_repeats_conflicts_and_rebuilding(store: Store) -> None:
    first = example_record("a", 1)
    forged = example_record("a", 1, record_id=first.record_id, operator="Mallory")
    keep(store, first, example_record("a", 2))
    keep(store, first, forged, example_record("a", 3))
    assert (store.counts().runs, store.counts().underived) == (3, 3)
    store.derive(2)
    assert store.counts().underived == 1
    store.forget_derived()
    assert (store.counts().runs, store.counts().underived) == (3, 3)
    derive_all(store)
    assert (store.counts().runs, store.counts().underived) == (3, 0)


def test_what_waits_in_quarantine_is_counted_by_an_index_alone(file_store: Store) -> None:
    query = "EXPLAIN QUERY PLAN SELECT count(*) FROM quarantine WHERE released_at IS NULL"
    ((*_, plan),) = rows(file_store, query)
    assert "COVERING INDEX quarantine_released_at" in plan

"""Arriving runs are stored once, whole, and durable; on each kind of database."""

from host_agent import columns
from host_agent.messages import Other, Run, Sorted, read_again
from host_agent.store import Kept, RunFilter, Store
from host_agent.text import now_text
from records import SlotState, StationState, Verdict, encode
from tests.host_agent.load import example_record
from tests.host_agent.store.filling import keep, refuse, row, rows


def test_a_record_is_stored_once_however_often_it_comes(store: Store) -> None:
    record, other = example_record("a", 1), example_record("a", 2)
    assert keep(store, record) == Kept([], 1, 0)
    assert keep(store, record, other, record) == Kept([], 1, 2)
    assert keep(store, record, other) == Kept([], 0, 2)
    assert store.counts().runs == 2


def test_the_record_comes_back_byte_for_byte(store: Store) -> None:
    payload = encode(example_record("a", 1)).replace(b'"schema"', b' \t"schema"', 1)
    run = read_again(payload, "a", now_text())
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
    values = dict(zip(columns.ROW, odd.row, strict=True)) | {"sequence": 2**70}
    wide = tuple(values[name] for name in columns.ROW)
    kept = store.keep(Sorted([good, odd._replace(row=wide)], {}, []))
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


def test_a_plan_of_two_stations_is_kept_once_for_each_message(store: Store) -> None:
    """Each is a link of its own station's chain."""
    ours = Other("5e" * 32, "a", "pace.plan/1", "", "now", "aa", b"{}", b"signed by a")
    theirs = ours._replace(station="b", sha256="bb", signature=b"signed by b")
    for _ in range(2):
        store.keep(Sorted([], {}, [], [ours, theirs]))
    assert rows(store, "SELECT station, signature FROM others ORDER BY id") == [
        ("a", b"signed by a"),
        ("b", b"signed by b"),
    ]

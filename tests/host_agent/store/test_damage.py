"""Bytes without their hash are never served as good, and are whole when they come again."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from host_agent.store import DamageError, RunFilter, Store
from records import encode
from records.messages import EventRecord, PlanRecord
from tests.host_agent.load import example_record
from tests.host_agent.store import test_attachments as pieces
from tests.host_agent.store.evidence.signing import Card, settle, tell
from tests.host_agent.store.filling import derive_all, refuse, rows


def change(store: Store, statement: str, **values: Any) -> None:
    """Change the database as no host would, over a connection of its own."""
    engine = sa.create_engine(store.shown_url)
    with engine.begin() as connection:
        assert connection.execute(sa.text(statement), values).rowcount >= 1
    engine.dispose()


def rot(store: Store, table: str, record_id: str, old: bytes, new: bytes) -> None:
    """Change some bytes of a stored record, as a worn disk does."""
    engine = sa.create_engine(store.shown_url)
    with engine.begin() as connection:
        where = {"name": record_id}
        query = sa.text(f"SELECT record FROM {table} WHERE record_id = :name")
        record = bytes(connection.execute(query, where).scalar_one())
        assert old in record
        connection.execute(
            sa.text(f"UPDATE {table} SET record = :record WHERE record_id = :name"),
            {**where, "record": record.replace(old, new)},
        )
    engine.dispose()


def test_a_value_that_rotted_is_never_served(store: Store) -> None:
    record = example_record("bench-1", 1)
    tell(store, "bench-1", encode(record))
    assert store.run(record.record_id) is not None
    rot(store, "runs", record.record_id, b'"value":19.51', b'"value":18.51')
    with pytest.raises(DamageError, match=f"the record {record.record_id} of bench-1 is damaged"):
        store.run(record.record_id)
    (listed,) = store.latest_runs(RunFilter(), limit=9)
    assert store.standings([listed])[record.record_id].state == "damaged"
    assert [one.name for one in store.damaged()] == [record.record_id]
    (trouble,) = store.evidence_troubles()
    assert trouble.startswith("Damaged on the host's disk, not shown and asked for again: 1 rec")
    with pytest.raises(DamageError):
        store.run(record.record_id)
    assert len(store.damaged()) == 1


def test_what_rotted_before_it_was_derived_makes_no_rows_and_stops_nothing(store: Store) -> None:
    bad, good = example_record("bench-1", 1), example_record("bench-1", 2)
    tell(store, "bench-1", encode(bad), encode(good))
    rot(store, "runs", bad.record_id, b'"value":19.51', b'"value":18.51')
    derive_all(store)
    assert rows(store, "SELECT DISTINCT run_id FROM measurements") == [(2,)]
    assert store.counts().underived == 0
    assert [one.name for one in store.damaged()] == [bad.record_id]


@pytest.mark.parametrize("derived_before", [True, False])
@pytest.mark.parametrize("linked_before", [True, False])
def test_a_damaged_record_is_asked_for_by_its_position_and_mended_when_it_comes(
    store: Store, derived_before: bool, linked_before: bool
) -> None:
    card = Card()
    records = [example_record("bench-1", number) for number in (1, 2)]
    messages = [card.sign(one) for one in records]
    tell(store, "bench-1", card.state(), topic="state")
    tell(store, "bench-1", *messages)
    first_came = store.latest_runs(RunFilter(), limit=1)[0].received_at
    if linked_before:
        settle(store)
    if derived_before:
        derive_all(store)
    rot(store, "runs", records[1].record_id, b"Olga", b"Olgb")
    settle(store)
    derive_all(store)
    with pytest.raises(DamageError):
        store.run(records[1].record_id)
    if linked_before:
        (due,) = store.due_requests()
        asked = [(one.first, one.last) for one in due.request.records]
        assert asked == [(2, 2)]
        store.note_asked([due])
        assert [one.request.records for one in store.due_requests()] == []

    assert tell(store, "bench-1", messages[1]).again == 1
    settle(store)
    derive_all(store)
    assert store.damaged() == []
    assert store.evidence_troubles() == []
    stored = store.run(records[1].record_id)
    assert stored is not None
    assert stored.record == encode(records[1])
    assert stored.summary.received_at == first_came
    assert store.standings([stored.summary])[records[1].record_id].state == "offered"
    assert store.counts().underived == 0
    assert len(rows(store, "SELECT * FROM measurements")) == 8
    assert list(store.mistakes()) == []


def test_a_damaged_plan_is_not_served_while_another_stations_copy_is(store: Store) -> None:
    plan = encode(PlanRecord(plan="p", kind="laptop-adapter", title="Adapter"))
    sha256 = hashlib.sha256(plan).hexdigest()
    first, second = Card("bench-1").sign(plan), Card("bench-2").sign(plan)
    tell(store, "bench-1", first)
    rot(store, "others", sha256, b"Adapter", b"Adaptes")
    with pytest.raises(DamageError, match="the message"):
        store.plan(sha256)
    tell(store, "bench-2", second)
    assert store.plan(sha256) == plan
    tell(store, "bench-1", first)
    assert store.damaged() == []
    assert list(store.mistakes()) == []


def test_a_damaged_event_is_left_out_and_counted(store: Store) -> None:
    record = example_record("bench-1", 1)
    events = [
        EventRecord(
            record_id=f"e{number}",
            station="bench-1",
            operator="Olga",
            asset_tag="AT-1",
            event="repaired",
            at=record.started_at,
        )
        for number in (1, 2)
    ]
    tell(store, "bench-1", *(encode(one) for one in events))
    rot(store, "others", "e1", b"repaired", b"repaires")
    assert [one.record_id for one in store.events("AT-1", limit=9)] == ["e2"]
    assert [one.kind for one in store.damaged()] == ["other"]


def test_an_attachment_that_rotted_is_set_aside_asked_for_and_whole_again(store: Store) -> None:
    pieces.send(store, *(pieces.message(at) for at in (0, 262_144, 524_288)))
    path = store.attachments_folder / pieces.SHA256
    path.write_bytes(pieces.DATA[:-1] + bytes([pieces.DATA[-1] ^ 1]))
    assert store.attachment_file(pieces.SHA256) is None
    assert [one.kind for one in store.damaged()] == ["attachment"]
    assert rows(store, "SELECT kind, name FROM wanted") == [("attachment", pieces.SHA256)]
    pieces.send(store, *(pieces.message(at) for at in (0, 262_144, 524_288)))
    assert pieces.whole(store) == pieces.DATA
    assert store.damaged() == []
    assert rows(store, "SELECT * FROM wanted") == []


def test_a_message_in_quarantine_that_rotted_is_not_shown(store: Store) -> None:
    refuse(store, b"nonsense")
    change(store, "UPDATE quarantine SET payload = :payload", payload=b"nonsensf")
    with pytest.raises(DamageError, match="in quarantine"):
        store.quarantined_message(1)
    assert next(str(one) for one in store.mistakes()).startswith("damaged: the message in quar")


# The whole database


@pytest.fixture
def filled(store: Store) -> Store:
    card = Card()
    tell(store, "bench-1", *(card.sign(example_record("bench-1", number)) for number in (1, 2, 3)))
    tell(store, "bench-1", card.sign(encode(PlanRecord(plan="p", kind="laptop-adapter"))))
    tell(store, "bench-1", card.state(), topic="state")
    pieces.send(store, *(pieces.message(at) for at in (0, 262_144, 524_288)))
    refuse(store, b"nonsense")
    settle(store)
    derive_all(store)
    assert list(store.mistakes()) == []
    return store


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE runs SET verdict = 'fail' WHERE id = 2", "columns"),
        ("UPDATE runs SET asset_tag = 'AT-7' WHERE id = 2", "columns"),
        ("UPDATE runs SET marginal = NOT marginal WHERE id = 2", "columns"),
        ("UPDATE runs SET sha256 = '00' WHERE id = 2", "damaged"),
        ("UPDATE others SET sha256 = '00'", "damaged"),
        ("UPDATE steps SET verdict = 'fail' WHERE run_id = 1 AND number = 1", "steps"),
        ("DELETE FROM measurements WHERE run_id = 3 AND number = 0", "measurements"),
        (
            "UPDATE measurements SET value_number = 1 WHERE run_id = 3 AND number = 0",
            "measurements",
        ),
        ("INSERT INTO flags VALUES (1, 0, 'a', 'b', 'c')", "flags"),
        ("UPDATE totals SET number = 7 WHERE name = 'runs'", "totals"),
        ("UPDATE links SET position = 9 WHERE position = 2", "link"),
        ("DELETE FROM links WHERE position = 2", "chain"),
    ],
)
def test_verify_finds_what_no_longer_agrees(filled: Store, statement: str, what: str) -> None:
    change(filled, statement)
    assert what in {one.what for one in filled.mistakes()}


def test_verify_finds_a_signature_that_does_not_fit_and_files_that_changed(filled: Store) -> None:
    card = Card("bench-2")
    record = example_record("bench-2", 1)
    forged = card.sign(record).replace(b'"Olga"', b'"Otto"')
    tell(filled, "bench-2", card.state(), topic="state")
    settle(filled)
    tell(filled, "bench-2", forged)
    settle(filled)
    path = filled.attachments_folder / pieces.SHA256
    path.write_bytes(os.urandom(len(pieces.DATA)))
    found = {one.what for one in filled.mistakes()}
    assert {"signature", "attachment"} <= found
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def rotting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str, bytes]]:
    folder: Path = tmp_path_factory.mktemp("rotting")
    with Store(f"sqlite:///{folder / 'host.db'}") as opened:
        opened.open()
        record = example_record("bench-1", 1)
        message = Card().sign(record)
        tell(opened, "bench-1", message)
        yield opened, record.record_id, message


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_flipped_bit_of_a_stored_message_is_noticed(
    rotting: tuple[Store, str, bytes], data: st.DataObject
) -> None:
    store, record_id, message = rotting
    signature, _, record = message.partition(b"\n")
    whole = bytearray(signature + record)
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    change(
        store,
        "UPDATE runs SET signature = :signature, record = :record",
        signature=bytes(whole[: len(signature)]),
        record=bytes(whole[len(signature) :]),
    )
    with pytest.raises(DamageError):
        store.run(record_id)

"""Of each run it is said: received, verified, or why not; and whose key it was."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from nacl.signing import SigningKey

from host_agent import messages
from host_agent.store import Store, StoreError
from host_agent.text import utc_text
from records import PlanRecord, RunRecord, encode
from records.keys import endorse, verify_keys
from records.messages import EventRecord
from records.signing import digest, split, verify
from tests.host_agent.load import example_record
from tests.host_agent.store.evidence.signing import Card, settle, tell
from tests.host_agent.store.filling import derive_all, keep, rows


def standing(store: Store, record_id: str) -> tuple[str, str]:
    stored = store.run(record_id)
    assert stored is not None
    one = store.standings([stored.summary])[record_id]
    return one.state, one.text


def test_a_run_is_received_then_offered_then_verified(store: Store) -> None:
    card, record = Card(), example_record("bench-1", 1)
    message = card.sign(record)
    tell(store, "bench-1", message)
    assert standing(store, record.record_id)[0] == "received"
    settle(store)
    state, text = standing(store, record.record_id)
    assert (state, card.public.kid in text) == ("unknown_key", True)
    tell(store, "bench-1", card.state(), topic="state")
    settle(store)
    assert standing(store, record.record_id)[0] == "offered"
    (changed,) = store.trust(card.public.kid[:12])
    assert (changed.kid, changed.state) == (card.public.kid, "trusted")
    assert standing(store, record.record_id)[0] == "verified"
    stored = store.run(record.record_id)
    assert stored is not None
    assert (stored.record, stored.summary.sha256) == (encode(record), digest(message))
    assert rows(store, "SELECT signature FROM runs") == [(split(message).signature,)]


def test_an_unsigned_run_says_so(store: Store) -> None:
    record = example_record("bench-1", 1)
    keep(store, record)
    settle(store)
    assert standing(store, record.record_id)[0] == "unsigned"


def test_a_record_that_was_altered_is_kept_and_not_verified(store: Store) -> None:
    card = Card()
    record = example_record("bench-1", 1)
    message = card.sign(record).replace(b"Olga", b"Olgo")
    no_header = b"AAAA" + card.sign(other := example_record("bench-1", 2))
    tell(store, "bench-1", card.state(), topic="state")
    settle(store)
    store.trust(card.public.kid)
    tell(store, "bench-1", message, no_header)
    settle(store)
    assert standing(store, record.record_id)[0] == "altered"
    assert standing(store, other.record_id)[0] == "altered"


def test_another_stations_key_verifies_nothing_until_it_is_given_to_this_one(store: Store) -> None:
    card = Card("bench-2")
    record = example_record("bench-1", 1)
    tell(store, "bench-2", card.state(), topic="state")
    settle(store)
    store.trust(card.public.kid)
    tell(store, "bench-1", card.sign(record))
    settle(store)
    assert standing(store, record.record_id)[0] == "other_station"
    store.trust(card.public.kid, "bench-1")
    assert standing(store, record.record_id)[0] == "verified"


def test_a_key_that_a_trusted_one_endorsed_is_trusted_and_no_other(store: Store) -> None:
    old, new, third = SigningKey.generate(), SigningKey.generate(), SigningKey.generate()
    first, second, stranger = Card(key=old), Card(key=new), Card(key=third)
    endorsed = endorse(second.public, old)
    forged = msgspec.structs.replace(
        stranger.public, endorsed_by=first.public.kid, endorsement="AA"
    )
    for card, key in ((first, first.public), (second, endorsed), (stranger, forged)):
        tell(store, "bench-1", card.state(key=key), topic="state")
        settle(store)
    assert {one.state for one in store.station_keys()} == {"offered"}
    changed = {one.kid: one.reason for one in store.trust(first.public.kid)}
    assert changed == {
        first.public.kid: "trusted by hand",
        second.public.kid: f"endorsed by key {first.public.kid}",
    }
    fourth = Card()
    by_second = endorse(fourth.public, new)
    tell(store, "bench-1", fourth.state(key=by_second), topic="state")
    settle(store)
    states = {one.kid: one.state for one in store.station_keys()}
    assert states == {
        first.public.kid: "trusted",
        second.public.kid: "trusted",
        stranger.public.kid: "offered",
        fourth.public.kid: "trusted",
    }
    exported = store.key_set()
    assert verify_keys(exported).keys() == states.keys() - {stranger.public.kid}


def test_a_revoked_keys_records_count_only_when_made_and_received_before(store: Store) -> None:
    card = Card()
    day = timedelta(days=1)
    now = datetime.now(UTC)
    early = example_record("bench-1", 1, started_at=now - 2 * day)
    late = example_record("bench-1", 2, started_at=now + day)
    backdated = example_record("bench-1", 3, started_at=now - 2 * day)
    tell(store, "bench-1", card.state(), topic="state")
    tell(store, "bench-1", card.sign(early), card.sign(late))
    settle(store)
    store.trust(card.public.kid)
    since = utc_text(datetime.now(UTC))
    assert store.revoke(card.public.kid, since).revoked_from == since
    tell(store, "bench-1", card.sign(backdated))
    settle(store)
    said = [standing(store, one.record_id)[0] for one in (early, late, backdated)]
    assert said == ["verified", "revoked", "revoked"]
    with pytest.raises(StoreError, match="is revoked since"):
        store.trust(card.public.kid)
    assert store.key_set().keys[0].revoked_at == since


def test_a_key_is_named_by_a_beginning_that_fits_one(store: Store) -> None:
    with pytest.raises(StoreError, match="no key begins with 'x'"):
        store.trust("x")
    for _ in range(3):
        tell(store, "bench-1", Card().state(), topic="state")
        settle(store)
    with pytest.raises(StoreError, match="3 keys begin with ''"):
        store.revoke("")


def test_a_station_cannot_fill_the_table_of_keys(store: Store) -> None:
    for _ in range(30):
        tell(store, "bench-1", Card().state(), topic="state")
        settle(store)
    assert len(store.station_keys()) == 20


def test_a_key_that_is_none_is_passed_over(store: Store) -> None:
    wrong = msgspec.structs.replace(Card().public, kid="x")
    tell(store, "bench-1", Card().state(key=wrong), topic="state")
    settle(store)
    assert store.station_keys() == []


def test_the_same_record_signed_again_is_a_fork_and_no_loss(store: Store) -> None:
    card, record = Card(), example_record("bench-1", 1)
    tell(store, "bench-1", card.state(head=None), topic="state")
    settle(store)
    first = card.sign(record)
    tell(store, "bench-1", first)
    card.restart("restored")
    card.head = None
    again = card.sign(record)
    kept = tell(store, "bench-1", again)
    assert (kept.new, kept.again, kept.conflicts) == (0, 1, [])
    tell(store, "bench-1", again)
    settle(store)
    (fork,) = store.findings()
    assert fork.kind == "fork"
    assert rows(store, "SELECT record_id, sha256 FROM others") == [
        (record.record_id, digest(again))
    ]
    assert store.quarantined_number() == 0
    forged = msgspec.structs.replace(record, operator="Mallory")
    assert len(tell(store, "bench-1", card.sign(forged)).conflicts) == 1
    assert store.quarantined_message(1) is not None


def test_a_signed_conflict_leaves_no_gap_in_its_chain(store: Store) -> None:
    card, record = Card(), example_record("bench-1", 1)
    tell(store, "bench-1", card.state(head=None), topic="state")
    tell(store, "bench-1", card.sign(record))
    broken_off = msgspec.structs.replace(record, operator="of a restored outbox")
    assert len(tell(store, "bench-1", card.sign(broken_off)).conflicts) == 1
    tell(store, "bench-1", card.sign(example_record("bench-1", 2)))
    tell(store, "bench-1", card.state(), topic="state")
    settle(store)
    assert store.findings() == []
    assert store.quarantined_number() == 1


def test_a_conflict_is_kept_in_the_quarantine_with_its_signature(store: Store) -> None:
    card, record = Card(), example_record("bench-1", 1)
    keep(store, msgspec.structs.replace(record, operator="Mallory"))
    message = card.sign(record)
    tell(store, "bench-1", message)
    found = store.quarantined_message(1)
    assert found is not None
    assert found[1] == message
    assert found[0].complete
    assert found[0].sha256 == digest(message)


def test_every_run_is_judged_and_what_contradicts_itself_is_flagged(store: Store) -> None:
    good = example_record("bench-1", 1)
    bad = example_record("bench-1", 2, duration_s=-4.0)
    doubled = encode(example_record("bench-1", 3)).replace(
        b'"operator":"Olga"', b'"operator":"Mallory","operator":"Olga"'
    )
    keep(store, good, bad)
    tell(store, "bench-1", doubled)
    derive_all(store)
    assert store.flagged([1, 2, 3]).keys() >= {2, 3}
    assert ("duration", "the run took -4.0 s") in {(one.what, one.text) for one in store.flags(2)}
    assert "repeated_key" in {one.what for one in store.flags(3)}
    before = rows(store, "SELECT * FROM flags ORDER BY 1, 2")
    store.forget_derived()
    assert store.flags(2) == []
    derive_all(store)
    assert rows(store, "SELECT * FROM flags ORDER BY 1, 2") == before
    assert store.counts().runs == 3


def test_a_run_that_breaks_the_judge_is_flagged_and_stops_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("host_agent.store.deriving.contradictions", broken)
    keep(store, example_record("bench-1", 1))
    derive_all(store)
    assert [(one.what, one.text) for one in store.flags(1)] == [
        ("not_judged", "it cannot be judged: out of order")
    ]


PLAN = PlanRecord(plan="laptop-adapter", kind="laptop-adapter")


def test_a_plan_that_a_run_names_is_asked_for_until_it_is_here(store: Store) -> None:
    card = Card()
    sha256 = digest(encode(PLAN))
    record = example_record("bench-1", 1, plan_sha256=sha256)
    tell(store, "bench-1", card.state(head=None), topic="state")
    tell(store, "bench-1", card.sign(record))
    derive_all(store)
    now = datetime.now(UTC) + timedelta(seconds=1)
    (due,) = store.due_requests(now)
    assert (due.station, due.request.plans) == ("bench-1", (sha256,))
    store.note_asked([due], now)
    assert store.due_requests(now) == []
    assert len(store.due_requests(now + timedelta(seconds=11))) == 1
    assert store.plan(sha256) is None
    tell(store, "bench-1", card.sign(PLAN))
    settle(store)
    assert store.plan(sha256) == encode(PLAN)
    assert store.due_requests(now + timedelta(days=1)) == []
    tell(store, "bench-1", card.sign(example_record("bench-1", 2, plan_sha256=sha256)))
    derive_all(store)
    assert store.due_requests(now + timedelta(days=1)) == []


def test_events_are_listed_at_their_unit_newest_first(store: Store) -> None:
    card = Card()
    events = [
        EventRecord(
            record_id=f"e-{number}",
            station="bench-1",
            operator="",
            asset_tag="A" if number else "B",
            event="intake",
            at=datetime.now(UTC),
        )
        for number in range(3)
    ]
    tell(store, "bench-1", *(card.sign(event) for event in events))
    listed = store.events("A", limit=9)
    assert [one.record for one in listed] == [encode(events[2]), encode(events[1])]


def as_before_version_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the host be one that reads no record of version 2, plan or event."""
    monkeypatch.setattr(messages, "_AS_SENT", (b'{"schema":"pace.run/1",',))
    monkeypatch.setattr(messages, "RUNS", frozenset({"pace.run/1"}))
    monkeypatch.setattr(messages, "READ_HERE", frozenset({"pace.run/1"}))


def test_what_only_a_later_version_reads_is_kept_counted_and_read_after_the_upgrade(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card()
    runs: list[RunRecord] = [example_record("bench-1", number) for number in range(3)]
    event = EventRecord(
        record_id="e",
        station="bench-1",
        operator="",
        asset_tag="A",
        event="intake",
        at=datetime.now(UTC),
    )
    with monkeypatch.context() as older:
        as_before_version_2(older)
        sent = [card.sign(one) for one in (*runs, PLAN, event)]
        kept = tell(store, "bench-1", *sent)
        assert kept.conflicts == []
        assert (store.counts().unread, store.counts().runs) == (5, 0)
        derive_all(store)
        assert store.counts().unread == 5
    received = rows(store, "SELECT received_at FROM others WHERE schema = 'pace.run/2'")
    derive_all(store)
    assert store.counts().unread == 0
    assert [run.record_id for run in runs] == [
        row[0] for row in rows(store, "SELECT record_id FROM runs ORDER BY id")
    ]
    for run, message in zip(runs, sent, strict=False):
        stored = store.run(run.record_id)
        assert stored is not None
        assert stored.record == encode(run)
        assert stored.summary.sha256 == digest(message)
        assert stored.summary.received_at in {one for (one,) in received}
    assert store.events("A", limit=9)[0].record == encode(event)
    assert store.plan(digest(encode(PLAN))) == encode(PLAN)
    assert rows(store, "SELECT count(*) FROM others") == [(2,)]
    assert len(rows(store, "SELECT * FROM measurements")) == 12
    settle(store)
    keys = {card.public.kid: card.key.verify_key}
    assert verify(sent[0], keys).position == 1
    assert rows(store, "SELECT count(*) FROM links") == [(5,)]


def test_what_is_no_record_to_the_later_version_goes_to_the_quarantine_then(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card()
    record = encode(example_record("bench-1", 1)).replace(b'"steps":[', b'"steps":7,"x":[')
    with monkeypatch.context() as older:
        as_before_version_2(older)
        tell(store, "bench-1", message := card.sign(record))
    derive_all(store)
    assert store.counts().unread == 0
    (quarantined,) = store.quarantined(limit=9)
    assert "steps" in quarantined.reason
    found = store.quarantined_message(quarantined.id)
    assert found is not None
    assert found[1] == message
    assert rows(store, "SELECT count(*) FROM others") == [(0,)]

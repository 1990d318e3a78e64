"""No message stops an ingest: each is stored, or refused alone, on both databases."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from host_agent import columns
from host_agent.messages import sort
from host_agent.mqtt import Message
from host_agent.store import Kept, RunFilter, Store, Which
from host_agent.store.care import quota
from host_agent.store.care.faults import is_of_the_row
from host_agent.store.deriving import MOST_ROWS
from host_agent.text import bounded, now_text
from records import Device, Head, Measurement, RunRecord, encode
from records.messages import EventRecord
from records.run import Attachment
from records.signing import Header, sign
from tests.host_agent.load import example_record
from tests.host_agent.postgres import PostgresServer
from tests.host_agent.store.evidence.signing import Card, settle
from tests.host_agent.store.filling import derive_all, refuse, rows

LONG = "ÄX\u4e2d" * 4000
"""12 000 letters, 24 000 bytes: no entry of an index of PostgreSQL may be so long."""


def arrive(store: Store, *payloads: bytes, topic: str = "pace/1/bench-1/run") -> Kept:
    messages = [Message(1, topic.encode(), one, len(one)) for one in payloads]
    return store.keep(sort(messages, now_text()))


def measured(record: RunRecord, *measurements: Measurement) -> RunRecord:
    step = msgspec.structs.replace(record.steps[0], measurements=measurements)
    return msgspec.structs.replace(record, steps=(step,))


def texts_everywhere(text: str) -> RunRecord:
    """Return a record whose every free text is `text`."""
    record = example_record("bench-1", 1)
    value = msgspec.to_builtins(record)
    fixed = {
        *("record_id", "station", "started_at", "asked_at", "schema", "verdict", "basis"),
        *("required", "proof"),
    }

    def change(one: Any, name: str = "") -> Any:
        if isinstance(one, dict):
            return {key: change(item, key) for key, item in one.items()}
        if isinstance(one, list | tuple):
            return [change(item, name) for item in one]
        return text if isinstance(one, str) and name not in fixed else one

    return msgspec.convert(change(value), RunRecord)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(texts_everywhere(LONG), id="every text is long"),
        pytest.param(
            example_record("bench-1", 1, device=Device(asset_tag=LONG, kind="k")), id="tag"
        ),
        pytest.param(example_record("bench-1", 1, plan_sha256=LONG), id="plan's hash"),
        pytest.param(
            example_record(
                *("bench-1", 1),
                attachments=tuple(
                    Attachment(name="a", sha256=f"{number:064x}", size_bytes=1)
                    for number in range(2000)
                ),
            ),
            id="attachments",
        ),
        pytest.param(
            measured(
                example_record("bench-1", 1),
                *(Measurement(name=str(number), value=number) for number in range(20_000)),
            ),
            id="measurements",
        ),
        pytest.param(
            measured(example_record("bench-1", 1), Measurement(name="n", value=10**30)),
            id="a number of thirty digits",
        ),
    ],
)
def test_a_record_that_is_odd_in_every_way_is_stored_derived_and_verified(
    store: Store, record: RunRecord
) -> None:
    good = example_record("bench-1", 2)
    card = Card()
    assert arrive(store, card.sign(record), card.sign(good)).new == 2
    settle(store)
    derive_all(store)
    assert store.counts().underived == 0
    stored = store.run(record.record_id)
    assert stored is not None
    assert stored.record == encode(record)
    assert list(store.mistakes()) == []
    assert len(rows(store, "SELECT * FROM measurements WHERE run_id = 1")) <= MOST_ROWS
    assert len(rows(store, "SELECT * FROM wanted")) <= 102
    tag = columns.row(record, now_text(), "", b"")[columns.ROW.index("asset_tag")]
    found = store.latest_runs(RunFilter(asset_tag=(str(tag),)), limit=9)
    assert record.record_id in {one.record_id for one in found}


def test_a_message_on_a_topic_of_forty_kilobytes_is_refused_and_told_apart(store: Store) -> None:
    first = "pace/1/bench-1/" + "ä" * 20_000
    for topic in (first, first + "x", first):
        arrive(store, b"{}", topic=topic)
    assert [one.times for one in store.quarantined(limit=9)] == [1, 2]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(encode(texts_everywhere("a\0b")), id="NUL"),
        pytest.param(
            encode(texts_everywhere("SIGN")).replace(b"SIGN", rb"\ud800"), id="half a character"
        ),
        pytest.param(
            encode(example_record("bench-1", 7)).replace(
                b'"sequence":7', b'"sequence":' + b"9" * 99
            ),
            id="a number of 99 digits",
        ),
        pytest.param(
            encode(example_record("bench-1", 7)).replace(b'"value":19.5', b'"value":1e999'),
            id="a float beyond all",
        ),
        pytest.param(b'{"schema":"pace.run/2","x":' + b"[" * 100_000, id="deep"),
        pytest.param(b'{"schema":"pace.run/2","x":' + b'{"a":' * 100_000, id="deep objects"),
        pytest.param(b"[" * 1_000_000, id="nothing but depth"),
    ],
)
def test_what_no_database_keeps_is_refused_alone(store: Store, payload: bytes) -> None:
    good = example_record("bench-1", 2)
    arrive(store, payload, encode(good))
    derive_all(store)
    assert store.run(good.record_id) is not None
    assert store.quarantined_number() + store.counts().runs == 2


@pytest.mark.parametrize(
    "when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z"]
)
def test_dates_at_the_ends_of_the_calendar_stop_nothing(store: Store, when: str) -> None:
    record = example_record("bench-1", 1)
    body = encode(record)
    began = body.split(b'"started_at":"')[1].split(b'"')[0]
    arrive(store, body.replace(began, when.encode()), encode(example_record("bench-1", 2)))
    derive_all(store)
    assert store.counts().underived == 0
    assert store.quarantined_number() + store.counts().runs == 2


def test_an_event_with_a_long_tag_is_kept_and_found(store: Store) -> None:
    record = example_record("bench-1", 1)
    event = EventRecord(
        record_id="e1",
        station="bench-1",
        operator="Olga",
        asset_tag=LONG,
        event="repaired",
        at=record.started_at,
    )
    arrive(store, encode(event))
    tag = bounded(LONG, columns.MOST_CHARACTERS)
    assert [one.record_id for one in store.events(tag, limit=9)] == ["e1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"chain": "c" * 1200},
        {"position": 2**80},
        {"after_position": 2**63, "after_chain": "c"},
        {"after_position": -1, "after_chain": "c"},
        {"chain": "a\0b"},
        {"previous": "p" * 500},
    ],
)
def test_a_signatures_header_that_no_table_keeps_makes_the_message_altered(
    store: Store, changes: dict[str, Any]
) -> None:
    card = Card()
    facts: dict[str, Any] = {
        "alg": "Ed25519",
        "kid": card.public.kid,
        "chain": "c",
        "position": 1,
        **changes,
    }
    record = example_record("bench-1", 1)
    arrive(store, card.state(), topic="pace/1/bench-1/state")
    arrive(store, sign(encode(record), card.key, Header(**facts)))
    settle(store)
    (listed,) = store.latest_runs(RunFilter(), limit=9)
    assert store.standings([listed])[record.record_id].state == "altered"


@pytest.mark.parametrize(
    "head",
    [
        Head(chain="c" * 12_000, position=1, digest="0" * 64),
        Head(chain="c", position=1, digest="d" * 12_000),
        Head(chain="a b", position=1, digest="0" * 64),
    ],
)
def test_a_states_head_that_no_table_keeps_is_refused(store: Store, head: Head) -> None:
    arrive(store, Card().state(head=head), topic="pace/1/bench-1/state")
    settle(store)
    assert store.quarantined_number() == 1


def test_a_state_of_a_megabyte_is_refused(store: Store) -> None:
    arrive(store, Card().state(software="x" * 1_000_000), topic="pace/1/bench-1/state")
    assert store.quarantined_number() == 1


def test_a_row_that_is_at_fault_is_found_among_many_and_refused_alone(store: Store) -> None:
    payloads = [encode(example_record("bench-1", number)) for number in range(40)]
    arrived = sort(
        [Message(1, b"pace/1/bench-1/run", one, len(one)) for one in payloads], now_text()
    )
    wide = columns.ROW.index("sequence")
    odd = arrived.runs[17]
    arrived.runs[17] = odd._replace(row=(*odd.row[:wide], 2**70, *odd.row[wide + 1 :]))
    kept = store.keep(arrived)
    assert (kept.new, [one.record_id for one in kept.conflicts]) == (39, [odd.record_id])
    assert store.counts().runs == 39


def test_an_index_entry_that_is_too_long_is_the_rows_fault(postgres: PostgresServer) -> None:
    with Store(postgres.new_database()) as store:
        store.open()
        engine = sa.create_engine(store.shown_url)
        insert = sa.text("INSERT INTO wanted VALUES ('plan', :name, 's', '', 0, '', false)")
        with engine.connect() as connection, pytest.raises(OperationalError) as refused:
            connection.execute(insert, {"name": "".join(map(chr, range(300, 9000)))})
        engine.dispose()
    assert is_of_the_row(refused.value)


def test_a_lost_server_and_our_own_faults_are_no_rows_fault() -> None:
    assert not is_of_the_row(OperationalError("", None, ConnectionError("gone")))
    assert not is_of_the_row(RuntimeError("ours"))


def test_a_missing_table_is_no_rows_fault(store: Store) -> None:
    engine = sa.create_engine(store.shown_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE others"))
    engine.dispose()
    record = EventRecord(
        record_id="e",
        station="bench-1",
        operator="",
        asset_tag="",
        event="x",
        at=example_record("bench-1", 1).started_at,
    )
    with pytest.raises(sa.exc.DBAPIError):
        arrive(store, encode(record))
    assert store.quarantined_number() == 0


# Quarantine: quota, purge, bulk release


def test_beyond_its_quota_the_quarantine_keeps_reasons_and_hashes_and_no_bytes(
    tmp_path: Path,
) -> None:
    with Store(f"sqlite:///{tmp_path / 'host.db'}", quarantine_quota_bytes=400_000) as store:
        store.open()
        for number in range(30):
            arrive(store, b"%2d" % number + b"x" * 10_000)
        arrive(store, b"y" * 10_000, topic="pace/1/bench-2/run")
        found = store.quarantined(limit=99)
        assert [one.complete for one in found] == [True] + [False] * 21 + [True] * 9
        assert len({one.sha256 for one in found}) == 31
        assert store.purge(Which(station="bench-1")) == 30
        assert store.quarantined_number() == 1


def test_more_messages_than_the_quarantine_holds_are_not_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "MOST_MESSAGES", 5)
    for number in range(9):
        arrive(store, b"%d" % number)
    assert store.quarantined_number() == 5
    good = example_record("bench-1", 1)
    assert arrive(store, encode(good)).new == 1


def test_some_of_the_quarantine_are_purged(store: Store) -> None:
    for payload in (b"nonsense", b"[]"):
        refuse(store, payload)
        arrive(store, payload, topic="pace/1/bench-2/run")
    assert store.purge(Which(station="bench-2", reason="malformed")) == 1
    assert store.purge(Which(before="2000-01-01T00:00:00.000000Z")) == 0
    assert store.purge(Which(released=True)) == 0
    assert store.quarantined_number() == 3
    assert store.purge(Which()) == 3


# Memory


_WORK = """
import resource, sys
from pathlib import Path
from host_agent.store import Store
import host_agent.cli.host, host_agent.service
from host_agent.messages import sort
from host_agent.mqtt import Message
from host_agent.text import now_text
limit = 512 * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
with Store("sqlite:///" + sys.argv[1]) as store:
    store.open()
    for path in sorted(Path(sys.argv[2]).iterdir()):
        body = path.read_bytes()
        store.keep(sort([Message(1, b"pace/1/bench-1/run", body, len(body))], now_text()))
    while (portion := store.signed_portion()) is not None:
        store.note_links(portion)
    while store.derive():
        pass
    print(store.counts().runs, store.counts().underived)
"""


@pytest.mark.timeout(300)
def test_sixty_records_of_a_mebibyte_fit_through_a_host_of_512_mib(tmp_path: Path) -> None:
    """`RLIMIT_AS` counts all that is mapped, which is more than the unit's `MemoryMax` counts."""
    folder = tmp_path / "records"
    folder.mkdir()
    card = Card()
    for number in range(60):
        record = measured(
            example_record("bench-1", number, operator="x" * 560_000),
            *(Measurement(name=f"m{at}", value=at / 7, unit="V") for at in range(8_000)),
        )
        message = card.sign(record)
        assert 900_000 < len(message) < 1_048_576
        (folder / f"{number:02}").write_bytes(message)
    done = subprocess.run(
        [sys.executable, "-c", _WORK, str(tmp_path / "host.db"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert (done.returncode, done.stdout) == (0, "60 0\n"), done.stderr

"""The ingest in this process, with real brokers, and a store that can be made to fail."""

import asyncio
import itertools
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from host_agent.ingest import Ingest, probe
from host_agent.messages import Sorted
from host_agent.mqtt import Address, Version
from host_agent.progress import STANDS_STILL_S, Progress
from host_agent.store import Kept, RunFilter, Store
from records import StationState, encode, topics
from tests.host_agent.load import example_record
from tests.host_agent.mqtt import far
from tests.host_agent.rig import Broker, Programs, needs_mosquitto, soon, speaker

_numbers = itertools.count()


class FragileStore(Store):
    """Full, for as long as the test says; or slow, until the test lets it go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite:///{path}")
        self.full = False
        self.attempts = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.underivable = ""

    def keep(self, arrived: Sorted) -> Kept:
        self.attempts += 1
        self.go_on.wait(30)
        if self.full:
            cause = sqlite3.OperationalError("database or disk is full")
            raise OperationalError("INSERT INTO runs …", None, cause)
        return super().keep(arrived)

    def derive(self, limit: int = 200) -> bool:
        if self.underivable:
            raise RuntimeError(self.underivable)
        return super().derive(limit)


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[FragileStore]:
    with FragileStore(tmp_path / "host.db") as store:
        store.open()
        yield store


def address(broker: Broker, message_limit_bytes: int = 1_048_576) -> Address:
    name = f"ingest-{os.getpid()}-{next(_numbers)}"
    return Address(broker[0], broker[1], name, message_limit_bytes=message_limit_bytes)


@asynccontextmanager
async def ingesting(
    store: Store, where: Address, version: Version | None = None, *, connected: bool = True
) -> AsyncIterator[Ingest]:
    ingest = Ingest(where, store, version=version)
    task = asyncio.create_task(ingest.run())
    try:
        if connected:
            await soon(lambda: ingest.progress.connected)
        yield ingest
    finally:
        ingest.stop()
        async with asyncio.timeout(20):
            await task


@pytest.fixture(params=["embedded", "mosquitto 3.1.1", "mosquitto 5"])
def spoken(request: pytest.FixtureRequest) -> tuple[Broker, Version | None]:
    """Return a broker, and the version of MQTT to speak with it; None finds out."""
    name, _, version = request.param.partition(" ")
    broker: Broker = request.getfixturevalue(name)
    versions: dict[str, Version | None] = {"": None, "3.1.1": 3, "5": 5}
    return broker, versions[version]


async def test_a_record_is_stored_and_its_station_has_a_receipt(
    store: Store, spoken: tuple[Broker, Version | None]
) -> None:
    broker, version = spoken
    record = example_record("receipt-1", 1)
    async with (
        ingesting(store, address(broker), version) as ingest,
        speaker(broker, "receipt-1") as station,
    ):
        await station.say(encode(record))
        await soon(lambda: station.stored == [record.record_id])
        assert store.run(record.record_id) is not None
        await station.say(encode(record))
        await soon(lambda: station.stored == [record.record_id] * 2)
        assert (ingest.progress.stored, ingest.progress.stored_again) == (1, 1)
    assert [
        run.record_id for run in store.latest_runs(RunFilter(station=("receipt-1",)), limit=9)
    ] == [record.record_id]


async def test_poison_of_every_kind_goes_to_the_quarantine_and_the_next_record_is_stored(
    store: Store, spoken: tuple[Broker, Version | None]
) -> None:
    broker, version = spoken
    name = "poison-1"
    good = [example_record(name, sequence) for sequence in range(8)]
    forged = example_record(name, 0, record_id=good[0].record_id, operator="Mallory")
    future = encode(good[7]).replace(b"pace.run/2", b"pace.report/9")
    stranger = example_record("somebody-else", 1)
    huge = encode(example_record(name, 9, operator="x" * 400_000))
    poison: list[tuple[bytes, str, str]] = [
        (b"\xff\xfe not a record", "", "malformed"),
        (b'{"schema":"pace.run/1","record_id":"cut-off', "", "truncated"),
        (future, "", "pace.report/9"),
        (encode(stranger), "", "'somebody-else' in the record"),
        (huge, "", "more than the host's limit"),
        (encode(forged), "", "other content"),
        (encode(good[1]), "pace/1/no name/run", "topic names no station"),
        (b"nonsense", topics.state(name), "malformed"),
    ]
    async with (
        ingesting(store, address(broker, message_limit_bytes=100_000), version) as ingest,
        speaker(broker, name) as station,
    ):
        for record, (payload, topic, _) in zip(good, poison, strict=True):
            await station.say(encode(record))
            await station.say(payload, topic)
        await soon(lambda: len(station.stored) >= len(good))
        await soon(lambda: ingest.progress.refused == len(poison))
        await soon(lambda: len(station.rejected) == 4)
    assert set(station.stored) == {record.record_id for record in good}
    reasons = {one.reason for one in store.quarantined(limit=99)}
    for _, _, words in poison:
        assert any(words in reason for reason in reasons), words
    assert station.rejected.keys() == {
        good[0].record_id,
        good[7].record_id,
        stranger.record_id,
        example_id(huge),
    }
    large = next(one for one in store.quarantined(limit=99) if one.size == len(huge))
    assert not large.complete


def example_id(payload: bytes) -> str:
    return payload.split(b'"record_id":"')[1].split(b'"')[0].decode()


async def test_there_is_no_receipt_before_the_commit(
    fragile: FragileStore, embedded: Broker
) -> None:
    record = example_record("slow-1", 1)
    async with ingesting(fragile, address(embedded)), speaker(embedded, "slow-1") as station:
        fragile.go_on.clear()
        await station.say(encode(record))
        await soon(lambda: fragile.attempts == 1)
        other = example_record("slow-1", 2)
        await station.say(encode(other))  # a round trip later there is still no receipt
        assert station.stored == []
        assert fragile.run(record.record_id) is None
        fragile.go_on.set()
        await soon(lambda: station.stored == [record.record_id, other.record_id])


async def test_a_full_disk_costs_no_record_and_gives_no_receipt(
    fragile: FragileStore, embedded: Broker
) -> None:
    records = [example_record("full-1", sequence) for sequence in range(20)]
    async with (
        ingesting(fragile, address(embedded)) as ingest,
        speaker(embedded, "full-1") as station,
    ):
        fragile.full = True
        for record in records:
            await station.say(encode(record))
        await soon(lambda: fragile.attempts >= 3)
        assert "disk is full" in ingest.progress.store_trouble
        assert station.stored == []
        fragile.full = False
        await soon(lambda: len(station.stored) == 20)
        assert ingest.progress.store_trouble == ""
    assert {run.record_id for run in fragile.latest_runs(RunFilter(), limit=99)} == {
        record.record_id for record in records
    }


@needs_mosquitto
@pytest.mark.parametrize("version", [3, 5])
async def test_what_was_not_committed_stays_with_the_broker(
    fragile: FragileStore, mosquitto: Broker, version: Version
) -> None:
    """No station sends anything again here: the acknowledgement alone decides."""
    name = f"kept-{version}"
    records = [example_record(name, sequence) for sequence in range(5)]
    where = address(mosquitto)
    fragile.full = True
    async with speaker(mosquitto, name) as station:
        async with ingesting(fragile, where, version):
            for record in records:
                await station.say(encode(record))
            await soon(lambda: fragile.attempts >= 1)
        assert station.stored == []
        fragile.full = False
        async with ingesting(fragile, where, version):
            await soon(lambda: len(set(station.stored)) == 5)
    assert len(fragile.latest_runs(RunFilter(), limit=99)) == 5


@needs_mosquitto
async def test_records_published_while_the_host_is_away_are_there_when_it_comes_back(
    store: Store, mosquitto: Broker
) -> None:
    where = address(mosquitto)
    async with ingesting(store, where):
        pass
    async with speaker(mosquitto, "away-1") as station:
        await station.say(encode(example_record("away-1", 1)))
        async with ingesting(store, where):
            await soon(lambda: len(station.stored) == 1)


async def test_the_last_state_of_a_station_is_kept(store: Store, embedded: Broker) -> None:
    async with ingesting(store, address(embedded)), speaker(embedded, "state-1") as station:
        for state in (
            StationState(station="state-1", online=True, waiting=2),
            StationState(station="state-1", online=False),
        ):
            await station.say(encode(state), topics.state("state-1"), retain=True)

        def gone() -> bool:
            return any(one.station == "state-1" and not one.online for one in store.stations())

        await soon(gone)


@needs_mosquitto
async def test_a_broker_that_comes_late_and_goes_away_is_waited_for(
    store: Store, programs: Programs
) -> None:
    broker = programs.mosquitto()
    broker.kill()
    async with ingesting(store, address(broker.address), connected=False) as ingest:
        assert await probe(address(broker.address), None)
        for sequence in range(2):
            broker.start()
            await soon(lambda: ingest.progress.connected)
            assert await probe(address(broker.address), None) == ""
            async with speaker(broker.address, "late-1") as station:
                record = example_record("late-1", sequence)
                await station.say(encode(record))
                await soon(lambda: station.stored == [record.record_id])  # noqa: B023
            broker.kill()
            await soon(lambda: not ingest.progress.connected)


@needs_mosquitto
async def test_a_broker_that_forbids_is_waited_for_and_said(
    store: Store, programs: Programs, caplog: pytest.LogCaptureFixture
) -> None:
    broker = programs.mosquitto("allow_anonymous false")
    async with ingesting(store, address(broker.address), connected=False):
        await soon(lambda: "not authorized" in caplog.text)
    assert "not authorized" in await probe(address(broker.address), None)


async def test_a_refused_subscription_is_named_in_log_health_and_page(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """mosquitto's access lists refuse no subscription, so this broker is a twin."""
    suback = bytes.fromhex("90 05 00 01 00 01 87")
    async with (
        far.broker(connect=[far.CONNACK_5], subscribe=[suback]) as (_, port),
        ingesting(store, address(("127.0.0.1", port)), 5, connected=False) as ingest,
    ):
        await soon(lambda: ingest.progress.broker_trouble)
        said = ingest.progress.troubles()[0]
    why = "the broker refused the subscription to 'pace/1/+/state': not authorized"
    assert said == f"Not connected to the broker, stations keep their records: {why}"
    assert why in caplog.text


@needs_mosquitto
async def test_receipts_that_the_broker_refuses_are_named_and_the_record_is_stored(
    store: Store, programs: Programs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "acl").write_text("topic write pace/1/+/run\ntopic read pace/#\n")
    as_root = "user root"  # else it may not read the list; without effect where it is not root
    broker = programs.mosquitto(as_root, f"acl_file {tmp_path / 'acl'}")
    record = example_record("mute-1", 1)
    async with ingesting(store, address(broker.address), 5) as ingest:
        assert ingest.progress.troubles() == []
        async with speaker(broker.address, "mute-1") as station:
            await station.say(encode(record))
            await soon(lambda: ingest.progress.broker_refusals)
        assert ingest.progress.troubles() == [
            "The broker refuses what the host publishes to pace/1/mute-1/receipt: not authorized"
        ]
    assert store.run(record.record_id) is not None
    assert "refused what we published to pace/1/mute-1/receipt: not authorized" in caplog.text


async def test_tables_that_cannot_be_derived_are_named_and_hold_up_no_receipt(
    fragile: FragileStore, embedded: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    fragile.underivable = "out of ink"
    async with (
        ingesting(fragile, address(embedded)) as ingest,
        speaker(embedded, "ink-1") as station,
    ):
        await soon(lambda: ingest.progress.derive_trouble)
        ingest._underived_since_s = 0.0  # as if that had been so for long
        for sequence in range(3):
            record = example_record("ink-1", sequence)
            await station.say(encode(record))
            await soon(lambda: record.record_id in station.stored, within_s=5.0)  # noqa: B023
        assert ingest.progress.troubles() == [
            "The tables of steps and measurements stand still: out of ink"
        ]
        assert caplog.text.count("cannot be derived now") == 1
        fragile.underivable = ""
        ingest._derive_again_s = 0.0
        await station.say(encode(example_record("ink-1", 4)))
        await soon(lambda: ingest.progress.troubles() == [])
        await soon(lambda: fragile.counts().underived == 0)


def test_tables_that_stand_still_without_a_reason_are_told_by_their_age() -> None:
    now_s = time.monotonic()
    progress = Progress(connected=True, behind_since_s=now_s - STANDS_STILL_S + 30)
    assert progress.troubles() == []
    progress.behind_since_s = now_s - STANDS_STILL_S - 1
    (said,) = progress.troubles()
    assert said.startswith("The tables of steps and measurements stand still: nothing was derived")
    progress.behind_since_s = None
    assert progress.troubles() == []


async def test_a_burst_larger_than_all_that_may_wait_is_stored_whole(
    fragile: FragileStore, embedded: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host_agent.ingest._WAITING_MESSAGES", 10)
    monkeypatch.setattr("host_agent.ingest._BATCH_MESSAGES", 5)
    records = [example_record("burst-1", sequence) for sequence in range(100)]
    async with ingesting(fragile, address(embedded)), speaker(embedded, "burst-1") as station:
        fragile.go_on.clear()
        async with asyncio.TaskGroup() as saying:
            for record in records:
                saying.create_task(station.say(encode(record)))
            await soon(lambda: fragile.attempts == 1)
            fragile.go_on.set()
        await soon(lambda: len(set(station.stored)) == 100)


async def test_steps_and_measurements_follow_by_themselves(store: Store, embedded: Broker) -> None:
    async with ingesting(store, address(embedded)), speaker(embedded, "follow-1") as station:
        await station.say(encode(example_record("follow-1", 1)))
        await soon(lambda: store.counts().runs == 1 and store.counts().underived == 0)


async def test_a_brokers_name_that_is_none_is_said_and_ends_nothing(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = Address("x" * 64, 1883, "h")
    async with ingesting(store, nowhere, connected=False):
        await soon(lambda: f"broker {'x' * 64}:1883: " in caplog.text)


async def test_open_pages_hear_that_the_broker_came_and_went(
    store: Store, programs: Programs
) -> None:
    broker = programs.embedded_broker()
    heard: list[bool] = []
    ingest = Ingest(address(broker), store, changed=lambda: heard.append(ingest.progress.connected))
    task = asyncio.create_task(ingest.run())
    try:
        await soon(lambda: heard == [True])
        (program,) = programs.running()
        program.kill()
        await soon(lambda: heard == [True, False])
    finally:
        ingest.stop()
        async with asyncio.timeout(20):
            await task

"""A host that lost what it had gets it back from its stations, without a person."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_agent import evidence_lane
from host_agent.store import RunFilter, Store
from host_agent.store.evidence import auditing
from records import StationState
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox
from station.delivery.publisher import Publisher
from tests.host_agent.rig import Broker, soon
from tests.host_agent.test_ingest import address, ingesting
from tests.station.benches import make_draft

NAME = "restored-1"
RUNS = 7


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path / "outbox.db")
    yield opened
    opened.close()


async def test_an_empty_host_is_sent_every_signed_record_again_from_the_stated_head(
    tmp_path: Path, embedded: Broker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(evidence_lane, "_LOOK_EVERY_S", 0.05)
    publisher = Publisher(
        NAME,
        BrokerAddress(host=embedded[0], port=embedded[1], mqtt_version=3),
        outbox,
        state=lambda: StationState(
            station=NAME,
            online=True,
            waiting=outbox.counts().waiting,
            key=outbox.public_key(NAME),
            head=outbox.head(),
        ),
        on_delivery=lambda delivery: None,
    )
    names = set()
    for _ in range(RUNS):
        run = outbox.begin(make_draft(station=NAME))
        outbox.finish(run)
        names.add(run.record_id)
    publisher.start()
    try:
        for life in ("before", "after"):
            with Store(f"sqlite:///{tmp_path / life}.db") as store:
                store.open()
                async with ingesting(store, address(embedded)) as ingest:
                    await soon(lambda: store.counts().runs == RUNS)
                    await soon(lambda: store.heads().keys() == {NAME})
                    await soon(lambda: store.findings() == [])
                    await soon(lambda: outbox.counts().waiting == 0)
                    assert ingest.progress.refused == 0
                found = store.latest_runs(RunFilter(station=(NAME,)), limit=99)
                assert {one.record_id for one in found} == names
                (key,) = store.station_keys()
                store.trust(key.kid)
                states = {one.state for one in store.standings(found).values()}
                assert states == {"verified"}
    finally:
        publisher.close()

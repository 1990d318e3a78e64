"""A broker's refusal is named in the station's log, and costs no record."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from records import StationState
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox
from station.delivery.publisher import Publisher
from tests.host_agent.mqtt import far
from tests.host_agent.rig import Programs, eventually, needs_mosquitto, programs_in, soon
from tests.station.benches import make_draft

NAME = "refused-1"


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with programs_in(tmp_path) as started:
        yield started


@contextlib.contextmanager
def publishing(outbox: Outbox, where: BrokerAddress) -> Iterator[Publisher]:
    publisher = Publisher(
        NAME,
        where,
        outbox,
        state=lambda: StationState(station=NAME, online=True),
        on_delivery=lambda delivery: None,
    )
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path / "outbox.db")
    yield opened
    opened.close()


@needs_mosquitto
def test_a_record_that_the_broker_refuses_is_named_and_waits(
    tmp_path: Path, programs: Programs, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "acl").write_text(f"topic read pace/1/{NAME}/receipt\n")
    broker = programs.mosquitto("user root", f"acl_file {tmp_path / 'acl'}").address
    outbox.finish(outbox.begin(make_draft(station=NAME)))
    with publishing(outbox, BrokerAddress(host=broker[0], port=broker[1])):
        said = "the broker refuses what this station publishes: Not authorized"
        eventually(lambda: said in caplog.text)
    assert outbox.counts().waiting == 1


async def test_a_subscription_that_the_broker_refuses_is_named_and_tried_again(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    suback = bytes.fromhex("90 04 00 01 00 87")
    connack = [far.CONNACK_5] * 3
    async with far.broker(connect=connack, subscribe=[suback] * 3) as (_, port):
        with publishing(outbox, BrokerAddress(host="127.0.0.1", port=port)):
            topic = f"pace/1/{NAME}/receipt"
            said = f"the broker refuses the subscription to {topic}: Not authorized"
            await soon(lambda: caplog.text.count(said) >= 2)

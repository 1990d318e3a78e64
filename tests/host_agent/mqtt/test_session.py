"""A session with a broker: what goes over the wire, and what a broker's refusals become."""

import asyncio
import logging
import struct

import pytest

from host_agent.mqtt import Message, MqttError, Session, UnsupportedVersion, Version
from tests.host_agent.mqtt.far import (
    CONNACK_3,
    CONNACK_5,
    address,
    broker,
    ignore,
    published,
    until,
)


async def test_connect_3_1_1_is_what_the_standard_says() -> None:
    async with broker(connect=[CONNACK_3]) as (far, port):
        session = await Session.connect(
            address(port, username="u", password="p", keep_alive_s=60), 3, ignore
        )
        await session.disconnect()
        await until(lambda: len(far.heard) == 2)
    assert far.heard[0] == bytes.fromhex(
        "10 13  00 04 4d 51 54 54  04  c0  00 3c  00 01 68  00 01 75  00 01 70"
    )
    assert far.heard[1] == b"\xe0\x00"


async def test_connect_5_asks_for_a_lasting_session_and_a_receive_maximum() -> None:
    async with broker(connect=[CONNACK_5]) as (far, port):
        session = await Session.connect(address(port, receive_maximum=500), 5, ignore)
        await session.disconnect()
    assert far.heard[0] == bytes.fromhex(
        "10 16  00 04 4d 51 54 54  05  00  00 1e  08 11 00 01 51 80 21 01 f4  00 01 68"
    )


async def test_a_broker_of_another_version_is_told_apart_from_one_that_refuses() -> None:
    async with broker(connect=[bytes.fromhex("20 02 00 01"), bytes.fromhex("20 02 00 05")]) as (
        _,
        port,
    ):
        with pytest.raises(UnsupportedVersion):
            await Session.connect(address(port), 5, ignore)
        with pytest.raises(MqttError, match="not authorized"):
            await Session.connect(address(port), 3, ignore)


async def test_a_reason_of_mqtt_5_is_put_into_words() -> None:
    async with broker(connect=[bytes.fromhex("20 03 00 86 00")]) as (_, port):
        with pytest.raises(MqttError, match="bad user name or password"):
            await Session.connect(address(port), 5, ignore)


async def test_a_broker_that_talks_something_else_is_an_mqtt_error() -> None:
    async with broker(connect=[b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9]) as (_, port):
        with pytest.raises(MqttError):
            await Session.connect(address(port), 3, ignore)


async def test_messages_are_acknowledged_when_we_say_so_and_in_one_write() -> None:
    arrived: list[Message] = []
    async with broker(connect=[CONNACK_5], subscribe=[bytes.fromhex("90 05 00 01 00 01 01")]) as (
        far,
        port,
    ):
        session = await Session.connect(
            address(port), 5, lambda _, messages: arrived.extend(messages)
        )
        await session.subscribe("pace/1/+/run", "pace/1/+/state")
        far.send(
            published(b"pace/1/a/run", b"one", 7, 5)
            + published(b"pace/1/a/run", b"two", 300, 5, properties=b"\x01\x01")
        )
        await until(lambda: len(arrived) == 2)
        assert far.kinds() == [1, 8]
        session.acknowledge(message.packet_id for message in arrived)
        await until(lambda: far.kinds() == [1, 8, 4, 4])
        await session.disconnect()
    assert arrived[0] == Message(7, b"pace/1/a/run", b"one", 3)
    assert arrived[1] == Message(300, b"pace/1/a/run", b"two", 3)
    assert far.heard[2:4] == [bytes.fromhex("40 02 00 07"), bytes.fromhex("40 02 01 2c")]
    assert far.heard[1] == bytes.fromhex("82 23 00 01 00") + (
        b"\0\x0cpace/1/+/run\1" + b"\0\x0epace/1/+/state\1"
    )


@pytest.mark.parametrize(
    ("version", "suback", "said"),
    [
        (3, "90 04 00 01 01 80", r"pace/1/\+/state': unspecified error"),
        (3, "90 04 00 01 80 80", r"pace/1/\+/run': unspecified error, 'pace/1/\+/state'"),
        (3, "90 04 00 01 00 01", r"granted 'pace/1/\+/run' with QoS 0 only"),
        (3, "90 03 00 01 01", "answered 2 filters with 1 codes"),
        (5, "90 05 00 01 00 01 87", r"pace/1/\+/state': not authorized"),
        (5, "90 05 00 01 00 97 01", r"pace/1/\+/run': quota exceeded"),
        (5, "90 08 00 01 03 1f 00 00 01 87", r"pace/1/\+/state': not authorized"),
    ],
)
async def test_a_refused_subscription_names_the_filter_and_the_reason(
    version: Version, suback: str, said: str
) -> None:
    connack = CONNACK_3 if version == 3 else CONNACK_5
    async with broker(connect=[connack], subscribe=[bytes.fromhex(suback)]) as (_, port):
        session = await Session.connect(address(port), version, ignore)
        with pytest.raises(MqttError, match=said):
            await session.subscribe("pace/1/+/run", "pace/1/+/state")
        await session.disconnect()


async def test_publishing_waits_for_the_brokers_receive_maximum() -> None:
    connack = bytes.fromhex("20 06 00 00 03 21 00 01")
    async with broker(connect=[connack]) as (far, port):
        session = await Session.connect(address(port), 5, ignore)
        session.publish("t", b"one")
        session.publish("t", b"two")
        await until(lambda: 3 in far.kinds())
        assert far.heard[1:] == [bytes.fromhex("32 09 00 01 74 00 01 00 6f 6e 65")]
        far.send(bytes.fromhex("40 02 00 01"))
        await until(lambda: far.kinds() == [1, 3, 3])
        assert far.heard[2] == bytes.fromhex("32 09 00 01 74 00 02 00 74 77 6f")
        await session.disconnect()


async def test_a_refused_publish_is_named_with_its_topic_until_it_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused, taken = "40 03 00 {:02x} 87", "40 02 00 {:02x}"
    answers = [bytes.fromhex(one) for one in (refused.format(1), refused.format(2))]
    async with broker(connect=[CONNACK_5], publish=answers) as (far, port):
        session = await Session.connect(address(port), 5, ignore)
        for _ in range(3):
            session.publish("pace/1/a/receipt", b"one")
        await until(lambda: far.kinds().count(3) == 3)
        await until(lambda: session.refusals == {"pace/1/a/receipt": "not authorized"})
        far.send(bytes.fromhex(taken.format(3)))
        await until(lambda: session.refusals == {})
        await session.disconnect()
    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert warnings == ["the broker refused what we published to pace/1/a/receipt: not authorized"]


async def test_refusals_of_countless_topics_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    answers = [struct.pack("!BBHB", 0x40, 3, number, 0x87) for number in range(1, 151)]
    async with broker(connect=[CONNACK_5], publish=answers) as (_, port):
        session = await Session.connect(address(port), 5, ignore)
        for number in range(150):
            session.publish(f"t{number}", b"")
        await until(lambda: not session._under_way)
        assert len(session.refusals) == 100
        await session.disconnect()
    assert caplog.text.count("refused what we published") == 100


async def test_a_message_before_connack_is_no_mqtt() -> None:
    async with broker(connect=[published(b"t", b"x")]) as (_, port):
        with pytest.raises(MqttError, match="type 3 before CONNACK"):
            await Session.connect(address(port), 3, ignore)


async def test_a_broker_that_falls_silent_is_noticed() -> None:
    async with broker(connect=[CONNACK_3]) as (far, port):
        session = await Session.connect(address(port, keep_alive_s=1), 3, ignore)
        assert "silent" in await asyncio.wait_for(session.lost, 10)
    assert 12 in far.kinds()


async def test_a_broker_that_answers_pings_is_kept() -> None:
    async with broker(connect=[CONNACK_3], ping=[b"\xd0\0"] * 20) as (far, port):
        session = await Session.connect(address(port, keep_alive_s=1), 3, ignore)
        await until(lambda: far.kinds().count(12) >= 4)
        assert not session.lost.done()
        await session.disconnect()


async def test_why_a_broker_disconnects_is_told() -> None:
    async with broker(connect=[CONNACK_5]) as (far, port):
        session = await Session.connect(address(port), 5, ignore)
        far.send(bytes.fromhex("e0 02 8e 00"))
        assert "another client uses the same client_id" in await asyncio.wait_for(session.lost, 10)
        session.abort()


async def test_nonsense_after_connecting_ends_the_session_and_raises_nothing() -> None:
    async with broker(connect=[CONNACK_5]) as (far, port):
        session = await Session.connect(address(port), 5, ignore)
        far.send(b"\x32\x01\x00" + b"\xf0\x00")
        assert "no MQTT" in await asyncio.wait_for(session.lost, 10)

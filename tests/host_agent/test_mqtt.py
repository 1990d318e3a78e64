import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_agent.mqtt import (
    Address,
    Cut,
    Message,
    MqttError,
    Packet,
    PacketReader,
    Session,
    UnsupportedVersion,
    Version,
)

CONNACK_3 = bytes.fromhex("20 02 00 00")
CONNACK_5 = bytes.fromhex("20 03 00 00 00")


def length(number: int) -> bytes:
    """MQTT 3.1.1, 2.2.3, written another way than in the code under test."""
    groups = []
    while True:
        groups.append(number & 127)
        number >>= 7
        if not number:
            break
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def published(
    topic: bytes, payload: bytes, packet_id: int = 1, version: Version = 3, properties: bytes = b""
) -> bytes:
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", packet_id)
    if version == 5:
        body += length(len(properties)) + properties
    body += payload
    return b"\x32" + length(len(body)) + body


class Broker:
    """Answers each packet with what the test prepared, and keeps what it was sent."""

    def __init__(self, answers: dict[int, list[bytes]]) -> None:
        self.heard: list[bytes] = []
        self._answers = answers
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        try:
            while first := await reader.read(1):
                size = shift = 0
                while True:
                    byte = (await reader.readexactly(1))[0]
                    size |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                self.heard.append(first + length(size) + await reader.readexactly(size))
                if waiting := self._answers.get(first[0] >> 4):
                    writer.write(waiting.pop(0))
        finally:
            writer.close()

    def send(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def kinds(self) -> list[int]:
        return [packet[0] >> 4 for packet in self.heard]


@asynccontextmanager
async def broker(**answers: list[bytes]) -> AsyncIterator[tuple[Broker, int]]:
    kinds = {"connect": 1, "publish": 3, "subscribe": 8, "ping": 12}
    one = Broker({kinds[name]: answer for name, answer in answers.items()})
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    async with server:
        yield one, server.sockets[0].getsockname()[1]


def address(port: int, **changes: Any) -> Address:
    return replace(Address("127.0.0.1", port, "h"), **changes)


def ignore(session: Session, messages: list[Message]) -> None:
    pass


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=8),
    st.lists(st.integers(1, 400), min_size=1),
)
def test_packets_are_the_same_however_the_stream_is_cut(
    payloads: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(published(b"pace/1/a/run", payload) for payload in payloads)
    reader, at, turn = PacketReader(3, 1000), 0, 0
    found: list[Packet | Cut] = []
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        found += reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    head = struct.pack("!H", 12) + b"pace/1/a/run" + b"\0\1"
    assert found == [Packet(3, 2, head + payload) for payload in payloads]


@given(st.binary(max_size=2000))
def test_any_bytes_are_packets_or_an_mqtt_error(stream: bytes) -> None:
    reader = PacketReader(5, 1000)
    try:
        found = reader.feed(stream)
    except MqttError:
        return
    assert all(packet.flags < 16 for packet in found)


@settings(max_examples=30)
@given(st.integers(200_000, 400_000), st.lists(st.integers(500, 90_000), min_size=1))
def test_a_packet_beyond_the_limit_is_hashed_and_cut_and_the_next_one_is_whole(
    size: int, cuts: list[int]
) -> None:
    payload = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    stream = published(b"pace/1/a/run", payload, version=5) + published(b"t", b"next", version=5)
    reader, at, turn = PacketReader(5, 100_000), 0, 0
    found: list[Packet | Cut] = []
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        found += reader.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    large, after = found
    assert isinstance(large, Cut)
    assert large.size == size
    assert large.sha256 == hashlib.sha256(payload).hexdigest()
    kept = large.head[large.payload_at :]
    assert payload.startswith(kept)
    assert len(kept) == 65_536
    assert after == Packet(3, 2, b"\0\1t\0\1\0next")


def test_a_length_of_five_bytes_is_no_mqtt() -> None:
    with pytest.raises(MqttError, match="more than four bytes"):
        PacketReader(3, 1000).feed(b"\x30\xff\xff\xff\xff\x01")


def test_a_large_packet_that_is_no_message_is_refused() -> None:
    with pytest.raises(MqttError, match="that is no message"):
        PacketReader(3, 1000).feed(b"\x90" + length(300_000) + b"\0")


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


async def test_a_refused_subscription_names_the_filter() -> None:
    async with broker(connect=[CONNACK_3], subscribe=[bytes.fromhex("90 04 00 01 01 80")]) as (
        _,
        port,
    ):
        session = await Session.connect(address(port), 3, ignore)
        with pytest.raises(MqttError, match=r"pace/1/\+/state"):
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


async def test_a_refused_publish_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with broker(connect=[CONNACK_5], publish=[bytes.fromhex("40 03 00 01 87")]) as (_, port):
        session = await Session.connect(address(port), 5, ignore)
        session.publish("t", b"one")
        await until(lambda: "not authorized" in caplog.text)
        await session.disconnect()


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

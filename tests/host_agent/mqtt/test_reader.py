"""A stream is cut into the same packets however it arrives, and never fills the memory."""

import hashlib
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_agent.mqtt import MqttError
from host_agent.mqtt.packets import Cut, Packet
from host_agent.mqtt.reader import HEADER_MOST_BYTES, PacketReader
from tests.host_agent.mqtt.far import length, published


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


def test_a_packet_that_is_no_message_is_refused_by_its_header_alone() -> None:
    with pytest.raises(MqttError, match="70000 bytes that is no message"):
        PacketReader(5, 1_000_000).feed(b"\x40" + length(70_000))


def test_a_message_of_256_mb_takes_no_more_memory_than_the_bound() -> None:
    """268 435 455 bytes are the most that MQTT can say (2.2.3)."""
    reader, piece, fed = PacketReader(5, 1_048_576), bytes(262_144), 0
    head = published(b"pace/1/a/run", b"", version=5)[2:]
    size = 268_435_455
    tracemalloc.start()
    try:
        assert reader.feed(b"\x32" + length(size) + head) == []
        fed, found = len(head), list[Packet | Cut]()
        while fed < size:
            step = min(len(piece), size - fed)
            found += reader.feed(piece[:step])
            fed += step
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (cut,) = found
    assert isinstance(cut, Cut)
    assert cut.size == size - len(head)
    assert peak_bytes < reader.message_bound_bytes


def test_a_message_within_the_limit_is_joined_once_however_small_its_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sender of single bytes must not make the reader copy the message for each of them."""
    payload = bytes(200_000)
    stream = published(b"t", payload)
    reader, copied = PacketReader(3, 1_048_576), 0
    cut = reader._cut

    def counted(data: bytes, found: list[Packet | Cut]) -> tuple[bytes, int]:
        nonlocal copied
        copied += len(data)
        return cut(data, found)

    monkeypatch.setattr(reader, "_cut", counted)
    found: list[Packet | Cut] = []
    for at in range(0, len(stream), 7):
        found += reader.feed(stream[at : at + 7])
    assert found == [Packet(3, 2, b"\0\1t\0\1" + payload)]
    assert copied < 2 * len(stream)


def test_properties_that_fill_a_large_message_are_no_mqtt() -> None:
    size = 300_000
    stream = b"\x32" + length(size + 10) + b"\0\1t\0\1" + length(size) + bytes(size)
    with pytest.raises(MqttError, match="before the payload"):
        PacketReader(5, 1024).feed(stream[: HEADER_MOST_BYTES + 20])

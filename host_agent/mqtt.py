"""The host's end of an MQTT connection: OASIS MQTT 3.1.1 and 5.0, as much as an ingest needs.

Clients in Python spend 20 to 30 µs on every message before anybody has looked at it, most of it in
three `recv` calls and one `send` for each; that alone is more than the whole budget of a record.
Here a chunk from the socket is cut into all the messages it holds, and what a commit made durable
is acknowledged in one write.

A session receives with QoS 1 and acknowledges when it is told to, never before. It is one
connection and is thrown away with it; who connects again is the caller's business.
"""

import asyncio
import hashlib
import logging
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

log = logging.getLogger(__name__)

Version = Literal[3, 5]

_LEVEL: dict[int, int] = {3: 4, 5: 5}  # 3.1.2.2: protocol level of MQTT 3.1.1 and 5.0

_CONNECT, _CONNACK, _PUBLISH, _PUBACK = 1, 2, 3, 4
_SUBSCRIBE, _SUBACK, _PINGREQ, _PINGRESP, _DISCONNECT = 8, 9, 12, 13, 14

_SESSION_EXPIRY, _SERVER_KEEP_ALIVE, _RECEIVE_MAXIMUM = 0x11, 0x13, 0x21
_MAXIMUM_PACKET_SIZE = 0x27
_REASON_STRING = 0x1F

_UNSUPPORTED_VERSION = {3: 0x01, 5: 0x84}
_REFUSALS_3 = {  # MQTT 3.1.1, table 3.1
    1: "unacceptable protocol version",
    2: "client identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}
_REASONS_5 = {  # MQTT 5.0, 2.4: those a receiver of runs may meet
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8D: "keep alive timeout",
    0x8E: "session taken over: another client uses the same client_id",
    0x8F: "topic filter invalid",
    0x90: "topic name invalid",
    0x93: "receive maximum exceeded",
    0x95: "packet too large",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9E: "shared subscriptions not supported",
}

_MID_MAX = 0xFFFF
_ANSWER_WITHIN_S = 10.0
_PATIENCE_WITH_5_S = 1.0
_HEAD_KEPT = 65_536
_HEAD_MAX = 2 + 65_535 + 2 + 4 + 1024  # topic, packet identifier, some properties


class MqttError(Exception):
    """The connection failed, or the broker refused."""


class UnsupportedVersion(MqttError):
    """The broker does not speak this version of MQTT."""


class Silent(MqttError):
    """The broker did not answer in time. Some are, instead of saying that the version is wrong."""


class Message(NamedTuple):
    """One PUBLISH. `packet_id` 0 means QoS 0: there is nothing to acknowledge.

    A message larger than the session's limit comes with the beginning of its payload only; `size`
    and `sha256` are always those of the whole. `sha256` is empty when the payload is complete.
    """

    packet_id: int
    topic: bytes
    payload: bytes
    size: int
    sha256: str = ""


@dataclass(frozen=True)
class Address:
    """Where the broker is, and who we say we are."""

    host: str
    port: int
    client_id: str
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None
    keep_alive_s: int = 30
    receive_maximum: int = 2000
    """Messages the broker may have under way to us; MQTT 5 only, a 3.1.1 broker has its own."""

    session_expiry_s: int = 86_400
    """How long the broker keeps our session after the connection; MQTT 5 only. 0: begin anew."""

    message_limit: int = 1_048_576
    """Payload bytes above which only the beginning of a message is kept."""


class Packet(NamedTuple):
    """`kind` and `flags` are the fixed header's first byte, `body` all after the length."""

    kind: int
    flags: int
    body: bytes


class Cut(NamedTuple):
    """A packet too large to keep: its beginning, its size, and its payload's hash."""

    flags: int
    head: bytes
    payload_at: int
    size: int
    sha256: str


class PacketReader:
    """Cuts a byte stream into packets. Knows no sockets."""

    def __init__(self, version: Version, limit: int) -> None:
        self._version = version
        self._limit = limit + _HEAD_MAX
        self._rest = b""
        self._large: _LargePacket | None = None

    def feed(self, data: bytes) -> list[Packet | Cut]:
        """All packets that are complete now; `MqttError` when the stream is no MQTT."""
        found: list[Packet | Cut] = []
        if self._large is not None:
            data = self._feed_large(data, found)
        stream = self._rest + data if self._rest else data
        at, end = 0, len(stream)
        while end - at >= 2:
            length = stream[at + 1]
            start = at + 2
            if length >= 0x80:
                measured = _variable_length(stream, at + 1)
                if measured is None:
                    break
                length, start = measured
            if start + length > end:
                if length > self._limit:
                    if stream[at] >> 4 != _PUBLISH:
                        raise MqttError(f"a packet of {length} bytes that is no message")
                    self._large = _LargePacket(self._version, stream[at] & 0x0F, length)
                    at = end - len(self._feed_large(stream[start:], found))
                break
            found.append(Packet(stream[at] >> 4, stream[at] & 0x0F, stream[start : start + length]))
            at = start + length
        self._rest = stream[at:]
        return found

    def _feed_large(self, data: bytes, found: list[Packet | Cut]) -> bytes:
        """What is left of `data` after the large packet that is under way."""
        if self._large is None:
            return data
        data = self._large.feed(data)
        if self._large.missing == 0:
            found.append(self._large.cut())
            self._large = None
        return data


class _LargePacket:
    """Keeps the head of a PUBLISH, and hashes the payload as it flows by."""

    def __init__(self, version: Version, flags: int, length: int) -> None:
        self.missing = length
        self._version, self._flags, self._length = version, flags, length
        self._head = bytearray()
        self._hash = hashlib.sha256()
        self._payload_at: int | None = None

    def feed(self, data: bytes) -> bytes:
        mine, rest = data[: self.missing], data[self.missing :]
        self.missing -= len(mine)
        if self._payload_at is not None:
            self._hash.update(mine)
            return rest
        self._head += mine
        if len(self._head) >= min(self._length, _HEAD_MAX):
            head = bytes(self._head)
            self._payload_at = _publish_payload_at(head, self._flags, self._version)
            self._hash.update(head[self._payload_at :])
            del self._head[self._payload_at + _HEAD_KEPT :]
        return rest

    def cut(self) -> Cut:
        at = self._payload_at or 0
        return Cut(self._flags, bytes(self._head), at, self._length - at, self._hash.hexdigest())


Receive = Callable[["Session", list[Message]], None]


class Session(asyncio.Protocol):
    """One connection to a broker, from CONNECT to its end."""

    def __init__(self, address: Address, version: Version, receive: Receive) -> None:
        """`receive` is called in the loop with the session and a chunk's messages, in order."""
        loop = asyncio.get_running_loop()
        self.version = version
        self.lost: asyncio.Future[str] = loop.create_future()
        """Done when the connection is gone; its result says why, and is never an exception."""

        self._address, self._receive, self._loop = address, receive, loop
        self._reader = PacketReader(version, address.message_limit)
        self._transport: asyncio.Transport | None = None
        self._accepted: asyncio.Future[None] = loop.create_future()
        self._subscribed: asyncio.Future[bytes] | None = None
        self._keep_alive_s = float(address.keep_alive_s)
        self._pinging: asyncio.TimerHandle | None = None
        self._heard = self._told = loop.time()
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._next_id = 0
        self._window = 20  # until CONNACK says otherwise; mosquitto's default for 3.1.1 clients
        self._under_way: set[int] = set()
        self._to_publish: deque[tuple[str, bytes]] = deque()
        self._last_refusal = 0

    @classmethod
    async def connect(
        cls, address: Address, version: Version | None, receive: Receive
    ) -> "Session":
        """A session the broker has accepted; `MqttError` or `OSError` when there is none.

        `version` None: MQTT 5, and 3.1.1 at a broker that does not answer to that.
        """
        if version is not None:
            return await cls._connect(address, version, receive, _ANSWER_WITHIN_S)
        try:
            return await cls._connect(address, 5, receive, _PATIENCE_WITH_5_S)
        except (UnsupportedVersion, Silent):
            return await cls._connect(address, 3, receive, _ANSWER_WITHIN_S)

    @classmethod
    async def _connect(
        cls, address: Address, version: Version, receive: Receive, within_s: float
    ) -> "Session":
        session = cls(address, version, receive)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within_s):
                await loop.create_connection(
                    lambda: session, address.host, address.port, ssl=address.tls
                )
                await session._accepted
        except TimeoutError as error:
            session.abort()
            raise Silent(f"no answer within {within_s:g} s") from error
        except BaseException:
            session.abort()
            raise
        return session

    async def subscribe(self, *filters: str) -> None:
        """With QoS 1; `MqttError` names the filter that was refused."""
        identifier = self._identifier()
        body = bytearray(struct.pack("!H", identifier))
        if self.version == 5:
            body.append(0)
        for topic_filter in filters:
            body += _text(topic_filter) + b"\x01"
        self._subscribed = self._loop.create_future()
        self._send(_SUBSCRIBE << 4 | 2, bytes(body))
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                codes = await self._subscribed
        except TimeoutError as error:
            raise Silent(f"no answer to SUBSCRIBE within {_ANSWER_WITHIN_S:g} s") from error
        for topic_filter, code in zip(filters, codes, strict=False):
            if code >= 0x80:
                raise MqttError(f"the broker refused {topic_filter!r}: {_reason_5(code)}")
            if code == 0:
                raise MqttError(f"the broker granted {topic_filter!r} with QoS 0 only")

    def acknowledge(self, packet_ids: Iterable[int]) -> None:
        """One write for all of them. Identifiers of an earlier session do not belong here."""
        acks = [b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in packet_ids if packet_id]
        if acks and self._transport is not None:
            self._told = self._loop.time()
            self._transport.write(b"".join(acks))

    def publish(self, topic: str, payload: bytes) -> None:
        """QoS 1. Waits its turn when the broker's receive maximum is reached."""
        self._to_publish.append((topic, payload))
        self._publish_waiting()

    def pause(self) -> None:
        """Read nothing more until `resume`: the broker keeps it for us."""
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._heard = self._loop.time()
            self._transport.resume_reading()

    async def drain(self) -> None:
        """Until the broker takes what we write."""
        await self._writable.wait()

    async def disconnect(self) -> None:
        """Say goodbye and wait until it is gone. The broker keeps the session."""
        if self._transport is not None and not self.lost.done():
            self._send(_DISCONNECT << 4, b"")
            self._transport.close()
        await self.lost

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"{transport!r} is no stream")
        self._transport = transport  # asyncio has set TCP_NODELAY
        self._send(_CONNECT << 4, self._connect_body())
        self._keep_alive()

    def connection_lost(self, error: Exception | None) -> None:
        self._ended(f"connection lost: {error}" if error else "the broker closed the connection")
        self._writable.set()
        if self._pinging is not None:
            self._pinging.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            messages = self._digest(self._reader.feed(data))
        except (MqttError, IndexError, struct.error) as error:
            self._ended(f"the broker sent no MQTT: {error}")
            self.abort()
            return
        if messages:
            self._receive(self, messages)

    def _digest(self, packets: list[Packet | Cut]) -> list[Message]:
        messages: list[Message] = []
        for packet in packets:
            if isinstance(packet, Cut):
                messages.append(self._cut_message(packet))
            elif packet.kind == _PUBLISH:
                messages.append(self._message(packet.flags, packet.body))
            elif packet.kind == _CONNACK:
                self._connack(packet.body)
            elif not self._accepted.done():
                raise MqttError(f"a packet of type {packet.kind} before CONNACK")
            elif packet.kind == _PUBACK:
                self._puback(packet.body)
            elif packet.kind == _SUBACK:
                self._suback(packet.body)
            elif packet.kind == _DISCONNECT and self.version == 5:
                reason = packet.body[0] if packet.body else 0
                self._ended(f"the broker disconnected us: {_reason_5(reason)}")
            elif packet.kind != _PINGRESP:
                raise MqttError(f"a packet of type {packet.kind} nobody asked for")
        return messages

    def _message(self, flags: int, body: bytes) -> Message:
        topic_end = 2 + (body[0] << 8 | body[1])
        at, packet_id = topic_end, 0
        if flags & 0x06:
            packet_id = body[at] << 8 | body[at + 1]
            at += 2
        if self.version == 5:
            at = _after_properties(body, at)
        payload = body[at:]
        size = len(payload)
        if size > self._address.message_limit:
            sha256 = hashlib.sha256(payload).hexdigest()
            return Message(packet_id, body[2:topic_end], payload[:_HEAD_KEPT], size, sha256)
        return Message(packet_id, body[2:topic_end], payload, size)

    def _cut_message(self, cut: Cut) -> Message:
        topic_end = 2 + (cut.head[0] << 8 | cut.head[1])
        packet_id = 0
        if cut.flags & 0x06:
            packet_id = cut.head[topic_end] << 8 | cut.head[topic_end + 1]
        payload = cut.head[cut.payload_at :]
        return Message(packet_id, cut.head[2:topic_end], payload, cut.size, cut.sha256)

    def _connect_body(self) -> bytes:
        address = self._address
        clean = address.session_expiry_s == 0
        flags = 0x80 * bool(address.username) | 0x40 * bool(address.password) | 0x02 * clean
        body = bytearray(_text("MQTT"))
        body += bytes((_LEVEL[self.version], flags)) + struct.pack("!H", address.keep_alive_s)
        if self.version == 5:
            properties = struct.pack("!BI", _SESSION_EXPIRY, address.session_expiry_s)
            properties += struct.pack("!BH", _RECEIVE_MAXIMUM, address.receive_maximum)
            body += bytes((len(properties),)) + properties
        body += _text(address.client_id)
        if address.username:
            body += _text(address.username)
        if address.password:
            body += _text(address.password)
        return bytes(body)

    def _connack(self, body: bytes) -> None:
        if self._accepted.done():
            return
        code = body[1]
        if code == _UNSUPPORTED_VERSION[self.version] or (self.version == 5 and code == 1):
            self._accepted.set_exception(UnsupportedVersion(f"no MQTT {self.version} here"))
        elif code:
            why = _reason_5(code) if self.version == 5 else _REFUSALS_3.get(code, hex(code))
            self._accepted.set_exception(MqttError(f"the broker refused us: {why}"))
        else:
            if self.version == 5:
                properties = _properties(body, 2)
                self._window = properties.get(_RECEIVE_MAXIMUM, _MID_MAX)
                self._keep_alive_s = properties.get(_SERVER_KEEP_ALIVE, self._keep_alive_s)
            self._accepted.set_result(None)

    def _suback(self, body: bytes) -> None:
        at = 2 if self.version == 3 else _after_properties(body, 2)
        if self._subscribed is not None and not self._subscribed.done():
            self._subscribed.set_result(body[at:])

    def _puback(self, body: bytes) -> None:
        self._under_way.discard(body[0] << 8 | body[1])
        reason = body[2] if self.version == 5 and len(body) > 2 else 0
        if reason >= 0x80 and reason != self._last_refusal:  # 3.1.1 has no way to say it
            log.warning("the broker refused what we published: %s", _reason_5(reason))
        self._last_refusal = reason
        self._publish_waiting()

    def _publish_waiting(self) -> None:
        while self._to_publish and len(self._under_way) < self._window and self._transport:
            topic, payload = self._to_publish.popleft()
            identifier = self._identifier()
            self._under_way.add(identifier)
            properties = b"\0" if self.version == 5 else b""
            self._send(
                _PUBLISH << 4 | 2,
                _text(topic) + struct.pack("!H", identifier) + properties + payload,
            )

    def _identifier(self) -> int:
        while True:
            self._next_id = self._next_id % _MID_MAX + 1
            if self._next_id not in self._under_way:
                return self._next_id

    def _send(self, first_byte: int, body: bytes) -> None:
        if self._transport is not None:
            self._told = self._loop.time()
            self._transport.write(bytes((first_byte,)) + _encoded_length(len(body)) + body)

    def _keep_alive(self) -> None:
        """3.1.2.10: something from us in every interval, and something from the broker."""
        now, interval_s = self._loop.time(), self._keep_alive_s
        if interval_s <= 0:
            return
        if not self._paused and now - self._heard > 1.5 * interval_s:
            self._ended(f"the broker has been silent for {now - self._heard:.0f} s")
            self.abort()
            return
        if now - min(self._told, self._heard) >= 0.45 * interval_s:
            self._send(_PINGREQ << 4, b"")
        self._pinging = self._loop.call_later(interval_s / 4, self._keep_alive)

    def _ended(self, why: str) -> None:
        if not self._accepted.done():
            self._accepted.set_exception(MqttError(why))
        if self._subscribed is not None and not self._subscribed.done():
            self._subscribed.set_exception(MqttError(why))
        if not self.lost.done():
            self.lost.set_result(why)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def _encoded_length(length: int) -> bytes:
    """2.2.3: seven bits a byte, low ones first."""
    encoded = bytearray()
    while True:
        length, seven = divmod(length, 128)
        encoded.append(seven | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


def _variable_length(data: bytes, at: int) -> tuple[int, int] | None:
    """The number at `at`, and where it ends; None while bytes of it are missing."""
    value = shift = 0
    for position in range(at, at + 4):
        if position >= len(data):
            return None
        value |= (data[position] & 0x7F) << shift
        if data[position] < 0x80:
            return value, position + 1
        shift += 7
    raise MqttError(f"a length of more than four bytes: {data[at : at + 5].hex(' ')}")


def _after_properties(data: bytes, at: int) -> int:
    measured = _variable_length(data, at)
    if measured is None:
        raise MqttError("a packet that ends within its properties")
    length, start = measured
    return start + length


def _publish_payload_at(head: bytes, flags: int, version: Version) -> int:
    at = 2 + (head[0] << 8 | head[1]) + (2 if flags & 0x06 else 0)
    return at if version == 3 else _after_properties(head, at)


_PROPERTY_SIZES = {  # MQTT 5.0, 2.2.2.2: those of fixed size that a CONNACK may hold
    _SESSION_EXPIRY: 4,
    _SERVER_KEEP_ALIVE: 2,
    _RECEIVE_MAXIMUM: 2,
    0x22: 2,  # topic alias maximum
    0x24: 1,  # maximum QoS
    0x25: 1,  # retain available
    _MAXIMUM_PACKET_SIZE: 4,
    0x28: 1,  # wildcard subscription available
    0x29: 1,  # subscription identifier available
    0x2A: 1,  # shared subscription available
}
_PROPERTY_TEXTS = {0x12: 1, 0x15: 1, 0x16: 1, 0x1A: 1, 0x1C: 1, _REASON_STRING: 1, 0x26: 2}


def _properties(data: bytes, at: int) -> dict[int, int]:
    """The numbers among a CONNACK's properties. Texts are skipped."""
    numbers: dict[int, int] = {}
    if at >= len(data):
        return numbers
    end = _after_properties(data, at)
    measured = _variable_length(data, at)
    at = measured[1] if measured else end
    while at < end:
        identifier = data[at]
        at += 1
        if size := _PROPERTY_SIZES.get(identifier):
            numbers[identifier] = int.from_bytes(data[at : at + size], "big")
            at += size
        elif texts := _PROPERTY_TEXTS.get(identifier):
            for _ in range(texts):
                at += 2 + (data[at] << 8 | data[at + 1])
        else:
            raise MqttError(f"an unknown property {identifier:#04x} in CONNACK")
    return numbers


def _reason_5(code: int) -> str:
    return _REASONS_5.get(code, f"reason {code:#04x}")

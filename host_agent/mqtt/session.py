"""Runs one connection to a broker: it logs in, subscribes, receives, acknowledges and publishes.

A session receives with QoS 1 and acknowledges when it is told to, never before. It is one
connection and is thrown away with it; connecting again is the caller's business.
"""

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Callable, Iterable

from host_agent.mqtt import codes, packets
from host_agent.mqtt.address import Address, Version
from host_agent.mqtt.errors import MqttError, Silent, UnsupportedVersion
from host_agent.mqtt.packets import Cut, Message, Packet
from host_agent.mqtt.reader import PacketReader

log = logging.getLogger(__name__)

_MID_MAX = 0xFFFF
_ANSWER_WITHIN_S = 10.0
_PATIENCE_WITH_5_S = 1.0
_REFUSED_TOPICS_KEPT = 100

Receive = Callable[["Session", list[Message]], None]


class Session(asyncio.Protocol):
    """One connection to a broker, from CONNECT to its end."""

    def __init__(self, address: Address, version: Version, receive: Receive) -> None:
        """`receive` is called in the loop with the session and a chunk's messages, in order."""
        loop = asyncio.get_running_loop()
        self.version = version
        self.lost: asyncio.Future[str] = loop.create_future()
        """Done when the connection is gone; its result says why, and is never an exception."""

        self.refusals: dict[str, str] = {}
        """The reason why the broker refused our last message, by topic: at most a hundred topics.

        MQTT 5 only; a 3.1.1 broker acknowledges what it throws away.
        """

        self._address, self._receive, self._loop = address, receive, loop
        self._reader = PacketReader(version, address.message_limit_bytes)
        self._transport: asyncio.Transport | None = None
        self._accepted: asyncio.Future[None] = loop.create_future()
        self._subscribed: asyncio.Future[bytes] | None = None
        self._keep_alive_s = float(address.keep_alive_s)
        self._pinging: asyncio.TimerHandle | None = None
        self._heard_s = self._told_s = loop.time()
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._next_id = 0
        self._window = 1  # until CONNACK says otherwise
        self._under_way: dict[int, str] = {}
        self._to_publish: deque[tuple[str, bytes]] = deque()

    @classmethod
    async def connect(
        cls, address: Address, version: Version | None, receive: Receive
    ) -> "Session":
        """Return a session that the broker has accepted.

        `version` None means MQTT 5, and 3.1.1 at a broker that does not answer to that. Raises
        `MqttError` or `OSError`.
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
        """Subscribe with QoS 1. Raises `MqttError` that names the filters that were refused."""
        self._subscribed = self._loop.create_future()
        self._send(packets.subscribe(self._identifier(), filters, self.version))
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                body = await self._subscribed
        except TimeoutError as error:
            raise Silent(f"no answer to SUBSCRIBE within {_ANSWER_WITHIN_S:g} s") from error
        packets.read_suback(body, filters, self.version)

    def acknowledge(self, packet_ids: Iterable[int]) -> None:
        """Acknowledge messages of this session in one write."""
        acks = [packets.puback(packet_id) for packet_id in packet_ids if packet_id]
        if acks:
            self._send(b"".join(acks))

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1, in turn when the broker's receive maximum is reached."""
        self._to_publish.append((topic, payload))
        self._publish_waiting()

    def pause(self) -> None:
        """Read nothing more until `resume`: the broker keeps it for us."""
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again after `pause`."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._heard_s = self._loop.time()
            self._transport.resume_reading()

    async def drain(self) -> None:
        """Wait until the broker takes what we write."""
        await self._writable.wait()

    async def disconnect(self) -> None:
        """Send DISCONNECT and wait until the connection is gone. The broker keeps the session."""
        if self._transport is not None and not self.lost.done():
            self._send(packets.packet(codes.DISCONNECT, b""))
            self._transport.close()
        await self.lost

    def abort(self) -> None:
        """End the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"{transport!r} is no stream")
        self._transport = transport  # asyncio has set TCP_NODELAY
        self._send(packets.connect(self._address, self.version))
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
        self._heard_s = self._loop.time()
        try:
            messages = self._digest(self._reader.feed(data))
        except (MqttError, IndexError, struct.error) as error:
            self._ended(f"the broker sent no MQTT: {error}")
            self.abort()
            return
        if messages:
            self._receive(self, messages)

    # Packets

    def _digest(self, arrived: list[Packet | Cut]) -> list[Message]:
        """Return the messages among the packets, and do what the others say."""
        messages: list[Message] = []
        version, limit_bytes = self.version, self._address.message_limit_bytes
        for packet in arrived:
            if not self._accepted.done() and not self._is_connack(packet):
                raise MqttError(f"a packet of type {_kind(packet)} before CONNACK")
            if isinstance(packet, Cut):
                messages.append(packets.read_cut(packet))
            elif packet.kind == codes.PUBLISH:
                messages.append(
                    packets.read_publish(packet.flags, packet.body, version, limit_bytes)
                )
            else:
                self._obey(packet)
        return messages

    def _is_connack(self, packet: Packet | Cut) -> bool:
        return isinstance(packet, Packet) and packet.kind == codes.CONNACK

    def _obey(self, packet: Packet) -> None:
        """Do what a packet that is no message says."""
        if packet.kind == codes.PUBACK:
            self._published(packets.read_puback(packet.body, self.version))
        elif packet.kind == codes.SUBACK:
            if self._subscribed is not None and not self._subscribed.done():
                self._subscribed.set_result(packet.body)
        elif packet.kind == codes.CONNACK and not self._accepted.done():
            self._answered(packet.body)
        elif packet.kind == codes.DISCONNECT and self.version == 5:
            self._ended(packets.read_disconnect(packet.body))
        elif packet.kind != codes.PINGRESP:
            raise MqttError(f"a packet of type {packet.kind} nobody asked for")

    def _answered(self, body: bytes) -> None:
        """Take what the broker asks for in its CONNACK, or its refusal."""
        try:
            accepted = packets.read_connack(body, self.version)
        except MqttError as refusal:
            self._accepted.set_exception(refusal)
            return
        self._window = accepted.receive_maximum
        if accepted.keep_alive_s is not None:
            self._keep_alive_s = accepted.keep_alive_s
        self._accepted.set_result(None)

    def _published(self, answer: packets.Acknowledged) -> None:
        """Note whether the broker took a message of ours, and send the next."""
        topic = self._under_way.pop(answer.packet_id, "")
        if not answer.refusal:
            self.refusals.pop(topic, None)
        elif self._is_news(topic, answer.refusal):
            log.warning("the broker refused what we published to %s: %s", topic, answer.refusal)
            self.refusals[topic] = answer.refusal
        self._publish_waiting()

    def _is_news(self, topic: str, refusal: str) -> bool:
        """Return whether a refusal is said: once for each topic, and for a hundred at most."""
        if topic in self.refusals:
            return self.refusals[topic] != refusal
        return topic != "" and len(self.refusals) < _REFUSED_TOPICS_KEPT

    def _publish_waiting(self) -> None:
        while self._to_publish and len(self._under_way) < self._window and self._transport:
            topic, payload = self._to_publish.popleft()
            identifier = self._identifier()
            self._under_way[identifier] = topic
            self._send(packets.publish(identifier, topic, payload, self.version))

    def _identifier(self) -> int:
        """Return a packet identifier that nothing under way has."""
        while True:
            self._next_id = self._next_id % _MID_MAX + 1
            if self._next_id not in self._under_way:
                return self._next_id

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._told_s = self._loop.time()
            self._transport.write(data)

    def _keep_alive(self) -> None:
        """Send something in every interval, and end when the broker does not (3.1.2.10)."""
        now_s, interval_s = self._loop.time(), self._keep_alive_s
        if interval_s <= 0:
            return
        if not self._paused and now_s - self._heard_s > 1.5 * interval_s:
            self._ended(f"the broker has been silent for {now_s - self._heard_s:.0f} s")
            self.abort()
            return
        if now_s - min(self._told_s, self._heard_s) >= 0.45 * interval_s:
            self._send(packets.packet(codes.PINGREQ, b""))
        self._pinging = self._loop.call_later(interval_s / 4, self._keep_alive)

    def _ended(self, why: str) -> None:
        """Tell all that wait for this session why it ended."""
        if not self._accepted.done():
            self._accepted.set_exception(MqttError(why))
        if self._subscribed is not None and not self._subscribed.done():
            self._subscribed.set_exception(MqttError(why))
        if not self.lost.done():
            self.lost.set_result(why)


def _kind(packet: Packet | Cut) -> int:
    return codes.PUBLISH if isinstance(packet, Cut) else packet.kind

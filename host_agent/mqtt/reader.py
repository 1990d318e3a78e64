"""Cuts the stream of bytes from a broker into packets, and keeps no more of it than a stated bound.

The fixed header says how large a packet is. What is larger than `message_bound_bytes` is decided
on then, before anything of it is kept: of a message the beginning is kept and the rest is hashed as
it flows by, so that the message can be refused by its hash; any other packet is an error.
"""

import hashlib

from host_agent.mqtt import codes
from host_agent.mqtt.address import Version
from host_agent.mqtt.encoding import decode_length
from host_agent.mqtt.errors import MqttError
from host_agent.mqtt.packets import HEAD_KEPT_BYTES, Cut, Packet, publish_payload_at

HEADER_MOST_BYTES = 2 + 65_535 + 2 + 4 + 1024
"""Topic, packet identifier and some properties: what stands before the payload of a message."""

OTHER_MOST_BYTES = 65_536
"""The body of a packet that is no message: reason codes, and with MQTT 5 some texts."""


class PacketReader:
    """Cuts a stream into packets. Knows no sockets.

    It holds at most `message_bound_bytes` of one message, beside what `feed` was given.
    """

    def __init__(self, version: Version, limit_bytes: int) -> None:
        """`limit_bytes` is for the payload of a message that is kept as a whole."""
        self.message_bound_bytes = limit_bytes + HEADER_MOST_BYTES
        self._version = version
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._wanted_bytes = 0
        self._large: _LargePacket | None = None

    def feed(self, data: bytes) -> list[Packet | Cut]:
        """Return all packets that are complete now. Raises `MqttError` when this is no MQTT."""
        found: list[Packet | Cut] = []
        if self._large is not None:
            data = self._feed_large(data, found)
        if self._kept:
            self._kept.append(data)
            self._kept_bytes += len(data)
            if self._kept_bytes < self._wanted_bytes:
                return found
            data = b"".join(self._kept)
        self._keep(*self._cut(data, found))
        return found

    def _cut(self, stream: bytes, found: list[Packet | Cut]) -> tuple[bytes, int]:
        """Add the complete packets to `found`; return the rest, and how many bytes it waits for."""
        at, end, wanted = 0, len(stream), 2
        while end - at >= 2:
            length = stream[at + 1]
            start = at + 2
            if length >= 0x80:
                measured = decode_length(stream, at + 1)
                if measured is None:
                    wanted = end - at + 1
                    break
                length, start = measured
            first = stream[at]
            if start + length > end:
                if self._is_large(first >> 4, length):
                    self._large = _LargePacket(self._version, first & 0x0F, length)
                    return self._feed_large(stream[start:], found), 0
                wanted = start + length - at
                break
            if first >> 4 != codes.PUBLISH:
                self._is_large(first >> 4, length)
            found.append(Packet(first >> 4, first & 0x0F, stream[start : start + length]))
            at = start + length
        return stream[at:], wanted

    def _is_large(self, kind: int, length: int) -> bool:
        """Return whether only the beginning of a packet is kept; some must not be so large."""
        if kind != codes.PUBLISH and length > OTHER_MOST_BYTES:
            raise MqttError(f"a packet of {length} bytes that is no message")
        return length > self.message_bound_bytes

    def _keep(self, rest: bytes, wanted_bytes: int) -> None:
        self._kept = [rest] if rest else []
        self._kept_bytes, self._wanted_bytes = len(rest), wanted_bytes

    def _feed_large(self, data: bytes, found: list[Packet | Cut]) -> bytes:
        """Return what is left of `data` after the large packet that is under way."""
        if self._large is None:
            return data
        data = self._large.feed(data)
        if self._large.missing == 0:
            found.append(self._large.cut())
            self._large = None
        return data


class _LargePacket:
    """Keeps the beginning of a PUBLISH, and hashes the payload as it flows by."""

    def __init__(self, version: Version, flags: int, length: int) -> None:
        self.missing = length
        self._version, self._flags, self._length = version, flags, length
        self._head = bytearray()
        self._hash = hashlib.sha256()
        self._payload_at: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Return what of `data` belongs to the next packet."""
        mine, rest = data[: self.missing], data[self.missing :]
        self.missing -= len(mine)
        if self._payload_at is not None:
            self._hash.update(mine)
            return rest
        self._head += mine
        if len(self._head) >= min(self._length, HEADER_MOST_BYTES):
            head = bytes(self._head)
            self._payload_at = publish_payload_at(head, self._flags, self._version)
            if self._payload_at > len(head):
                raise MqttError(f"{self._payload_at} bytes before the payload of a message")
            self._hash.update(head[self._payload_at :])
            del self._head[self._payload_at + HEAD_KEPT_BYTES :]
        return rest

    def cut(self) -> Cut:
        at = self._payload_at or 0
        return Cut(self._flags, bytes(self._head), at, self._length - at, self._hash.hexdigest())

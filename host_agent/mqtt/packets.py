"""Builds the packets that a receiver of messages sends, and reads those that it gets. Pure.

Section numbers are those of OASIS MQTT 5.0; 3.1.1 has the same without properties.
"""

import hashlib
import struct
from collections.abc import Iterable
from typing import NamedTuple

from host_agent.mqtt import codes
from host_agent.mqtt.address import Address, Version
from host_agent.mqtt.encoding import (
    RECEIVE_MAXIMUM,
    SERVER_KEEP_ALIVE,
    SESSION_EXPIRY,
    after_properties,
    decode_properties,
    encode_length,
    encode_text,
)
from host_agent.mqtt.errors import MqttError, UnsupportedVersion

HEAD_KEPT_BYTES = 65_536
"""The bytes that are kept of a payload that is larger than the limit."""

_LEVEL: dict[int, int] = {3: 4, 5: 5}  # 3.1.2.2: the protocol level of MQTT 3.1.1 and of 5.0
_MOST_UNDER_WAY = 0xFFFF  # 3.2.2.3.3: when CONNACK does not say otherwise
_UNDER_WAY_3 = 20  # mosquitto's default for clients of 3.1.1, where no broker can say it


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


class Accepted(NamedTuple):
    """The demands of a broker that accepts a connection; `keep_alive_s` None: what we said."""

    receive_maximum: int
    keep_alive_s: int | None


class Acknowledged(NamedTuple):
    """A PUBACK; `refusal` says why the broker refused the message, and is empty when it did not."""

    packet_id: int
    refusal: str


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    """Return a whole packet: fixed header (2.1) and body."""
    return bytes((kind << 4 | flags,)) + encode_length(len(body)) + body


def connect(address: Address, version: Version) -> bytes:
    """Return a CONNECT (3.1) that asks for a lasting session, if there is an expiry."""
    clean = address.session_expiry_s == 0
    flags = 0x80 * bool(address.username) | 0x40 * bool(address.password) | 0x02 * clean
    body = bytearray(encode_text("MQTT"))
    body += bytes((_LEVEL[version], flags)) + struct.pack("!H", address.keep_alive_s)
    if version == 5:
        properties = struct.pack("!BI", SESSION_EXPIRY, address.session_expiry_s)
        properties += struct.pack("!BH", RECEIVE_MAXIMUM, address.receive_maximum)
        body += bytes((len(properties),)) + properties
    body += encode_text(address.client_id)
    if address.username:
        body += encode_text(address.username)
    if address.password:
        body += encode_text(address.password)
    return packet(codes.CONNECT, bytes(body))


def subscribe(packet_id: int, filters: Iterable[str], version: Version) -> bytes:
    """Return a SUBSCRIBE (3.8) that asks for QoS 1."""
    body = bytearray(struct.pack("!H", packet_id))
    if version == 5:
        body.append(0)
    for topic_filter in filters:
        body += encode_text(topic_filter) + b"\x01"
    return packet(codes.SUBSCRIBE, bytes(body), flags=2)


def publish(packet_id: int, topic: str, payload: bytes, version: Version) -> bytes:
    """Return a PUBLISH (3.3) with QoS 1."""
    properties = b"\0" if version == 5 else b""
    body = encode_text(topic) + struct.pack("!H", packet_id) + properties + payload
    return packet(codes.PUBLISH, body, flags=2)


def puback(packet_id: int) -> bytes:
    """Return a PUBACK (3.4) without a reason, which is the same in both versions."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def read_connack(body: bytes, version: Version) -> Accepted:
    """Return what the broker asks for (3.2). Raises `MqttError` when it refuses us."""
    code = body[1]
    if code == codes.UNSUPPORTED_VERSION[version] or (version == 5 and code == 1):
        raise UnsupportedVersion(f"no MQTT {version} here")
    if code:
        raise MqttError(f"the broker refused us: {codes.refusal_in_words(code, version)}")
    if version == 3:
        return Accepted(_UNDER_WAY_3, None)
    numbers = decode_properties(body, 2)
    return Accepted(numbers.get(RECEIVE_MAXIMUM, _MOST_UNDER_WAY), numbers.get(SERVER_KEEP_ALIVE))


def read_suback(body: bytes, filters: tuple[str, ...], version: Version) -> None:
    """Check that a SUBACK (3.9) grants QoS 1 to every filter.

    Raises `MqttError` that names the filters that were refused, and why.
    """
    granted = body[2 if version == 3 else after_properties(body, 2) :]
    if len(granted) != len(filters):
        raise MqttError(f"the broker answered {len(filters)} filters with {len(granted)} codes")
    refused = [
        f"{topic_filter!r}: {codes.reason_in_words(code)}"
        for topic_filter, code in zip(filters, granted, strict=True)
        if code >= codes.REFUSED
    ]
    if refused:
        raise MqttError(f"the broker refused the subscription to {', '.join(refused)}")
    for topic_filter, code in zip(filters, granted, strict=True):
        if code == 0:
            raise MqttError(f"the broker granted {topic_filter!r} with QoS 0 only")


def read_puback(body: bytes, version: Version) -> Acknowledged:
    """Return which message a PUBACK (3.4) is for, and why it was refused; 3.1.1 cannot refuse."""
    reason = body[2] if version == 5 and len(body) > 2 else 0
    refusal = codes.reason_in_words(reason) if reason >= codes.REFUSED else ""
    return Acknowledged(body[0] << 8 | body[1], refusal)


def read_disconnect(body: bytes) -> str:
    """Return why the broker disconnects us (3.14; MQTT 5 only)."""
    return f"the broker disconnected us: {codes.reason_in_words(body[0] if body else 0)}"


def read_publish(flags: int, body: bytes, version: Version, limit_bytes: int) -> Message:
    """Return the message of a PUBLISH (3.3), cut when its payload is larger than the limit."""
    topic_end = 2 + (body[0] << 8 | body[1])
    at, packet_id = topic_end, 0
    if flags & 0x06:
        packet_id = body[at] << 8 | body[at + 1]
        at += 2
    if version == 5:
        at = after_properties(body, at)
    payload = body[at:]
    size = len(payload)
    if size > limit_bytes:
        sha256 = hashlib.sha256(payload).hexdigest()
        return Message(packet_id, body[2:topic_end], payload[:HEAD_KEPT_BYTES], size, sha256)
    return Message(packet_id, body[2:topic_end], payload, size)


def read_cut(cut: Cut) -> Message:
    """Return the message of a PUBLISH of which only the beginning was kept."""
    topic_end = 2 + (cut.head[0] << 8 | cut.head[1])
    packet_id = 0
    if cut.flags & 0x06:
        packet_id = cut.head[topic_end] << 8 | cut.head[topic_end + 1]
    payload = cut.head[cut.payload_at :]
    return Message(packet_id, cut.head[2:topic_end], payload, cut.size, cut.sha256)


def publish_payload_at(head: bytes, flags: int, version: Version) -> int:
    """Return where the payload of a PUBLISH begins in its body."""
    at = 2 + (head[0] << 8 | head[1]) + (2 if flags & 0x06 else 0)
    return at if version == 3 else after_properties(head, at)

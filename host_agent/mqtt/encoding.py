"""Encodes and decodes the parts of packets: texts, lengths and properties (MQTT 5.0, 1.5, 2.2)."""

import struct

from host_agent.mqtt.errors import MqttError

SESSION_EXPIRY, SERVER_KEEP_ALIVE, RECEIVE_MAXIMUM = 0x11, 0x13, 0x21
MAXIMUM_PACKET_SIZE = 0x27

_SIZES = {  # MQTT 5.0, 2.2.2.2: the properties of fixed size that a CONNACK may hold, in bytes
    SESSION_EXPIRY: 4,
    SERVER_KEEP_ALIVE: 2,
    RECEIVE_MAXIMUM: 2,
    0x22: 2,  # topic alias maximum
    0x24: 1,  # maximum QoS
    0x25: 1,  # retain available
    MAXIMUM_PACKET_SIZE: 4,
    0x28: 1,  # wildcard subscription available
    0x29: 1,  # subscription identifier available
    0x2A: 1,  # shared subscription available
}
_TEXTS = {0x12: 1, 0x15: 1, 0x16: 1, 0x1A: 1, 0x1C: 1, 0x1F: 1, 0x26: 2}  # texts in each


def encode_text(text: str) -> bytes:
    """Return UTF-8 after its length in two bytes."""
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def encode_length(length: int) -> bytes:
    """Return a variable byte integer: seven bits a byte, the low ones first (2.2.3)."""
    encoded = bytearray()
    while True:
        length, seven = divmod(length, 128)
        encoded.append(seven | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


def decode_length(data: bytes, at: int) -> tuple[int, int] | None:
    """Return the variable byte integer at `at` and where it ends; None while bytes are missing.

    Raises `MqttError` when it has more than four bytes.
    """
    value = shift = 0
    for position in range(at, at + 4):
        if position >= len(data):
            return None
        value |= (data[position] & 0x7F) << shift
        if data[position] < 0x80:
            return value, position + 1
        shift += 7
    raise MqttError(f"a length of more than four bytes: {data[at : at + 5].hex(' ')}")


def after_properties(data: bytes, at: int) -> int:
    """Return where the properties end that begin at `at` with their length."""
    measured = decode_length(data, at)
    if measured is None:
        raise MqttError("a packet that ends within its properties")
    length, start = measured
    return start + length


def decode_properties(data: bytes, at: int) -> dict[int, int]:
    """Return the numbers among the properties of a CONNACK by identifier; texts are skipped."""
    numbers: dict[int, int] = {}
    if at >= len(data):
        return numbers
    end = after_properties(data, at)
    measured = decode_length(data, at)
    at = measured[1] if measured else end
    while at < end:
        identifier = data[at]
        at += 1
        if size := _SIZES.get(identifier):
            numbers[identifier] = int.from_bytes(data[at : at + size], "big")
            at += size
        elif texts := _TEXTS.get(identifier):
            for _ in range(texts):
                at += 2 + (data[at] << 8 | data[at + 1])
        else:
            raise MqttError(f"an unknown property {identifier:#04x} in CONNACK")
    return numbers

"""A broker that says exactly what a test prepared, and packets built another way than ours."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from host_agent.mqtt import Address, Message, Session, Version

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

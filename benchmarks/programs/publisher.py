"""Stations that send records of 1 KiB as fast as the broker takes them, over MQTT 3.1.1, QoS 1.

arguments: broker's port, name, records, stations. It encodes everything, prints `ready`, begins at
a line on stdin, and ends when every record has a receipt or another line comes. It prints when it
began, when the last new receipt came (seconds of the monotonic clock), and how many records have
one.
"""

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from records import (
    Basis,
    Device,
    Limit,
    Measurement,
    Phrase,
    RunRecord,
    StepRecord,
    Verdict,
    decode_receipt,
    encode,
    new_record_id,
    topics,
)

SIZE = 1024
WINDOW = 250
AGAIN_S = 2.0
CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9


def record(station: str, sequence: int, clause: str = "") -> RunRecord:
    now = datetime.now(UTC)
    limit = Limit(basis=Basis.GENERAL, min=18.5, max=20.5, unit="V")
    values = tuple(
        Measurement(
            name=f"voltage_{number}", value=19.5, unit="V", limit=limit, verdict=Verdict.PASS
        )
        for number in range(3)
    )
    return RunRecord(
        record_id=new_record_id(),
        sequence=sequence,
        station=station,
        slot="slot-1",
        operator="Olga",
        device=Device(asset_tag=f"LT-{sequence:06}", kind="laptop adapter", maker="HP"),
        plan="laptop-adapter-65w",
        plan_sha256="5e" * 32,
        instruments=(),
        software="benchmark",
        clock_synchronised=True,
        simulated=True,
        started_at=now,
        duration_s=3.75,
        steps=(
            StepRecord(
                test="adapter.load_points",
                step="adapter.load_points",
                title=Phrase(text="Load points"),
                verdict=Verdict.PASS,
                started_at=now,
                duration_s=1.25,
                clause=clause,
                measurements=values,
            ),
        ),
        verdict=Verdict.PASS,
    )


def padded(station: str, sequence: int) -> tuple[str, bytes]:
    """Return a record's id, and exactly `SIZE` bytes of JSON."""
    room = SIZE - len(encode(record(station, sequence, "?"))) + 1
    made = record(station, sequence, "x" * room)
    return made.record_id, encode(made).ljust(SIZE)  # a time without microseconds is shorter


class Line:
    """One station's connection, with as little in between as there can be."""

    def __init__(self, port: int, station: str, count: int) -> None:
        topic = _text(topics.run(station))
        self._numbers: dict[str, int] = {}
        self._packets: list[bytes] = []
        for number in range(count):
            record_id, body = padded(station, number + 1)
            self._numbers[record_id] = number
            self._packets.append(_packet(0x32, topic + struct.pack("!H", number + 1) + body))
        self._sent = self._taken = 0
        self.receipted: set[str] = set()
        self.receipted_s = 0.0
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = self._out = b""
        self._ask(0x10, _text("MQTT") + b"\x04\x02\0\0" + _text(station), CONNACK)
        self._ask(0x82, b"\0\1" + _text(topics.receipt(station)) + b"\1", SUBACK)
        self.socket.setblocking(False)

    @property
    def taken(self) -> bool:
        """Tell whether the broker has everything."""
        return self._taken == len(self._packets)

    @property
    def done(self) -> bool:
        return len(self.receipted) == len(self._numbers)

    @property
    def wants(self) -> int:
        return select.POLLIN | (select.POLLOUT if self._out or self._room() > 0 else 0)

    def send(self) -> None:
        if not self._out:
            room = self._room()
            self._out = b"".join(self._packets[self._sent : self._sent + room])
            self._sent += room
        self._out = self._out[self.socket.send(self._out) :] if self._out else b""

    def receive(self) -> None:
        acknowledged = []
        for kind, body in self._arrived(self.socket.recv(1 << 18)):
            if kind == PUBACK:
                self._taken += 1
            elif kind == PUBLISH:
                at = 2 + (body[0] << 8 | body[1])
                acknowledged.append(_packet(0x40, body[at : at + 2]))
                self._hear(decode_receipt(body[at + 2 :]).stored)
        if acknowledged:
            self._out = self._out or b""
            self.socket.setblocking(True)
            self.socket.sendall(self._out + b"".join(acknowledged))
            self.socket.setblocking(False)
            self._out = b""

    def send_again(self) -> None:
        """Send the records without a receipt again, as a station does, if any receipt ever came."""
        if self.receipted and self.taken:
            missing = [n for record, n in self._numbers.items() if record not in self.receipted]
            self._packets += [self._packets[number] for number in missing]

    def _hear(self, stored: tuple[str, ...]) -> None:
        before = len(self.receipted)
        self.receipted.update(stored)
        if len(self.receipted) != before:
            self.receipted_s = time.monotonic()

    def _room(self) -> int:
        return min(WINDOW - (self._sent - self._taken), len(self._packets) - self._sent)

    def _ask(self, first: int, body: bytes, answer: int) -> None:
        self.socket.sendall(_packet(first, body))
        while not (found := list(self._arrived(self.socket.recv(4096)))):
            pass
        if found[0][0] != answer:
            raise SystemExit(f"the broker answered {found}")

    def _arrived(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        if not data:
            raise SystemExit("the broker has hung up")
        stream = self._rest + data
        at = 0
        while len(stream) - at >= 2:
            length, shift, start = stream[at + 1] & 0x7F, 7, at + 2
            while start < len(stream) and stream[start - 1] & 0x80:
                length |= (stream[start] & 0x7F) << shift
                shift, start = shift + 7, start + 1
            if stream[start - 1] & 0x80 or start + length > len(stream):
                break
            yield stream[at] >> 4, stream[start : start + length]
            at = start + length
        self._rest = stream[at:]


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def _packet(first: int, body: bytes) -> bytes:
    """MQTT 3.1.1, 2.2.3: the length in groups of seven bits, the low ones first."""
    header, length = bytearray((first,)), len(body)
    while length >= 0x80:
        header.append(length & 0x7F | 0x80)
        length >>= 7
    header.append(length)
    return bytes(header) + body


def main() -> None:
    port, name, records, stations = int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:5])
    lines = [Line(port, f"{name}-{n}", records // stations) for n in range(stations)]
    print("ready", flush=True)
    sys.stdin.readline()
    poll = select.poll()
    by_descriptor = {line.socket.fileno(): line for line in lines}
    poll.register(sys.stdin, select.POLLIN)
    began_s = time.monotonic()
    ended = False
    while not ended and not all(line.done for line in lines):
        for descriptor, line in by_descriptor.items():
            poll.register(descriptor, line.wants)
        happened = poll.poll(AGAIN_S * 1000)
        if not happened:
            for line in lines:
                line.send_again()
        for descriptor, events in happened:
            if descriptor == sys.stdin.fileno():
                ended = True
                continue
            line = by_descriptor[descriptor]
            if events & select.POLLOUT:
                line.send()
            if events & ~select.POLLOUT:
                line.receive()
    told = {
        "began_s": began_s,
        "receipted_s": max(line.receipted_s for line in lines),
        "receipted": sum(len(line.receipted) for line in lines),
    }
    print(json.dumps(told), flush=True)


main()

"""Stations that publish as fast as they can: a load for ingests, ours and others'.

    python -m tests.host_agent.load --broker 127.0.0.1:1883 --stations 2 --records 20000

Each station is a process with its own connection (MQTT 3.1.1, QoS 1, TCP_NODELAY). Records are
encoded before the clock starts. `--until receipt` does what a station does: a record is done when
the host's receipt names it, and is sent again when that does not come. `--until puback` is for
consumers that send no receipts: a record is done when the broker has it, and the
program that measures counts the consumer's rows. One line of JSON on stdout.
"""

import argparse
import json
import multiprocessing
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.synchronize import Event, Semaphore

import msgspec

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

_PUBLISH, _PUBACK, _SUBACK, _CONNACK = 3, 4, 9, 2
_SENT_AT_ONCE = 64
_SAMPLE_EVERY = 16
_RECONNECT_S = 0.05


def example_record(station: str, sequence: int, **changes: object) -> RunRecord:
    """Return a plausible adapter: two steps, four measurements, about 1.2 kB of JSON."""
    now = datetime.now(UTC)
    no_load = (
        Measurement(
            name="voltage",
            value=19.5 + sequence % 7 / 100,
            unit="V",
            limit=Limit(basis=Basis.GENERAL, min=18.5, max=20.5, unit="V", guard=0.1),
            verdict=Verdict.PASS,
        ),
        Measurement(
            name="ripple",
            value=0.012,
            unit="V",
            limit=Limit(basis=Basis.PROPOSAL, max=0.2, unit="V"),
            verdict=Verdict.PASS,
        ),
    )
    full_load = (
        Measurement(
            name="efficiency",
            value=0.87,
            limit=Limit(basis=Basis.GENERAL, min=0.85, guard=0.03),
            verdict=Verdict.PASS,
            marginal=True,
        ),
        Measurement(name="current", value=3.25, unit="A"),
    )
    record = RunRecord(
        record_id=new_record_id(),
        sequence=sequence,
        station=station,
        slot="A",
        operator="Olga",
        device=Device(
            asset_tag=f"AT-{sequence:06d}", kind="laptop-adapter", maker="Delta", model="ADP-65"
        ),
        plan="laptop-adapter",
        plan_sha256="5e" * 16,
        instruments=(),
        software="pace 0.1.0",
        clock_synchronised=True,
        simulated=True,
        started_at=now,
        duration_s=3.75,
        steps=(
            StepRecord(
                test="adapter.no_load",
                step="adapter.no_load",
                title=Phrase(text="No-load voltage"),
                verdict=Verdict.PASS,
                started_at=now,
                duration_s=1.25,
                measurements=no_load,
            ),
            StepRecord(
                test="adapter.load",
                step="adapter.load",
                title=Phrase(text="Full load"),
                verdict=Verdict.PASS,
                started_at=now,
                duration_s=2.5,
                measurements=full_load,
            ),
        ),
        verdict=Verdict.PASS,
        marginal=True,
    )
    return msgspec.structs.replace(record, **changes)


def record_ending(verdict: Verdict, station: str, sequence: int, **changes: object) -> RunRecord:
    """Return the same adapter, with a last step that decides against it."""
    record = example_record(station, sequence)
    last = StepRecord(
        test="adapter.overload",
        step="adapter.overload",
        title=Phrase(text="Overload"),
        verdict=verdict,
        started_at=record.started_at,
    )
    ending = {"steps": (*record.steps, last), "verdict": verdict, "marginal": False}
    return msgspec.structs.replace(record, **(ending | changes))


@dataclass
class Result:
    """The figures that one station saw. Times are of one clock for all processes."""

    done: int = 0
    rejected: int = 0
    resent: int = 0
    messages_with_receipts: int = 0
    began: float = 0.0
    ended: float = 0.0
    latencies_s: list[float] = field(default_factory=list)


class Line:
    """A connection with as little in between as there can be."""

    def __init__(self, broker: tuple[str, int], client_id: str) -> None:
        self.socket = socket.create_connection(broker, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        connect = _text(b"MQTT") + b"\x04\x02" + struct.pack("!H", 0) + _text(client_id.encode())
        self.socket.sendall(b"\x10" + _length(len(connect)) + connect)
        self._expect(_CONNACK)

    def subscribe(self, topic: str) -> None:
        body = struct.pack("!H", 1) + _text(topic.encode()) + b"\x01"
        self.socket.sendall(b"\x82" + _length(len(body)) + body)
        self._expect(_SUBACK)

    def packets(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the complete packets: type and body."""
        found: list[tuple[int, bytes]] = []
        stream = self._rest + data
        at, end = 0, len(stream)
        while end - at >= 2:
            length, shift, start = stream[at + 1] & 0x7F, 7, at + 2
            while stream[start - 1] & 0x80:
                if start == end:
                    self._rest = stream[at:]
                    return found
                length |= (stream[start] & 0x7F) << shift
                shift += 7
                start += 1
            if start + length > end:
                break
            found.append((stream[at] >> 4, stream[start : start + length]))
            at = start + length
        self._rest = stream[at:]
        return found

    def _expect(self, kind: int) -> None:
        """amqtt sends what is retained before it answers, to clients that never asked for it."""
        found: list[tuple[int, bytes]] = []
        while kind not in {one for one, _ in found}:
            data = self.socket.recv(4096)
            if not data:
                raise ConnectionError("the broker closed the connection")
            found += self.packets(data)


class Station:
    """Publishes its records, at most `window` of them under way."""

    def __init__(
        self, name: str, number: int, window: int, *, receipts: bool, resend_s: float
    ) -> None:
        self.name, self._window, self._receipts, self._resend_s = name, window, receipts, resend_s
        topic = _text(topics.run(name).encode())
        self._receipt_topic = topics.receipt(name).encode()
        self._packets: dict[str, bytes] = {}
        for sequence in range(1, number + 1):
            record = example_record(name, sequence)
            body = topic + struct.pack("!H", (sequence - 1) % 65_535 + 1) + encode(record)
            self._packets[record.record_id] = b"\x32" + _length(len(body)) + body
        self._to_send = deque(self._packets)
        self._under_way: dict[str, float] = {}
        self._line: Line | None = None
        self.result = Result()

    def run(self, broker: tuple[str, int], deadline: float) -> Result:
        """Work until all is done; `TimeoutError` at the deadline. Survives the broker's absence."""
        self.result.began = time.monotonic()
        while self._packets:
            try:
                self._line = self._connected(broker)
                self._publish(self._line, deadline)
            except (ConnectionError, TimeoutError, OSError):
                if time.monotonic() > deadline:
                    raise
                self._send_again()
                time.sleep(_RECONNECT_S)
        self.result.ended = time.monotonic()
        return self.result

    def _connected(self, broker: tuple[str, int]) -> Line:
        line = Line(broker, f"load-{self.name}-{os.getpid()}")
        if self._receipts:
            line.subscribe(topics.receipt(self.name))
        return line

    def _publish(self, line: Line, deadline: float) -> None:
        line.socket.setblocking(False)
        poll = select.poll()
        out, heard = b"", time.monotonic()
        while self._packets:
            if not out:
                out = self._next_chunk()
            poll.register(line.socket, select.POLLIN | (select.POLLOUT if out else 0))
            events = poll.poll(100)
            now = time.monotonic()
            if now > deadline:
                raise TimeoutError(f"{self.name}: {len(self._packets)} records not done")
            if events and events[0][1] & select.POLLOUT:
                out = out[line.socket.send(out) :]
            if events and events[0][1] & ~select.POLLOUT:
                data = line.socket.recv(262_144)
                if not data:
                    raise ConnectionError("the broker closed the connection")
                self._digest(line, data, now)
                heard = now
            elif now - heard > self._resend_s and not out:
                self._send_again()
                heard = now

    def _next_chunk(self) -> bytes:
        room = min(self._window - len(self._under_way), len(self._to_send), _SENT_AT_ONCE)
        now = time.monotonic()
        chunk = []
        for _ in range(room):
            record_id = self._to_send.popleft()
            if record_id in self._packets:
                self._under_way[record_id] = now
                chunk.append(self._packets[record_id])
        return b"".join(chunk)

    def _digest(self, line: Line, data: bytes, now: float) -> None:
        acks = []
        for kind, body in line.packets(data):
            if kind == _PUBACK and not self._receipts:
                self._done(next(iter(self._under_way)), now)  # a broker answers in order
            elif kind == _PUBLISH:
                at = 2 + (body[0] << 8 | body[1])
                acks.append(b"\x40\x02" + body[at : at + 2])
                if body[2:at] != self._receipt_topic:
                    continue
                receipt = decode_receipt(body[at + 2 :])
                self.result.messages_with_receipts += 1
                for record_id in (one.record_id for one in receipt.stored):
                    self._done(record_id, now)
                for rejected in receipt.rejected:
                    self.result.rejected += rejected.record_id in self._packets
                    self._done(rejected.record_id, now)
        if acks:
            line.socket.send(b"".join(acks))

    def _done(self, record_id: str, now: float) -> None:
        if self._packets.pop(record_id, None) is None:
            return
        self.result.done += 1
        sent = self._under_way.pop(record_id, now)
        if self.result.done % _SAMPLE_EVERY == 0:
            self.result.latencies_s.append(now - sent)

    def _send_again(self) -> None:
        self.result.resent += len(self._under_way)
        self._to_send.extendleft(reversed(self._under_way))
        self._under_way.clear()


def run_load(
    broker: tuple[str, int],
    *,
    stations: int,
    records: int,
    window: int = 500,
    receipts: bool = True,
    resend_s: float = 2.0,
    within_s: float = 120.0,
    prefix: str = "",
) -> dict[str, float]:
    """Send `records` in all, from `stations` processes; return the figures that `main` prints."""
    spawn = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    ready, go = spawn.Semaphore(0), spawn.Event()
    results: multiprocessing.SimpleQueue[Result | str] = spawn.SimpleQueue()
    prefix = prefix or f"load{new_record_id()[9:13]}"
    arguments = [
        (f"{prefix}-{number}", records // stations, window, receipts, resend_s)
        for number in range(stations)
    ]
    processes = [
        spawn.Process(target=_work, args=(broker, one, within_s, ready, go, results))
        for one in arguments
    ]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    go.set()
    answers = [results.get() for _ in processes]
    for process in processes:
        process.join()
    seen = [answer for answer in answers if isinstance(answer, Result)]
    if len(seen) < stations:
        raise TimeoutError("; ".join(str(one) for one in answers if isinstance(one, str)))
    latencies = sorted(latency for result in seen for latency in result.latencies_s) or [0.0]
    done = sum(result.done for result in seen)
    elapsed_s = max(result.ended for result in seen) - min(result.began for result in seen)
    return {
        "done": done,
        "rejected": sum(result.rejected for result in seen),
        "resent": sum(result.resent for result in seen),
        "messages_with_receipts": sum(result.messages_with_receipts for result in seen),
        "elapsed_s": round(elapsed_s, 3),
        "per_s": round(done / elapsed_s),
        "p50_ms": round(latencies[len(latencies) // 2] * 1000, 2),
        "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1000, 2),
    }


def _work(
    broker: tuple[str, int],
    arguments: tuple[str, int, int, bool, float],
    within_s: float,
    ready: Semaphore,
    go: Event,
    results: "multiprocessing.SimpleQueue[Result | str]",
) -> None:
    name, number, window, receipts, resend_s = arguments
    station = Station(name, number, window, receipts=receipts, resend_s=resend_s)
    ready.release()
    go.wait()
    try:
        results.put(station.run(broker, time.monotonic() + within_s))
    except Exception as error:
        results.put(f"{name}: {error!r}")


def _text(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _length(number: int) -> bytes:
    encoded = bytearray()
    while True:
        number, seven = divmod(number, 128)
        encoded.append(seven | (0x80 if number else 0))
        if not number:
            return bytes(encoded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--broker", default="127.0.0.1:1883")
    parser.add_argument("--stations", type=int, default=2)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--window", type=int, default=500, help="records under way per station")
    parser.add_argument("--until", choices=("receipt", "puback"), default="receipt")
    parser.add_argument("--within", type=float, default=120.0, help="seconds")
    options = parser.parse_args()
    host, _, port = options.broker.rpartition(":")
    answer = run_load(
        (host, int(port)),
        stations=options.stations,
        records=options.records,
        window=options.window,
        receipts=options.until == "receipt",
        within_s=options.within,
    )
    json.dump(answer, sys.stdout)
    print()


if __name__ == "__main__":
    main()

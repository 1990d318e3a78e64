"""From the disk to the host: every record, until the host says that it has it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from records import (
    Receipt,
    Rejected,
    Request,
    RunRecord,
    SlotState,
    StationState,
    encode,
)
from records.messages import Wanted
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Counts, Outbox, OutboxError, Waiting
from station.delivery.publisher import Delivery, Publisher
from tests.host_agent.rig import MOSQUITTO, Mosquitto, eventually, programs_in
from tests.station.benches import make_draft
from tests.station.hosts import Host


class Quick(Publisher):
    """Has no patience, so that a test need not have any."""

    RESEND_S = (0.1, 0.4)
    BACKOFF_S = (0.05, 0.2)
    PATIENCE_S = 2.0


class Line:
    """A station's end: an outbox, and a publisher of which everything can be seen."""

    def __init__(
        self,
        broker: BrokerAddress,
        outbox: Outbox,
        station: str = "pi-1",
        kind: type[Publisher] = Quick,
    ) -> None:
        self.outbox = outbox
        self.deliveries: list[Delivery] = []
        self.state = StationState(station=station, online=True)
        self.publisher = kind(
            station,
            broker,
            outbox,
            state=lambda: self.state,
            on_delivery=self.deliveries.append,
        )

    def produce(self, size: int = 0, station: str = "") -> RunRecord:
        named = station or self.state.station
        begun = self.outbox.begin(make_draft(profile="x" * size, station=named))
        self.outbox.finish(begun)
        self.publisher.wake()
        return begun

    def until(self, delivered: int, waiting: int, rejected: int, *, connected: bool = True) -> None:
        """Wait until these are delivered, waiting and rejected."""
        wanted = Delivery(connected, delivered, waiting, rejected)
        eventually(lambda: self.deliveries[-1:] == [wanted])


Lines = Callable[..., Line]


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    """Yield a maker of stations' ends of the line, and close them."""
    made: list[Line] = []

    def make(broker: BrokerAddress, station: str = "pi-1", kind: type[Publisher] = Quick) -> Line:
        line = Line(broker, Outbox(tmp_path / f"{len(made)}.db"), station, kind)
        made.append(line)
        line.publisher.start()
        return line

    yield make
    for line in made:
        line.publisher.close()
        line.outbox.close()


@pytest.fixture(params=["mosquitto-5", "mosquitto-3.1.1", "embedded"])
def broker(request: pytest.FixtureRequest) -> BrokerAddress:
    if request.param == "embedded":
        embedded: BrokerAddress = request.getfixturevalue("lasting_embedded")
        return embedded
    address: BrokerAddress = request.getfixturevalue("lasting_mosquitto")
    version = 5 if request.param.endswith("5") else 3
    return msgspec.structs.replace(address, mqtt_version=version)


def address(mosquitto: Mosquitto) -> BrokerAddress:
    return BrokerAddress(host=mosquitto.address[0], port=mosquitto.address[1])


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Callable[[str], Mosquitto]]:
    """Yield a maker of brokers that have this line in their configuration, too."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is missing: apt-get install mosquitto")
    with programs_in(tmp_path) as started:
        yield lambda line: started.mosquitto(line)


NAMES = iter(f"station-{number}" for number in range(10**6))


# Delivering


def test_records_arrive_to_the_last_byte_and_leave_on_their_receipts(
    broker: BrokerAddress, lines: Lines
) -> None:
    name = next(NAMES)
    with Host((broker.host, broker.port), name) as host:
        line = lines(broker, station=name)
        records = [line.produce() for _ in range(20)]
        line.until(20, 0, 0)
        assert list({run.record_id: run for run in host.runs}.values()) == records
        assert line.outbox.waiting() == ()


def test_a_renamed_station_delivers_what_waits_under_its_old_name(
    broker: BrokerAddress, lines: Lines
) -> None:
    old, new = next(NAMES), next(NAMES)
    with (
        Host((broker.host, broker.port), old) as before,
        Host((broker.host, broker.port), new) as after,
    ):
        line = Line(broker, Outbox(lines(broker).outbox.path.with_name("renamed.db")), new)
        records = [line.produce(station=old), line.produce()]
        line.publisher.start()
        line.until(2, 0, 0)
        line.publisher.close()
        line.outbox.close()
        assert before.runs[:1] == records[:1]
        assert after.runs[:1] == records[1:]


def test_the_host_asks_for_positions_and_gets_them_again(
    broker: BrokerAddress, lines: Lines
) -> None:
    name = next(NAMES)
    with Host((broker.host, broker.port), name) as host:
        line = lines(broker, station=name)
        records = [line.produce() for _ in range(3)]
        line.until(3, 0, 0)
        head = line.outbox.head()
        assert head is not None
        first = len(host.bodies)
        host.say(encode(Request((Wanted(head.chain, 2, 2),))))
        host.wait(lambda: len(host.bodies) > first)
        assert host.runs[-1] == records[1]
        line.until(3, 0, 0)


def test_an_attachment_reaches_the_host_whole_over_broken_connections(
    broker: BrokerAddress, lines: Lines
) -> None:
    name, photo = next(NAMES), os.urandom(700_000)
    with Host((broker.host, broker.port), name) as host:
        line = lines(broker, station=name)
        one = line.outbox.attach("front.jpg", photo)
        line.publisher.wake()
        host.wait(lambda: host.attachments.get(one.sha256) == photo)
        eventually(lambda: line.outbox.next_piece() is None)


def test_what_waited_on_disk_is_sent_when_there_is_a_broker_at_last(
    mosquitto: Mosquitto, lines: Lines
) -> None:
    mosquitto.kill()
    line = lines(address(mosquitto))
    records = [line.produce() for _ in range(3)]
    eventually(lambda: line.deliveries[-1:] == [Delivery(False, 0, 3, 0)])
    mosquitto.start()
    with Host(mosquitto.address) as host:
        line.until(3, 0, 0)
        assert set(host.ids) == {record.record_id for record in records}


def test_the_brokers_word_is_not_the_hosts(lasting_mosquitto: BrokerAddress, lines: Lines) -> None:
    """Acknowledged by the broker, but no host is there to store it: it stays."""
    name = next(NAMES)
    broker = lasting_mosquitto
    with Host((broker.host, broker.port), name, confirming=False) as host:
        line = lines(broker, station=name)
        record = line.produce()
        host.wait(lambda: len(host.runs) >= 1)
        assert line.outbox.counts() == Counts(0, 1, 0)
        host.confirm(record.record_id)
        line.until(1, 0, 0)


def test_a_record_without_receipt_is_sent_again_until_it_has_one(
    broker: BrokerAddress, lines: Lines
) -> None:
    name = next(NAMES)
    with Host((broker.host, broker.port), name, confirming=False) as host:
        line = lines(broker, station=name)
        record = line.produce()
        host.wait(lambda: len(host.runs) >= 4)
        assert set(host.ids) == {record.record_id}
        assert len(set(host.bodies)) == 1
        host.confirm(record.record_id)
        line.until(1, 0, 0)


def test_one_record_that_nobody_confirms_does_not_hold_up_the_others(
    lasting_mosquitto: BrokerAddress, lines: Lines
) -> None:
    name, broker = next(NAMES), lasting_mosquitto

    class Narrow(Quick):
        WINDOW = 3

    with Host((broker.host, broker.port), name, confirming=False) as host:
        line = lines(broker, station=name, kind=Narrow)
        stubborn = line.produce()
        others = [line.produce() for _ in range(12)]
        for other in others:
            host.wait_for(other)
            host.confirm(other.record_id)
        line.until(12, 1, 0)
        host.confirm(stubborn.record_id)
        line.until(13, 0, 0)


def test_a_broker_that_is_killed_and_comes_back_costs_no_record(
    mosquitto: Mosquitto, lines: Lines
) -> None:
    line = lines(address(mosquitto))
    records = []
    seen: set[str] = set()
    for _ in range(3):
        with Host(mosquitto.address) as host:
            records += [line.produce() for _ in range(10)]
            host.wait(lambda: bool(host.runs))
            mosquitto.kill()
            records += [line.produce() for _ in range(5)]
            seen |= set(host.ids)
        mosquitto.start()
    with Host(mosquitto.address) as host:
        line.until(45, 0, 0)
        seen |= set(host.ids)
    assert seen == {record.record_id for record in records}


@pytest.mark.parametrize("version", [3, 5])
@pytest.mark.parametrize("limit", ["message_size_limit 3000", "max_packet_size 3000"])
def test_a_record_that_the_broker_will_not_have_does_not_hold_up_the_others(
    limited: Callable[[str], Mosquitto], lines: Lines, limit: str, version: int
) -> None:
    """It costs the connection each time, and that is all."""
    mosquitto = limited(limit)
    broker = msgspec.structs.replace(address(mosquitto), mqtt_version=version)
    with Host(mosquitto.address) as host:
        line = lines(broker)
        too_large = line.produce(size=10_000)
        others = {line.produce().record_id for _ in range(10)}
        eventually(lambda: line.outbox.counts() == Counts(10, 1, 0))
        assert set(host.ids) == others
        assert [one.record_id for one in line.outbox.waiting()] == [too_large.record_id]


# Receipts


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"\xff\xfe",
        b'{"stored":["\xff"]}',
        b"{",
        b"null",
        b"[]",
        b'{"schema":"pace.receipt/2","stored":[]}',
        b'{"schema":"pace.receipt/1","stored":[1]}',
        b'{"schema":"pace.receipt/1","stored":"all"}',
        b'{"schema":"pace.receipt/1","rejected":[{"record_id":"x"}]}',
        b'{"schema":"pace.receipt/1","stored":["unknown"]}',
        b'{"schema":"pace.receipt/1","stored":[],"rejected":[{"record_id":"?","reason":"?"}]}',
        b"x" * 100_000,
        b'{"a":' + b"[" * 100_000,
        b'{"schema":"pace.request/1","records":[{"chain":"c","first":1,"last":9223372036854775808}]}',
    ],
)
def test_a_receipt_that_is_none_changes_nothing(
    lasting_mosquitto: BrokerAddress, lines: Lines, nonsense: bytes
) -> None:
    name, broker = next(NAMES), lasting_mosquitto
    with Host((broker.host, broker.port), name, confirming=False) as host:
        line = lines(broker, station=name)
        first = line.produce()
        host.wait(lambda: len(host.runs) >= 1)
        host.say(nonsense)
        second = line.produce()
        host.wait_for(second)
        host.confirm(second.record_id)
        line.until(1, 1, 0)
        host.confirm(first.record_id)
        line.until(2, 0, 0)


def test_a_receipt_that_comes_twice_counts_once(broker: BrokerAddress, lines: Lines) -> None:
    name = next(NAMES)
    with Host((broker.host, broker.port), name, confirming=False) as host:
        line = lines(broker, station=name)
        first = line.produce()
        host.wait_for(first)
        for _ in range(3):
            host.confirm(first.record_id, first.record_id)
        second = line.produce()
        host.wait_for(second)
        host.confirm(second.record_id)
        line.until(2, 0, 0)


def test_a_rejected_record_is_kept_and_no_longer_sent(
    lasting_mosquitto: BrokerAddress, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    name, broker = next(NAMES), lasting_mosquitto
    with Host((broker.host, broker.port), name, confirming=False) as host:
        line = lines(broker, station=name)
        bad = line.produce()
        host.wait(lambda: len(host.runs) >= 1)
        host.confirm(rejected=(Rejected(record_id=bad.record_id, reason="year -1"),))
        line.until(0, 0, 1)
        host.confirming = True
        sent = host.ids.count(bad.record_id)
        for _ in range(5):
            line.produce()
        line.until(5, 0, 1)
        assert host.ids.count(bad.record_id) == sent
    assert f"record {bad.record_id!r} in quarantine: 'year -1'" in caplog.text


# What is retained


def test_the_state_is_retained_for_whoever_comes_later(broker: BrokerAddress, lines: Lines) -> None:
    name = next(NAMES)
    line = lines(broker, station=name)
    eventually(lambda: line.deliveries[-1:] == [Delivery(True, 0, 0, 0)])
    with Host((broker.host, broker.port), name) as first:
        first.wait(lambda: bool(first.states or first.retained))
    with Host((broker.host, broker.port), name) as later:
        later.wait(lambda: bool(later.retained))
        assert set(later.retained) == {StationState(station=name, online=True)}


def test_a_change_of_state_is_told_and_nothing_else_is(
    lasting_mosquitto: BrokerAddress, lines: Lines
) -> None:
    name, broker = next(NAMES), lasting_mosquitto
    with Host((broker.host, broker.port), name) as host:
        line = lines(broker, station=name)
        host.wait(lambda: len(host.states) == 1)
        line.publisher.state_changed()
        line.state = msgspec.structs.replace(
            line.state, slots=(SlotState(slot="left", step="Idle"),)
        )
        line.publisher.state_changed()
        host.wait(lambda: len(host.states) == 2)
        assert host.states[-1].slots[0].step == "Idle"


def test_a_station_that_leaves_says_goodbye(broker: BrokerAddress, lines: Lines) -> None:
    name = next(NAMES)
    with Host((broker.host, broker.port), name) as host:
        line = lines(broker, station=name)
        host.wait(lambda: bool(host.states))
        line.publisher.close()
        host.wait(lambda: not host.states[-1].online)
        assert line.deliveries[-1].connected is False


KILLED = """
import sys
from pathlib import Path
from station.delivery.outbox import Outbox
from station.delivery.broker import BrokerAddress
from station.delivery.publisher import Publisher
from records import StationState

name, host, port, version, data = sys.argv[1:]
publisher = Publisher(
    name,
    BrokerAddress(host=host, port=int(port), mqtt_version=int(version)),
    Outbox(Path(data)),
    state=lambda: StationState(station=name, online=True),
    on_delivery=lambda delivery: print(delivery.connected, flush=True),
)
publisher.start()
sys.stdin.read()
"""


def test_a_station_that_is_killed_leaves_its_last_will(
    broker: BrokerAddress, tmp_path: Path
) -> None:
    name = next(NAMES)
    with Host((broker.host, broker.port), name) as host:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", KILLED, name, broker.host, str(broker.port)),
                *(str(broker.mqtt_version), str(tmp_path / "outbox.db")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert process.stdin is not None
        host.wait(lambda: bool(host.states) and host.states[-1].online)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        process.stdin.close()
        host.wait(lambda: not host.states[-1].online)
    with Host((broker.host, broker.port), name) as later:
        later.wait(lambda: bool(later.retained))
        assert {state.online for state in later.retained} == {False}


def test_what_is_live_is_told_to_whoever_listens(
    lasting_mosquitto: BrokerAddress, lines: Lines
) -> None:
    name, broker = next(NAMES), lasting_mosquitto
    with Host((broker.host, broker.port), name) as host:
        line = lines(broker, station=name)
        line.publisher.tell_live(b"nobody is connected yet, perhaps")
        eventually(lambda: line.deliveries[-1:] == [Delivery(True, 0, 0, 0)])

        def is_heard() -> bool:
            """Until what is live is sent, just after the connection is told, it is forgotten."""
            line.publisher.tell_live(b"0")
            return bool(host.live)

        eventually(is_heard)
        for payload in (b"1", b"2", b"3"):
            line.publisher.tell_live(payload)
        host.wait(lambda: b"3" in b"".join(host.live))
        events = [event for told in host.live for event in json.loads(told)]
        assert [event for event in events if event] == [1, 2, 3]
        assert events[-3:] == [1, 2, 3]


def test_a_flood_of_live_events_neither_blocks_nor_holds_up_records(
    lasting_mosquitto: BrokerAddress, lines: Lines
) -> None:
    name, broker = next(NAMES), lasting_mosquitto
    with Host((broker.host, broker.port), name):
        line = lines(broker, station=name)
        eventually(lambda: line.deliveries[-1:] == [Delivery(True, 0, 0, 0)])
        for _ in range(20_000):
            line.publisher.tell_live(b"x" * 100)
        line.produce()
        line.until(1, 0, 0)


# Trouble


class Ailing(Outbox):
    """A disk that fails a given number of times at each of these calls."""

    failures = 0

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise OutboxError("outbox.failed", place=str(self.path), error="disk I/O error")

    def counts(self) -> Counts:
        self._fail()
        return super().counts()

    def waiting(self, limit: int = 100, *, but_not: Sequence[str] = ()) -> tuple[Waiting, ...]:
        self._fail()
        return super().waiting(limit, but_not=but_not)


@pytest.mark.parametrize("failures", [1, 2, 3, 10])
def test_a_disk_that_fails_for_a_while_ends_no_delivery(
    lasting_mosquitto: BrokerAddress, tmp_path: Path, failures: int
) -> None:
    name, broker = next(NAMES), lasting_mosquitto
    outbox = Ailing(tmp_path / "outbox.db")
    line = Line(broker, outbox, name)
    with Host((broker.host, broker.port), name):
        outbox.failures = failures
        line.publisher.start()
        eventually(lambda: outbox.failures == 0)
        line.produce()
        line.until(1, 0, 0)
        outbox.failures = failures
        line.produce()
        line.until(2, 0, 0)
    line.publisher.close()
    outbox.close()


class Stubborn(Quick):
    """Has a task that swallows its first cancellation, as `asyncio.wait_for` does in Python 3.11.

    There it is lost where what is waited for comes at the same moment.
    """

    swallowed = 0

    async def _send_live(self, client: aiomqtt.Client) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.swallowed += 1
            if self.swallowed > 1:
                raise
        await asyncio.Event().wait()


class Receiptless(Outbox):
    """Cannot take the first receipt: a disk that fails for a moment."""

    failures = 1

    def receipt(self, receipt: Receipt) -> list[str]:
        if self.failures:
            self.failures -= 1
            raise OutboxError("outbox.failed", place=str(self.path), error="disk I/O error")
        return super().receipt(receipt)


def test_a_task_that_swallows_its_cancellation_leaves_no_connection_that_hears_nothing(
    lasting_mosquitto: BrokerAddress, tmp_path: Path
) -> None:
    name, broker = next(NAMES), lasting_mosquitto
    outbox = Receiptless(tmp_path / "outbox.db")
    line = Line(broker, outbox, name, Stubborn)
    with Host((broker.host, broker.port), name):
        line.publisher.start()
        line.produce()
        line.until(1, 0, 0)
    line.publisher.close()
    outbox.close()


def test_a_bug_in_whoever_is_told_ends_no_delivery(
    lasting_mosquitto: BrokerAddress, tmp_path: Path
) -> None:
    name, broker = next(NAMES), lasting_mosquitto
    outbox = Outbox(tmp_path / "outbox.db")
    told: list[Delivery] = []

    def hear(delivery: Delivery) -> None:
        told.append(delivery)
        raise KeyError("bug")

    state = StationState(station=name, online=True)
    publisher = Quick(name, broker, outbox, state=lambda: state, on_delivery=hear)
    with Host((broker.host, broker.port), name):
        publisher.start()
        outbox.finish(outbox.begin(make_draft(station=name)))
        publisher.wake()
        eventually(lambda: outbox.counts() == Counts(1, 0, 0))
    publisher.close()
    outbox.close()
    assert told


def test_a_password_that_is_not_there_yet_is_waited_for(
    lasting_mosquitto: BrokerAddress, lines: Lines, tmp_path: Path
) -> None:
    name = next(NAMES)
    secret = tmp_path / "password"
    broker = msgspec.structs.replace(
        lasting_mosquitto, username="station", password_file=str(secret)
    )
    line = lines(broker, station=name)
    eventually(lambda: bool(line.deliveries))
    assert not line.deliveries[-1].connected
    secret.write_text("open sesame\n")
    eventually(lambda: line.deliveries[-1].connected)


def test_a_broker_that_is_no_broker_is_tried_again_and_again(lines: Lines) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(30)
        lines(BrokerAddress(host="127.0.0.1", port=server.getsockname()[1]))
        for _ in range(3):
            connection, _ = server.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()


# Beginning and ending


def test_closing_before_starting_and_closing_twice_is_fine(
    lasting_mosquitto: BrokerAddress, tmp_path: Path
) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    line = Line(lasting_mosquitto, outbox, next(NAMES))
    line.publisher.wake()
    line.publisher.tell_live(b"x")
    line.publisher.close()
    line.publisher.close()
    outbox.close()


def test_closing_does_not_wait_for_a_broker_that_is_not_there(lines: Lines) -> None:
    line = lines(BrokerAddress(host="127.0.0.1", port=1))
    eventually(lambda: bool(line.deliveries))
    began_s = time.monotonic()
    line.publisher.close()
    assert time.monotonic() - began_s < 15


def test_what_is_told_after_the_end_is_forgotten(
    lasting_mosquitto: BrokerAddress, lines: Lines
) -> None:
    line = lines(lasting_mosquitto, station=next(NAMES))
    eventually(lambda: line.deliveries[-1:] == [Delivery(True, 0, 0, 0)])
    line.publisher.close()
    line.publisher.wake()
    line.publisher.state_changed()
    line.publisher.tell_live(b"late")
    assert not any(thread.name == "publisher" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"port": 0}, "port 0 is not between"),
        ({"port": 65536}, "port 65536 is not between"),
        ({"mqtt_version": 4}, "mqtt_version is 3"),
    ],
)
def test_an_address_that_can_be_none_is_refused(changes: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        msgspec.structs.replace(BrokerAddress(), **changes)

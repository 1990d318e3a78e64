"""The station at work: what it refuses, what it saves before it says it, and how it ends."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import msgspec
import pytest

from drivers.buses import ByteStream
from drivers.errors import NotConnected
from drivers.sim.instruments.power.it8500 import SimulatedIt8500
from drivers.sim.lead import SinkEnd
from records import Phrase, RunRecord, Verdict
from station.console import (
    CannotKeep,
    CommandRefused,
    DeliveryNotice,
    Notice,
    SlotNotice,
    UnsafeNotice,
)
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox, OutboxError
from station.engine.clock import Clock
from station.engine.events import (
    Event,
    Measured,
    NotSaved,
    RunFinished,
    RunStarted,
    Shown,
    StepStarted,
)
from station.rig.config import StationConfig, load
from station.rig.rehearsal import Nowhere
from station.service import SHUT_DOWN, StationService
from station.service.runs import SOFTWARE
from station.simulate.rig import SimulatedRig
from station.supervisor import Supervisor
from tests.host_agent.rig import eventually
from tests.station.benches import make_draft
from tests.station.hosts import Host, runs_waiting
from tests.station.worlds import a

NOBODY = BrokerAddress(host="127.0.0.1", port=1)
LABELS = """
[labels.laptop-adapter-65w]
equipment = "laptop-adapter"
nameplate = { output_v = 19.5, output_a = 3.33, efficiency_mark = "VI" }
[labels.laptop-adapter-45w]
equipment = "laptop-adapter"
nameplate = { output_v = 19.5, output_a = 2.31, efficiency_mark = "VI" }
"""
SLOT = """
[slots.{name}]
equipment = ["laptop-adapter"]
[slots.{name}.roles]
mains_meter = {{ driver = "pzem004t", port = "/dev/{name}-1" }}
load = {{ driver = "it8500", port = "/dev/{name}-2" }}
[slots.{name}.roles.meter]
driver = "ina228"
bus = {bus}
address = 0x40
shunt_ohm = 0.005
shunt_tolerance_percent = 0.5
accuracy = {{ voltage_v = {{ offset = 0.01, resolution = 0.0002, source = "of this test" }} }}
"""


@pytest.fixture
def config(tmp_path: Path) -> StationConfig:
    (path := tmp_path / "station.toml").write_text(
        'station = "pi-1"\noperator = "Ada"\n'
        + LABELS
        + SLOT.format(name="left", bus=1)
        + SLOT.format(name="right", bus=2)
    )
    return msgspec.structs.replace(load(path), broker=NOBODY)


class Station:
    """A station on a simulated rig, with good adapters in both slots."""

    def __init__(
        self,
        config: StationConfig,
        path: Path,
        outbox: type[Outbox] = Outbox,
        supervisor: Supervisor | None = None,
    ) -> None:
        self.rig = SimulatedRig(config)
        for world in self.rig.worlds.values():
            a("laptop-adapter")(world, Random(1))
        self.outbox = outbox(path)
        self.service = StationService(
            config,
            self.rig.hardware,
            self.outbox,
            new_clock=lambda slot: Clock(self.rig.worlds[slot].time),
            simulated=True,
            supervisor=supervisor,
        )
        self.told: list[Notice] = []
        self.at: dict[type[Event], Callable[[str], None]] = {}
        self.service.listen(self.hear)

    def hear(self, notice: Notice) -> None:
        self.told.append(notice)
        if isinstance(notice, SlotNotice) and type(notice.event) in self.at:
            self.at[type(notice.event)](notice.slot)

    def events(self, slot: str = "left") -> list[Event]:
        return [
            one.event for one in list(self.told) if isinstance(one, SlotNotice) and one.slot == slot
        ]

    def records(self, slot: str = "left") -> list[RunRecord]:
        return [event.record for event in self.events(slot) if isinstance(event, RunFinished)]

    def test(self, tag: str, slot: str = "left", plan: str = "") -> RunRecord:
        """A run from beginning to end."""
        before = len(self.records(slot))
        self.start(tag, slot, plan)
        return eventually(lambda: self.records(slot)[before:])[0]

    def start(self, tag: str, slot: str = "left", plan: str = "") -> None:
        eventually(lambda: self._started(tag, slot, plan))

    def _started(self, tag: str, slot: str, plan: str) -> bool:
        """Start; False while the slot's thread is still ending, which may outlast its verdict."""
        try:
            self.service.start(slot, tag, plan)
        except CommandRefused as refusal:
            if refusal.phrase.id not in ("refused.busy", "refused.in_test"):
                raise
            return False
        return True


@pytest.fixture
def station(config: StationConfig, tmp_path: Path) -> Iterator[Station]:
    station = Station(config, tmp_path / "outbox.db")
    station.service.open()
    yield station
    station.service.close()


class Gate:
    """Holds a slot's thread up, until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, slot: str) -> None:
        self.reached.set()
        if not self.open.wait(30):
            raise TimeoutError("nobody opened the gate")


# A run


def test_a_record_says_who_tested_what_with_what(station: Station) -> None:
    record = station.test("A-1042")
    assert record.verdict is Verdict.PASS
    assert (record.station, record.slot, record.operator) == ("pi-1", "left", "Ada")
    assert (record.device.asset_tag, record.device.kind) == ("A-1042", "laptop-adapter")
    assert (record.plan, record.software, record.simulated) == (
        "laptop-adapter-65w",
        SOFTWARE,
        True,
    )
    assert len(record.plan_sha256) == 64
    assert {one.role for one in record.instruments} == {"mains_meter", "meter", "load"}
    assert all(one.model for one in record.instruments)
    assert [one.sequence for one in (record, station.test("A-2"))] == [1, 2]


def test_both_slots_work_at_once(station: Station) -> None:
    gates = {"left": Gate(), "right": Gate()}
    station.at[StepStarted] = lambda slot: gates[slot](slot)
    station.service.start("left", "A-1")
    station.service.start("right", "A-2")
    for gate in gates.values():
        assert gate.reached.wait(30)
    for gate in gates.values():
        gate.open.set()
    eventually(lambda: station.records("left") and station.records("right"))
    assert {one.verdict for one in station.records("left") + station.records("right")} == {
        Verdict.PASS
    }


def test_another_plan_is_another_verdict(station: Station) -> None:
    assert station.test("A-1", plan="laptop-adapter-45w").plan == "laptop-adapter-45w"


def test_a_tag_is_taken_without_the_space_around_it(station: Station) -> None:
    assert station.test("  A-1\n").device.asset_tag == "A-1"


def test_a_rig_that_is_not_there_is_an_error_and_no_traceback(
    config: StationConfig, tmp_path: Path
) -> None:
    station = Station(config, tmp_path / "outbox.db")
    service = StationService(
        config, dict.fromkeys(["", "left", "right"], Nowhere()), station.outbox
    )
    service.listen(station.hear)
    service.open()
    service.start("left", "A-1")
    record = eventually(station.records)[0]
    assert record.verdict is Verdict.ERROR
    assert record.steps[0].reason == Phrase(
        "bench.driver_error", {"roles": "mains_meter"}, "this is only a rehearsal"
    )
    service.close()
    station.service.close()


# What is refused


@pytest.mark.parametrize(
    ("slot", "tag", "plan", "complaint"),
    [
        ("middle", "A-1", "", "refused.no_slot"),
        ("left", "", "", "refused.no_tag"),
        ("left", " \t ", "", "refused.no_tag"),
        ("left", "A\x1b[2J", "", "refused.no_tag"),
        ("left", "A\nB", "", "refused.no_tag"),
        ("left", "A\ud800", "", "refused.no_tag"),
        ("left", "A" * 81, "", "refused.no_tag"),
        ("left", "A" * 10_000, "", "refused.no_tag"),
        ("left", "A-1", "lcd-monitor", "refused.no_plan"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_in_words(
    station: Station, slot: str, tag: str, plan: str, complaint: str
) -> None:
    with pytest.raises(CommandRefused) as caught:
        station.service.start(slot, tag, plan)
    assert caught.value.phrase.id == complaint
    assert len(str(caught.value)) < 300
    assert station.events() == []


def refusal_of(command: Callable[[], None]) -> Phrase:
    """Return the phrase that a command is refused with."""
    with pytest.raises(CommandRefused) as caught:
        command()
    return caught.value.phrase


def test_stopping_and_answering_where_there_is_no_slot_is_refused(station: Station) -> None:
    no_slot = Phrase("refused.no_slot", {"slot": "x"})
    assert refusal_of(lambda: station.service.stop("x")) == no_slot
    assert refusal_of(lambda: station.service.answer("x", "y")) == no_slot


def test_an_answer_to_no_question_is_refused(station: Station) -> None:
    nothing_asked = Phrase("refused.nothing_asked", {"slot": "left"})
    assert refusal_of(lambda: station.service.answer("left", "y")) == nothing_asked


def test_a_tag_that_was_scanned_twice_is_tested_once(station: Station) -> None:
    gate = station.at[StepStarted] = Gate()
    station.service.start("left", "A-1")
    assert gate.reached.wait(30)
    in_test = Phrase("refused.in_test", {"tag": "A-1", "slot": "left"})
    assert refusal_of(lambda: station.service.start("left", "A-1")) == in_test
    assert refusal_of(lambda: station.service.start("right", " A-1 ")) == in_test
    busy = Phrase("refused.busy", {"slot": "left", "tag": "A-1"})
    assert refusal_of(lambda: station.service.start("left", "A-2")) == busy
    gate.open.set()
    eventually(station.records)
    assert station.test("A-1", slot="right").verdict is Verdict.PASS
    assert len(station.records()) == 1


def test_many_scanners_at_once_start_one_run(station: Station) -> None:
    gate = station.at[StepStarted] = Gate()
    outcomes: list[str] = []

    def scan() -> None:
        try:
            station.service.start("left", "A-1")
            outcomes.append("started")
        except CommandRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=scan) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    gate.open.set()
    assert sorted(outcomes) == ["refused"] * 7 + ["started"]


# Stopping


def test_stopping_an_idle_slot_is_no_error(station: Station) -> None:
    station.service.stop("left")
    assert station.test("A-1").verdict is Verdict.PASS
    station.service.stop("left")


def test_stopping_twice_is_stopping_once(station: Station) -> None:
    def stop(slot: str) -> None:
        station.service.stop(slot)
        station.service.stop(slot)

    station.at[StepStarted] = stop
    record = station.test("A-1")
    assert record.verdict is Verdict.ABORTED
    assert record.steps[-1].step == "bench.make_safe"
    del station.at[StepStarted]
    assert station.test("A-2").verdict is Verdict.PASS


# Who listens


def test_a_listener_that_raises_harms_nobody(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(notice: Notice) -> None:
        if isinstance(notice, SlotNotice):
            raise KeyError("a screen with a bug")

    station.service.listen(broken)
    with caplog.at_level(logging.ERROR):
        assert station.test("A-1").verdict is Verdict.PASS
    assert "a listener raised on SlotNotice" in caplog.text


def test_whoever_listens_hears_first_where_the_records_are(station: Station) -> None:
    station.test("A-1")
    late: list[Notice] = []
    station.service.listen(late.append)
    assert isinstance(late[0], DeliveryNotice)
    assert [one.event for one in late if isinstance(one, SlotNotice)] == station.events()


def test_a_bench_that_cannot_be_made_safe_at_the_start_is_told_until_its_first_run(
    config: StationConfig, tmp_path: Path
) -> None:
    station = Station(config, tmp_path / "outbox.db")

    def nothing(port: str, *, baudrate: int, timeout_s: float = 1.0) -> ByteStream:
        raise NotConnected(f"{port}: nothing is plugged in")

    with pytest.MonkeyPatch.context() as unplugged:
        unplugged.setattr(station.rig.hardware["left"], "serial", nothing)
        station.service.open()
    (told,) = [one for one in station.told if isinstance(one, UnsafeNotice)]
    assert told.slot == "left"
    assert [one.values["roles"] for one in told.reasons] == ["load"]
    late: list[Notice] = []
    station.service.listen(late.append)
    assert told in late
    assert station.test("A-1").verdict is Verdict.PASS
    later: list[Notice] = []
    station.service.listen(later.append)
    assert told not in later
    station.service.close()


def test_what_waits_is_counted_without_a_broker(station: Station) -> None:
    station.test("A-1")
    station.test("A-2")
    eventually(lambda: DeliveryNotice(False, 0, 2) in station.told)


# On disk first


def test_a_verdict_is_on_disk_before_anybody_hears_it(station: Station, tmp_path: Path) -> None:
    """The disk's content at that moment is what a power cut would leave."""

    def pull_the_plug(slot: str) -> None:
        for suffix in ("-wal", ""):  # in this order a checkpoint between the two loses nothing
            (tmp_path / f"left.db{suffix}").write_bytes(
                Path(f"{station.outbox.path}{suffix}").read_bytes()
            )

    station.at[RunFinished] = pull_the_plug
    record = station.test("A-1")
    left = Outbox(tmp_path / "left.db")
    assert left.recover() == ()
    assert runs_waiting(left) == [record]
    left.close()


DISK_FULL = "database or disk is full"


class Full(Outbox):
    """A disk that is full for a number of attempts at a record, and at a beginning."""

    beginnings = 0
    endings = 0

    def begin(self, draft: RunRecord, plan: bytes = b"") -> RunRecord:
        if self.beginnings:
            self.beginnings -= 1
            raise OutboxError(
                "outbox.failed", place=str(self.path), error="database or disk is full"
            )
        return super().begin(draft, plan)

    def finish(self, record: RunRecord) -> None:
        if self.endings:
            self.endings -= 1
            raise OutboxError(
                "outbox.failed", place=str(self.path), error="database or disk is full"
            )
        super().finish(record)


@pytest.fixture
def ailing(
    config: StationConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Station, Full]]:
    monkeypatch.setattr("station.service.runs.SAVE_AGAIN_S", 0.02)
    station = Station(config, tmp_path / "outbox.db", Full)
    assert isinstance(station.outbox, Full)
    station.service.open()
    yield station, station.outbox
    station.service.close()


def test_a_record_that_the_disk_refuses_is_kept_and_its_verdict_held_back(
    ailing: tuple[Station, Full],
) -> None:
    station, outbox = ailing
    outbox.endings = 3
    record = station.test("A-1")
    assert record.verdict is Verdict.PASS
    *_, third, last = station.events()
    full = {"place": str(outbox.path), "error": DISK_FULL}
    assert third == NotSaved(Phrase("outbox.failed", dict(full)))
    assert isinstance(last, RunFinished)
    assert [one.record_id for one in runs_waiting(outbox)] == [record.record_id]


def test_a_device_whose_record_could_not_be_kept_is_not_tested(
    ailing: tuple[Station, Full],
) -> None:
    station, outbox = ailing
    outbox.beginnings = 1
    with pytest.raises(CannotKeep, match="A-1 is not tested"):
        station.service.start("left", "A-1")
    assert station.events() == []
    assert station.test("A-2").sequence == 1


def test_a_station_ends_although_its_disk_is_full(ailing: tuple[Station, Full]) -> None:
    station, outbox = ailing
    outbox.endings = 10**9
    station.service.start("left", "A-1")
    eventually(lambda: any(isinstance(event, NotSaved) for event in station.events()))
    station.service.close()
    assert station.records() == []
    after = Outbox(outbox.path)
    (record,) = after.recover()
    assert record.verdict is Verdict.PASS, "it had come to its end, and made its bench safe"
    assert any(step.measurements for step in record.steps)
    after.close()


class Buggy(Outbox):
    """Raises what no outbox should, at the third event."""

    left = 3

    def note(self, record_id: str, event: Event) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyError("a bug of ours")
        super().note(record_id, event)


def test_a_bug_of_ours_is_an_error_with_a_record_and_a_safe_bench(
    config: StationConfig, tmp_path: Path
) -> None:
    station = Station(config, tmp_path / "outbox.db", Buggy)
    station.service.open()
    record = station.test("A-1")
    assert record.verdict is Verdict.ERROR
    bug = Phrase("run.program_fault", text="KeyError('a bug of ours')")
    assert record.steps[-1].reason == bug
    assert station.test("A-2").verdict is Verdict.PASS
    station.service.close()


# Ending


def test_closing_stops_what_runs_and_keeps_its_record(
    config: StationConfig, tmp_path: Path
) -> None:
    station = Station(config, tmp_path / "outbox.db")
    station.service.open()
    gate = station.at[StepStarted] = Gate()
    station.service.start("left", "A-1")
    assert gate.reached.wait(30)
    closer = threading.Thread(target=station.service.close)
    closer.start()
    eventually(lambda: _refused_as_closing(station))
    gate.open.set()
    closer.join(30)
    (record,) = station.records()
    assert record.verdict is Verdict.ABORTED
    stopped = next(step for step in record.steps if step.verdict is Verdict.ABORTED)
    assert stopped.reason == SHUT_DOWN
    station.service.close()
    after = Outbox(tmp_path / "outbox.db")
    assert after.recover() == ()
    assert [one.record_id for one in runs_waiting(after)] == [record.record_id]
    after.close()


def _refused_as_closing(station: Station) -> bool:
    try:
        station.service.start("right", "A-2")
    except CommandRefused as refusal:
        return refusal.phrase.id == "refused.shutting_down"
    return False


def test_a_run_that_starts_while_the_station_closes_is_stopped_or_refused(
    config: StationConfig, tmp_path: Path
) -> None:
    for attempt in range(10):
        station = Station(config, tmp_path / f"{attempt}.db")
        station.service.open()
        go = threading.Barrier(3)

        def start(slot: str, station: Station = station, go: threading.Barrier = go) -> None:
            go.wait(30)
            with contextlib.suppress(CommandRefused):
                station.service.start(slot, slot)

        threads = [threading.Thread(target=start, args=(slot,)) for slot in ("left", "right")]
        for thread in threads:
            thread.start()
        go.wait(30)
        station.service.close()
        for thread in threads:
            thread.join(30)
        alive = {thread.name for thread in threading.enumerate()}
        assert not alive & {"left", "right", "publisher", "outbox"}
        for slot in ("left", "right"):
            begun = [event for event in station.events(slot) if isinstance(event, RunStarted)]
            assert len(station.records(slot)) == len(begun)


def test_a_station_that_never_went_on_line_closes(config: StationConfig, tmp_path: Path) -> None:
    Station(config, tmp_path / "outbox.db").service.close()


# On the line


def test_people_elsewhere_see_what_a_slot_does_and_what_came_of_it(
    config: StationConfig, tmp_path: Path, lasting_mosquitto: BrokerAddress
) -> None:
    broker = lasting_mosquitto
    config = msgspec.structs.replace(config, station="watched", broker=broker)
    station = Station(config, tmp_path / "outbox.db")
    gate = Gate()
    with Host((broker.host, broker.port), "watched") as host:
        station.service.open()
        host.wait(lambda: bool(host.states))
        station.at[Measured] = gate
        station.service.start("left", "A-1")
        host.wait(lambda: host.states[-1].slots[0].asset_tag == "A-1")
        host.wait(lambda: host.states[-1].slots[0].step != "")
        gate.open.set()
        host.wait(lambda: host.states[-1].slots[0].verdict is Verdict.PASS)
        assert host.states[-1].slots[0].step == ""
        host.wait(lambda: host.states[-1].waiting == 0 and len(host.runs) == 1)
        assert host.runs == station.records()
        assert any(b"Measured" in one for one in host.live)
        assert not any(b"RunFinished" in one for one in host.live)
        eventually(lambda: station.outbox.counts().delivered == 1)
        station.service.close()
        host.wait(lambda: not host.states[-1].online)


KILLED = """
import sys
from pathlib import Path
from random import Random
from station.engine.clock import Clock
from station.rig.config import load
from station.console import SlotNotice
from station.engine.events import Measured
from station.delivery.outbox import Outbox
from station.service import StationService
from tests.station.worlds import a
from station.simulate.rig import SimulatedRig

config = load(Path(sys.argv[1]))
rig = SimulatedRig(config, speed=50.0)
for world in rig.worlds.values():
    a("laptop-adapter")(world, Random(1))
outbox = Outbox(Path(sys.argv[2]))
service = StationService(
    config, rig.hardware, outbox, new_clock=lambda slot: Clock(rig.worlds[slot].time, speed=50.0)
)

def hear(notice):
    if isinstance(notice, SlotNotice) and isinstance(notice.event, Measured):
        outbox.counts()  # a moment later it is on disk
        sys.stdout.write(f"{notice.slot} {notice.event.measurement.name}\\n")
        sys.stdout.flush()

service.listen(hear)
service.open()
service.start("left", "A-1")
service.start("right", "A-2")
"""


def test_a_station_killed_in_the_middle_of_its_runs_comes_back_with_them(
    config: StationConfig, tmp_path: Path
) -> None:
    path = tmp_path / "killed.db"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "station.toml"), str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    measured: dict[str, list[str]] = {"left": [], "right": []}
    while min(len(names) for names in measured.values()) < 3:
        slot, name = process.stdout.readline().split()
        measured[slot].append(name)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    process.stdout.close()

    for start in range(2):
        station = Station(config, path)
        recovered = station.service.open()
        if start == 0:
            assert {one.slot for one in recovered} == {"left", "right"}
            for record in recovered:
                assert record.verdict is Verdict.ABORTED
                assert {"left": "A-1", "right": "A-2"}[record.slot] == record.device.asset_tag
                names = [m.name for step in record.steps for m in step.measurements]
                assert names[: len(measured[record.slot])] == measured[record.slot]
                assert record.steps[-1].step == "bench.make_safe"
            assert station.test("A-3").sequence == 3
        else:
            assert recovered == ()
        waiting = runs_waiting(station.outbox)
        assert [one.sequence for one in waiting] == [1, 2, 3]
        station.service.close()


def test_a_bench_is_made_safe_before_anything_else(config: StationConfig, tmp_path: Path) -> None:
    """The last station may have left anything behind when it lost power."""
    station = Station(config, tmp_path / "outbox.db")
    loads = [
        end.sink
        for world in station.rig.worlds.values()
        for end in world.circuit.sinks
        if isinstance(end, SinkEnd) and isinstance(end.sink, SimulatedIt8500)
    ]
    assert len(loads) == 2
    for load_twin in loads:
        load_twin.on = True
    station.service.open()
    assert not any(load_twin.on for load_twin in loads)
    assert station.test("A-1").verdict is Verdict.PASS
    assert not any(load_twin.on for load_twin in loads)
    station.service.close()


def test_a_station_whose_key_is_unusable_starts_and_keeps_the_run_that_was_cut(
    config: StationConfig, tmp_path: Path
) -> None:
    with closing(Outbox(tmp_path / "outbox.db")) as outbox:
        cut = outbox.begin(make_draft())
    key = tmp_path / "station.key"
    text = key.read_text()
    key.write_text("rubbish")
    station = Station(config, tmp_path / "outbox.db")
    assert station.service.open() == ()
    with pytest.raises(CommandRefused, match="not a station's key"):
        station.service.start("left", "A-1")
    station.service.close()
    key.write_text(text)
    station = Station(config, tmp_path / "outbox.db")
    assert [one.record_id for one in station.service.open()] == [cut.record_id]
    station.service.close()


def test_a_live_drawing_passes_unseen_and_a_late_listener_hears_the_last_one(
    station: Station,
) -> None:
    (slot, *_) = station.service.slots
    heard: list[Notice] = []
    drawings = [SlotNotice(slot.name, Shown("acme.lamps", {"lit": n})) for n in range(3)]
    for drawing in drawings:
        station.service._notices.tell(drawing)
    station.service.listen(heard.append)
    assert [one for one in heard if one in drawings] == drawings[-1:]


def test_a_supervisor_knows_of_each_run_while_it_goes_on(
    config: StationConfig, tmp_path: Path
) -> None:
    class Told(Supervisor):
        """Writes down what the station tells, with the events until then."""

        def __init__(self) -> None:
            self.lines: list[tuple[str, str, frozenset[str]]] = []

        def began(self, slot: str, roles: Iterable[str]) -> None:
            self.lines.append(("began", slot, frozenset(roles)))

        def ended(self, slot: str) -> None:
            self.lines.append(("ended", slot, frozenset()))

    told = Told()
    station = Station(config, tmp_path / "told.db", supervisor=told)
    station.at[StepStarted] = lambda slot: told.lines.append(("step", slot, frozenset()))
    try:
        station.service.open()
        station.test("A-1")
    finally:
        station.service.close()
    assert told.lines[0][:2] == ("began", "left")
    assert told.lines[0][2] >= {"load", "meter", "mains_meter"}
    assert told.lines[-1] == ("ended", "left", frozenset())
    assert ("step", "left", frozenset()) in told.lines[1:-1]

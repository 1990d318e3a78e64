"""The station and its slots' ports: plug in and it is offered or begins, pull and nothing is lost.

The events come from a thread of their own, as they do from a real watch.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from drivers.formats.key_layouts import LAYOUTS
from drivers.sim.devices.keyboard import SimulatedKeyboard
from records import Phrase, RunRecord, Verdict
from station.compose import DEMO_RIG
from station.console import (
    CannotKeep,
    CommandRefused,
    Notice,
    PluggedDevice,
    PluggedNotice,
    SlotNotice,
    WhenPlugged,
)
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox, OutboxError
from station.engine.clock import Clock
from station.engine.events import Asked, Event, RunFinished, RunStarted, StepStarted
from station.rig.config import StationConfig, load
from station.rig.hotplug import watching
from station.rig.seats import NO_TAG, SWAPPED
from station.service import StationService
from station.simulate.rig import SimulatedRig
from tests.drivers.linux.recorded_udev import RecordedUdev, usb
from tests.host_agent.rig import eventually
from tests.station.hosts import runs_waiting
from tests.station.worlds import in_slot

ISO = LAYOUTS["iso-105"].usages
ONE = PluggedDevice("1209:7002", "ACME", "Keyboard", "KB-1")
OTHER = PluggedDevice("1209:7002", "ACME", "Keyboard", "KB-2")
NAMELESS = PluggedDevice("1209:7002", "ACME", "Keyboard")
BY_HAND = "usb-keyboard-by-hand"


class Cables(threading.Thread):
    """The thread of a watch: does what it is told, one after the other."""

    def __init__(self) -> None:
        super().__init__(name="cables", daemon=True)
        self._todo: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self.raised: list[Exception] = []

    def do(self, what: Callable[[], None]) -> None:
        """Do it in the watch's thread; return once it is done."""
        done = threading.Event()

        def noted() -> None:
            try:
                what()
            except Exception as error:
                self.raised.append(error)
            finally:
                done.set()

        self._todo.put(noted)
        assert done.wait(30)

    def end(self) -> None:
        self._todo.put(None)
        self.join(30)
        assert not self.is_alive()

    def run(self) -> None:
        while (what := self._todo.get()) is not None:
            what()


class Bench:
    """A station with keyboard slots, and the hands that plug keyboards in and pull them out."""

    def __init__(
        self,
        folder: Path,
        when_plugged: WhenPlugged,
        outbox: type[Outbox] = Outbox,
        rig: Path = DEMO_RIG,
    ) -> None:
        demo = load(rig)
        slot = msgspec.structs.replace(demo.slots["keyboard-1"], when_plugged=when_plugged)
        self.config: StationConfig = msgspec.structs.replace(
            demo,
            broker=BrokerAddress(host="127.0.0.1", port=1),
            slots={name: msgspec.structs.replace(slot, name=name) for name in ("left", "right")},
        )
        self.rig = SimulatedRig(self.config)
        self.outbox = outbox(folder / "outbox.db")
        self.now_s = 100.0
        self.service = StationService(
            self.config,
            self.rig.hardware,
            self.outbox,
            new_clock=lambda slot: Clock(self.rig.worlds[slot].time),
            monotonic=lambda: self.now_s,
            simulated=True,
        )
        self.notices: list[Notice] = []
        self.at: dict[type[Event], Callable[[str, Event], None]] = {}
        self.cables = Cables()
        self.cables.start()
        self.service.listen(self.hear)
        self.service.open()

    def hear(self, notice: Notice) -> None:
        self.notices.append(notice)
        if isinstance(notice, SlotNotice) and type(notice.event) in self.at:
            self.at[type(notice.event)](notice.slot, notice.event)

    def plug(
        self, device: PluggedDevice = ONE, slot: str = "left", *, just_now: bool = True
    ) -> None:
        world = self.rig.worlds[slot]
        if world.device is None:
            world.plug(SimulatedKeyboard(world.time, keys=ISO))
        self.cables.do(lambda: self.service.plugged(slot, device, just_now=just_now))

    def pull(self, slot: str = "left") -> None:
        world = self.rig.worlds[slot]
        world.unplug()
        self.cables.do(lambda: self.service.unplugged(slot))

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds

    def port(self, slot: str = "left") -> PluggedNotice | None:
        """Return the last notice of the slot."""
        told = [one for one in list(self.notices) if isinstance(one, PluggedNotice)]
        return next((one for one in reversed(told) if one.slot == slot), None)

    def records(self, slot: str = "left") -> list[RunRecord]:
        return [
            one.event.record
            for one in list(self.notices)
            if isinstance(one, SlotNotice)
            and one.slot == slot
            and isinstance(one.event, RunFinished)
        ]

    def began(self, slot: str = "left") -> int:
        return sum(
            isinstance(one, SlotNotice) and one.slot == slot and isinstance(one.event, RunStarted)
            for one in list(self.notices)
        )

    def record(self, number: int = 1, slot: str = "left") -> RunRecord:
        """Return the slot's run of that number, once its thread has ended too."""
        found = eventually(lambda: self.records(slot)[number - 1 :])[0]
        self.service._slots[slot].join(30)
        return found

    def close(self) -> None:
        self.service.close()
        self.cables.end()
        assert self.cables.raised == []


class Gate:
    """Keeps the thread of a run where it tells an event, until it is opened."""

    def __init__(self, bench: Bench, event: type[Event], slot: str = "") -> None:
        self._slot = slot
        self._open, self._reached = threading.Event(), threading.Event()
        bench.at[event] = self._hold

    def reached(self) -> None:
        assert self._reached.wait(30)

    def open(self) -> None:
        self._open.set()

    def _hold(self, slot: str, event: Event) -> None:
        if self._slot in ("", slot):
            self._reached.set()
            assert self._open.wait(30)


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Yield a bench whose slots begin runs; a parameter says otherwise."""
    bench = Bench(tmp_path, getattr(request, "param", "start"))
    yield bench
    bench.close()


offering = pytest.mark.parametrize("bench", ["offer"], indirect=True)


# Offer


@offering
def test_what_is_plugged_in_is_told_to_every_screen_and_waits(bench: Bench) -> None:
    bench.plug(ONE)
    offer = PluggedNotice("left", ONE, offered=True, suggested_tag="KB-1")
    assert bench.port() == offer
    late: list[Notice] = []
    bench.service.listen(late.append)
    assert offer in late
    assert bench.began() == 0
    bench.pull()
    assert bench.port() == PluggedNotice("left")
    later: list[Notice] = []
    bench.service.listen(later.append)
    assert not [one for one in later if isinstance(one, PluggedNotice)]


@offering
def test_a_screen_that_comes_after_the_run_is_offered_no_device_that_has_been_tested(
    bench: Bench,
) -> None:
    bench.plug(ONE)
    bench.service.start("left", "A-1")
    assert bench.record().verdict is Verdict.PASS
    late: list[Notice] = []
    bench.service.listen(late.append)
    assert PluggedNotice("left", ONE, suggested_tag="KB-1") in late


@pytest.mark.parametrize("bench", ["ignore"], indirect=True)
def test_a_slot_that_ignores_its_port_says_nothing(bench: Bench) -> None:
    bench.plug(ONE)
    bench.pull()
    assert bench.port() is None
    assert bench.began() == 0


# Start


def test_a_device_that_is_plugged_in_is_tested_once_under_its_serial_number(bench: Bench) -> None:
    bench.plug(ONE)
    record = bench.record()
    assert record.verdict is Verdict.PASS, record.steps
    assert (record.device.asset_tag, record.plan) == ("KB-1", "usb-keyboard")
    bench.plug(ONE)  # told twice
    bench.pull()
    bench.pass_time(0.5)
    bench.plug(ONE)  # it only flickered
    assert bench.began() == 1
    bench.pull()
    bench.pass_time(5.0)
    bench.plug(ONE)
    assert bench.record(2).device.asset_tag == "KB-1"
    assert bench.outbox.counts().waiting == 2


def test_after_a_restart_what_is_still_plugged_in_is_offered_and_not_tested_again(
    bench: Bench,
) -> None:
    bench.plug(ONE, just_now=False)
    assert bench.port() == PluggedNotice("left", ONE, offered=True, suggested_tag="KB-1")
    assert bench.began() == 0


def test_after_a_restart_what_gets_its_power_back_is_offered_and_not_tested_again(
    tmp_path: Path,
) -> None:
    """Killed while a run had switched the port off, a station finds the device a moment later."""
    (file := tmp_path / "station.toml").write_text(
        DEMO_RIG.read_text().replace(
            "[slots.keyboard-1.roles.keyboard]",
            "[slots.keyboard-1.roles.port_power]\n"
            'driver = "usb_port_power"\nport = "1-7.1"\n[slots.keyboard-1.roles.keyboard]',
        )
    )
    bench = Bench(tmp_path, "start", rig=file)
    bench.pass_time(1.0)
    bench.plug(ONE)
    assert bench.port() == PluggedNotice("left", ONE, offered=True, suggested_tag="KB-1")
    assert bench.began() == 0
    bench.close()


def test_without_a_serial_number_the_operator_has_to_scan(bench: Bench) -> None:
    bench.plug(NAMELESS)
    told = bench.port()
    assert told is not None
    assert told.offered
    assert told.reason == NO_TAG
    assert bench.began() == 0
    bench.service.start("left", "A-1")
    assert bench.record().verdict is Verdict.PASS


def test_one_that_is_in_test_elsewhere_is_offered_with_the_reason(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(bench, StepStarted, "left")
    bench.plug(ONE, "left")
    gate.reached()
    with caplog.at_level(logging.WARNING):
        bench.plug(ONE, "right")
    told = bench.port("right")
    assert told is not None
    assert told.offered
    assert told.reason == Phrase("refused.in_test", {"tag": "KB-1", "slot": "left"})
    assert "slot right: what was plugged in is not tested yet: KB-1 is being" in caplog.text
    gate.open()
    assert bench.record().verdict is Verdict.PASS
    assert bench.began("right") == 0


class FullDisk(Outbox):
    def begin(self, draft: RunRecord, plan: bytes = b"") -> RunRecord:
        raise OutboxError("outbox.no_room", place="/data")


def test_what_could_not_be_kept_is_not_tested_but_offered_with_the_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "start", FullDisk)
    bench.plug(ONE)
    told = bench.port()
    assert told is not None
    assert told.offered
    why = {"place": "/data", "tag": "KB-1", "because": "outbox.no_room"}
    assert told.reason == Phrase("refused.cannot_keep", dict(why))
    assert bench.began() == 0
    with pytest.raises(CannotKeep):
        bench.service.start("left", "KB-1")
    bench.close()


def test_what_replaces_a_device_in_the_middle_of_its_run_is_not_tested_under_its_tag(
    bench: Bench,
) -> None:
    """Here before the run has talked to its device: it would have tested the other one."""
    gate = Gate(bench, StepStarted)
    bench.plug(ONE)
    gate.reached()
    bench.cables.do(lambda: bench.service.unplugged("left"))
    bench.cables.do(lambda: bench.service.plugged("left", OTHER))
    gate.open()
    record = bench.record()
    assert (record.device.asset_tag, record.verdict) == ("KB-1", Verdict.ABORTED)
    assert record.steps[-1].step == "bench.make_safe"
    stopped = next(step for step in record.steps if step.verdict is Verdict.ABORTED)
    assert stopped.reason == Phrase("run.swapped")
    assert bench.port() == PluggedNotice("left", OTHER, True, "KB-2", SWAPPED)
    assert bench.began() == 1
    bench.at.clear()
    bench.service.start("left", "KB-2")
    assert bench.record(2).verdict is Verdict.PASS


def test_a_device_that_is_plugged_in_just_as_a_run_ends_is_tested_next(bench: Bench) -> None:
    """The operator has read the verdict; the run's thread has not ended yet."""
    gate = Gate(bench, RunFinished)
    bench.plug(ONE)
    gate.reached()
    bench.at.clear()
    bench.pull()
    threading.Timer(0.1, gate.open).start()
    bench.plug(OTHER)
    assert bench.record(2).device.asset_tag == "KB-2"


@offering
def test_another_keyboard_of_the_same_maker_is_another_also_where_neither_has_a_serial_number(
    bench: Bench,
) -> None:
    """One with a stuck key would have passed, as the good one that was put in its place."""
    gate = Gate(bench, StepStarted)
    bench.plug(NAMELESS)
    bench.service.start("left", "A-4711", "usb-keyboard")
    gate.reached()
    bench.pull()
    bench.plug(msgspec.structs.replace(NAMELESS, usb_id="1209:7003"))
    gate.open()
    record = bench.record()
    assert (record.device.asset_tag, record.verdict) == ("A-4711", Verdict.ABORTED)


@offering
def test_nobody_is_told_last_that_a_device_waits_whose_run_has_begun(bench: Bench) -> None:
    """Its scan came first, and is told while the port is."""
    screen: list[Notice] = []
    reached = threading.Event()

    def slow(notice: Notice) -> None:
        if isinstance(notice, PluggedNotice) and not reached.is_set():
            reached.set()
            bench.service.start("left", "A-1")
            bench.record()
        screen.append(notice)

    bench.service.listen(slow)
    bench.plug(ONE)
    ports = [one for one in screen if isinstance(one, PluggedNotice)]
    assert ports[-1] == PluggedNotice("left", ONE, suggested_tag="KB-1")


# Threads


def test_from_udevs_event_to_a_record_with_the_watchs_own_thread(bench: Bench) -> None:
    port = bench.config.slots["right"].device_ports()[0]
    world = bench.rig.worlds["right"]
    keyboard = usb(port, "1209:7002", manufacturer=b"ACME", product=b"Keyboard", serial=b"KB-9")
    udev = RecordedUdev()
    gone = threading.Event()
    bench.service.listen(lambda notice: gone.set() if notice == PluggedNotice("right") else None)
    with watching(bench.config, bench.service, udev):
        world.plug(SimulatedKeyboard(world.time, keys=ISO))
        udev.plug(keyboard)
        record = bench.record(slot="right")
        assert (record.device.asset_tag, record.verdict) == ("KB-9", Verdict.PASS)
        udev.pull(keyboard)
        assert gone.wait(30)
    for monitor in udev.monitors:
        monitor.close()


def test_the_watch_ends_while_what_it_began_goes_on(bench: Bench) -> None:
    gate = Gate(bench, StepStarted)
    udev = RecordedUdev()
    with watching(bench.config, bench.service, udev):
        world = bench.rig.worlds["right"]
        world.plug(SimulatedKeyboard(world.time, keys=ISO))
        udev.plug(usb(world.usb_port, "1209:7002", serial=b"KB-9"))
        gate.reached()
    gate.open()
    assert bench.record(slot="right").verdict is Verdict.PASS
    for monitor in udev.monitors:
        monitor.close()


def test_plugging_while_the_station_closes_neither_hangs_nor_raises(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "start")
    closing = threading.Event()

    def flicker() -> None:
        while not closing.is_set():
            bench.pass_time(5.0)
            for slot, device in (("right", ONE), ("left", OTHER)):
                bench.service.plugged(slot, device)
                bench.service.unplugged(slot)

    flickers = threading.Thread(target=flicker, name="flickers")
    flickers.start()
    eventually(lambda: bench.began() > 0)
    assert bench.service.silent(within_s=5.0) == ()
    bench.service.close()
    bench.plug(ONE)  # a second device comes too late
    closing.set()
    flickers.join(30)
    assert not flickers.is_alive()
    told = bench.port()
    assert told is not None
    with pytest.raises(CommandRefused) as refused:
        bench.service.start("left", "A-1")
    assert refused.value.phrase.id == "refused.shutting_down"
    bench.cables.end()
    assert bench.cables.raised == []


def test_a_listener_may_look_at_the_port_while_it_is_told(bench: Bench) -> None:
    """A listener that asks back from another thread would hang if anything were held."""
    answers: queue.Queue[str] = queue.Queue()

    def curious(notice: Notice) -> None:
        if isinstance(notice, PluggedNotice):
            asking = threading.Thread(
                target=lambda: answers.put(str(bench.service.silent(within_s=5.0)))
            )
            asking.start()
            asking.join(30)

    bench.service.listen(curious)
    bench.plug(NAMELESS)
    assert answers.get(timeout=30) == "()"


# Pulled in the middle


def assert_safe_and_kept(bench: Bench, record: RunRecord, guilty: str) -> None:
    assert record.verdict is Verdict.ERROR, record.steps
    errors = [one for one in record.steps if one.verdict is Verdict.ERROR]
    assert errors[0].step == guilty
    assert errors[0].reason is not None
    assert "USB" in errors[0].reason.text
    last = record.steps[-1]
    assert (last.step, last.verdict) == ("bench.make_safe", Verdict.PASS)
    assert bench.rig.worlds["left"].circuit.voltage_v == 0.0
    assert runs_waiting(bench.outbox) == [record]
    assert bench.port() == PluggedNotice("left")


def test_pulled_while_its_keys_are_pressed_it_is_an_error_and_everything_is_safe(
    bench: Bench,
) -> None:
    def pull(slot: str, event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "keyboard.every_key":
            bench.pull()

    bench.at[StepStarted] = pull
    bench.plug(ONE)
    record = bench.record()
    assert_safe_and_kept(bench, record, "keyboard.every_key")
    assert not [m for step in record.steps for m in step.measurements if m.verdict is Verdict.FAIL]
    bench.at.clear()
    bench.pass_time(5.0)
    bench.plug(ONE)
    assert bench.record(2).verdict is Verdict.PASS


@offering
@pytest.mark.parametrize(
    ("about", "answer", "guilty"),
    [
        ("keyboard.begin", "y", "keyboard.every_key_by_hand"),
        ("keyboard.led.num", "n", "keyboard.leds_by_eye"),
        ("keyboard.led.scroll", "n", "keyboard.leds_by_eye"),
    ],
)
def test_pulled_while_a_question_waits_it_is_an_error_whatever_the_answer(
    bench: Bench, about: str, answer: str, guilty: str
) -> None:
    """Lamps are dark, and keys silent, because there is no keyboard any more."""

    def operate(slot: str, event: Event) -> None:
        assert isinstance(event, Asked)
        world, asked = bench.rig.worlds[slot], event.question.about
        if asked == about:
            bench.pull()
            bench.service.answer(slot, answer)
        elif asked == "keyboard.begin":
            keyboard = in_slot(world, SimulatedKeyboard)
            for usage in sorted(ISO):
                world.time.then(0.03, partial(keyboard.press, usage))
                world.time.then(0.03, partial(keyboard.release, usage))
            bench.service.answer(slot, "y")
        else:
            bench.service.answer(slot, "y")

    bench.at[Asked] = operate
    bench.plug(ONE)
    bench.service.start("left", "A-1", BY_HAND)
    assert_safe_and_kept(bench, bench.record(), guilty)


@offering
def test_pulled_between_two_keys_by_hand_it_is_an_error_though_keys_are_missing(
    bench: Bench,
) -> None:
    """The operator says that no more keys will come: there is no keyboard for them."""

    def operate(slot: str, event: Event) -> None:
        assert isinstance(event, Asked)
        if event.question.about == "keyboard.go_on":
            bench.pull()
        bench.service.answer(slot, "n" if event.question.about == "keyboard.go_on" else "y")

    bench.at[Asked] = operate
    bench.plug(ONE)
    bench.service.start("left", "A-1", BY_HAND)
    record = bench.record()
    assert_safe_and_kept(bench, record, "keyboard.every_key_by_hand")
    assert not [m for step in record.steps for m in step.measurements if m.verdict is Verdict.FAIL]

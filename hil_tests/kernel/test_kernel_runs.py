"""Whole runs of the unmodified station on the kernel's buses: true verdicts, whatever happens.

Steps' waits pass as fast as the twins' time does; instruments and limits are those of the shipped
plans.
"""

import dataclasses
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from drivers.linux.local import LocalHardware
from records import RunRecord, StepRecord, Verdict, decode_run
from records.signing import split
from station.console import CommandRefused, Notice, SlotNotice
from station.delivery.outbox import Outbox
from station.engine.clock import Clock
from station.engine.events import (
    Asked,
    Event,
    Measured,
    Question,
    RunFinished,
    Shown,
    StepStarted,
)
from station.engine.plan import Plan
from station.engine.prompts import NO, YES
from station.rig import config, hotplug
from station.rig.config import SlotConfig, StationConfig
from station.service import StationService

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.hands import GOLDEN_KEYBOARD, Hands, wait_for
from virtual_rig.guest.instruments import opened, table_of

pytest_plugins = ["virtual_rig.guest.fixtures"]

STATION = Path(__file__).parents[1] / "virtual.toml"
REAL_MONITORS = 6
OVERRIDE = "/sys/kernel/debug/dri/0/{}/edid_override"
CONNECTOR = "Virtual-1"
ON_GLASS = ("display.luminance", "display.uniformity", "display.colour", "display.pixel_faults")
DISPLAY = ("power.powers_up", "display.edid", *ON_GLASS)
SHORTLY = ("power.powers_up", "keyboard.enumeration")
KEYBOARD = ("power.powers_up", "keyboard.every_key")
ADAPTER = ("adapter.mains", "adapter.no_load", "adapter.load_points")
FOR_MISHAPS = {"keyboard": KEYBOARD, "adapter": ADAPTER}
PARTS: Mapping[str, Sequence[Sequence[str]]] = {
    "display": [DISPLAY, *([use] for use in ON_GLASS)],
    "keyboard": [SHORTLY, KEYBOARD],
    "adapter": [ADAPTER],
}
RUN_LIMIT_S = 100.0

Meanwhile = Callable[[Event], None]


def only(plan: Plan, *uses: str) -> Plan:
    """Return a plan with some of the same steps and the same limits."""
    steps = tuple(planned for planned in plan.steps if planned.use in uses)
    return dataclasses.replace(plan, id="+".join(uses), steps=steps)


def in_parts(station: StationConfig) -> StationConfig:
    """Return the station with its shipped plans cut into the parts that a test needs."""

    def slot(its: SlotConfig) -> SlotConfig:
        plans = tuple(only(its.plans[0], *uses) for uses in PARTS[its.name])
        when = "start" if its.name == "keyboard" else its.when_plugged
        return msgspec.structs.replace(its, plans=plans, when_plugged=when)

    slots = {name: slot(its) for name, its in station.slots.items()}
    return msgspec.structs.replace(station, slots=slots)


class Line:
    """A station and the person in front of it, who looks at the screens when asked."""

    def __init__(
        self, station: StationConfig, service: StationService, outbox: Outbox, hands: Hands
    ) -> None:
        self.station = station
        self.service = service
        self._outbox = outbox
        self._hands = hands
        self._told: queue.SimpleQueue[RunRecord | Exception] = queue.SimpleQueue()
        self._meanwhile: Meanwhile = lambda event: None
        service.listen(self._hear)

    def run(self, slot: str, *uses: str, meanwhile: Meanwhile | None = None) -> RunRecord:
        """Run to the end; without `uses`, all the steps that there are.

        `meanwhile` is called with each event, in the slot's thread.
        """
        self._meanwhile = meanwhile or (lambda event: None)
        wait_for(lambda: self._starts(slot, "+".join(uses)), "the bench to be given back")
        return self.end_of_run()

    def end_of_run(self) -> RunRecord:
        record = self._told.get(timeout=RUN_LIMIT_S)
        if isinstance(record, Exception):
            raise record
        records = [split(one.body).record for one in self._outbox.waiting()]
        kept = [decode_run(one) for one in records if b'"schema":"pace.run/' in one[:20]]
        assert record in kept, "what the operator sees is on disk"
        return record

    def _starts(self, slot: str, plan: str) -> bool:
        """Start a run; False while the last run's thread is still at its very end."""
        try:
            self.service.start(slot, "A-0001", plan)
        except CommandRefused as refused:
            if "busy" not in str(refused):
                raise
            return False
        return True

    def stop(self, slot: str) -> None:
        self.service.stop(slot)

    def _hear(self, notice: Notice) -> None:
        if not isinstance(notice, SlotNotice):
            return
        try:
            self._meanwhile(notice.event)
            match notice.event:
                case Asked(question=question):
                    self.service.answer(notice.slot, self._look(notice.slot, question))
                case RunFinished(record=record):
                    self._told.put(record)
                case _:
                    pass
        except Exception as error:
            self._told.put(error)
            self.service.stop(notice.slot)

    def _look(self, slot: str, question: Question) -> str:
        match question.about.split(".")[:2]:
            case ["display", "bright_pixels" | "dark_pixels" as kind]:
                bright = kind == "bright_pixels"
                return str(self._hands.ask("count_dots", slot=slot, bright=bright))
            case ["display", "picture_faults"]:
                return NO.key
            case _:
                return YES.key


@pytest.fixture(scope="module")
def line(rig_hands: Hands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    station = in_parts(config.load(STATION))
    outbox = Outbox(tmp_path_factory.mktemp("station") / "outbox.db")
    speed: float = rig_hands.ask("bench_speed")
    with LocalHardware() as hardware:
        service = StationService(
            station,
            dict.fromkeys(["", *station.slots], hardware),
            outbox,
            new_clock=lambda slot: Clock(speed=speed),
        )
        try:
            yield Line(station, service, outbox, rig_hands)
        finally:
            service.close()


@pytest.fixture
def golden_monitor(hands: Hands) -> Iterator[None]:
    """Put the golden monitor back into its slot afterwards."""
    yield
    hands.ask("plug_device", slot="display")


def step(record: RunRecord, use: str) -> StepRecord:
    return next(step for step in record.steps if step.step == use)


def told(record: RunRecord) -> str:
    return "; ".join(f"{step.step} {step.verdict} {step.reason}".strip() for step in record.steps)


def value(record: RunRecord, name: str) -> object:
    (found,) = [m.value for s in record.steps for m in s.measurements if m.name == name]
    return found


# What is on the glass is what is judged


@pytest.mark.usefixtures("golden_monitor")
def test_a_good_display_passes_by_what_it_shows(hands: Hands, line: Line) -> None:
    hands.ask("plug_device", slot="display", peak_luminance_cd_m2=240.0)
    record = line.run("display")
    assert record.verdict is Verdict.PASS, told(record)
    assert value(record, "luminance") == pytest.approx(240.0, rel=0.05)
    assert record.device.model == "GOLDEN24"


@pytest.mark.usefixtures("golden_monitor")
@pytest.mark.parametrize(
    ("defect", "use"),
    [
        ({"peak_luminance_cd_m2": 95.0}, "display.luminance"),
        ({"dim_zone": [6, 0.7]}, "display.uniformity"),
        ({"yellow_white": True}, "display.colour"),
        ({"bright_pixels": 4, "dark_pixels": 3}, "display.pixel_faults"),
    ],
    ids=["dim", "uneven", "yellowed", "faulty pixels"],
)
def test_a_display_fails_by_what_it_shows(
    hands: Hands, line: Line, defect: dict[str, object], use: str
) -> None:
    hands.ask("plug_device", slot="display", **defect)
    record = line.run("display", use)
    assert record.verdict is Verdict.FAIL, told(record)
    assert [s.step for s in record.steps if s.verdict is Verdict.FAIL] == [use], told(record)
    if use == "display.pixel_faults":
        assert (value(record, "bright_pixels"), value(record, "dark_pixels")) == (4, 3)


def test_an_output_that_another_program_has_is_no_displays_fault(line: Line) -> None:
    with LocalHardware() as another:
        another.screen(CONNECTOR)
        record = line.run("display")
    assert record.verdict is Verdict.ERROR, told(record)
    assert "master" in told(record)


@pytest.mark.usefixtures("golden_monitor")
@pytest.mark.parametrize("number", range(REAL_MONITORS))
def test_a_real_monitors_identity_is_read_over_ddc_and_by_the_kernel(
    hands: Hands, hardware: LocalHardware, number: int
) -> None:
    sample: list[str] = hands.ask("real_edids", count=REAL_MONITORS)
    if not sample:
        pytest.skip("no ../shared/data/edid.txt beside the checkout")
    data = bytes.fromhex(sample[number])
    hands.ask("plug_device", slot="display", edid=data.hex())
    override = Path(OVERRIDE.format(CONNECTOR))
    (status,) = Path("/sys/class/drm").glob(f"card*-{CONNECTOR}/status")
    override.write_bytes(data)
    try:
        status.write_text("detect")
        assert status.with_name("edid").read_bytes() == data
        assert opened(hardware, table_of("display", "monitor")).read_edid() == data
        screen = hardware.screen(CONNECTOR)
        screen.show(bytes([10, 20, 30]) * (screen.width_px * screen.height_px))
        assert hands.ask("pixel", x=screen.width_px - 1, y=screen.height_px - 1) == [10, 20, 30]
        screen.close()
    finally:
        override.write_bytes(b"reset")
        status.write_text("detect")


# Plugging in starts work


def test_a_keyboard_that_is_plugged_in_is_tested(hands: Hands, line: Line, slot_port: str) -> None:
    with hotplug.watching(line.station, line.service):
        hands.plug_keyboard(slot_port, **(GOLDEN_KEYBOARD | {"serial_number": "KB-0815"}))
        record = line.end_of_run()
    assert record.device.asset_tag == "KB-0815"
    assert record.verdict is Verdict.PASS, told(record)
    assert [s.step for s in record.steps] == ["bench.open", *SHORTLY, "bench.make_safe"]


# What breaks in the middle of a run is an ERROR, and never the device's fault


class Mishap(NamedTuple):
    """The mishap that comes as a certain step begins, and its remedy."""

    slot: str
    at: str
    happens: Callable[[Hands], None]
    mends: Callable[[Hands], None]
    unsafe: str = ""
    """The actuator that can be reached no more."""


def pull(port: str) -> Callable[[Hands], None]:
    return lambda hands: hands.pull(port)


def back(port: str) -> Callable[[Hands], None]:
    def plug(hands: Hands) -> None:
        hands.replug(port)
        ttys = f"/sys/bus/usb/devices/{port}/{port}:1.0"
        wait_for(lambda: [*Path(ttys).glob("tty*")], f"{port} to be back")

    return plug


def serial(port: str, **trouble: bool) -> Callable[[Hands], None]:
    return lambda hands: hands.ask("set_serial", port=port, **trouble)


def absent(bus: int, *addresses: int) -> Callable[[Hands], None]:
    return lambda hands: hands.ask("set_absent", bus=bus, addresses=list(addresses))


def freeze(port: str) -> Callable[[Hands], None]:
    return lambda hands: hands.ask("freeze", port=port, frozen=True)


def new_keyboard(hands: Hands) -> None:
    hands.pull("3-7")
    hands.plug_keyboard("3-7", **GOLDEN_KEYBOARD)


LOAD, SUPPLY, MAINS_METER = "1-2", "3-1", "1-1"
MISHAPS = {
    "the device is pulled": Mishap("keyboard", "keyboard.every_key", pull("3-7"), new_keyboard),
    "the device hangs": Mishap("keyboard", "keyboard.every_key", freeze("3-7"), new_keyboard),
    "the meter comes off": Mishap("keyboard", "power.powers_up", absent(1, 0x48), absent(1)),
    "the fingers come off": Mishap(
        "keyboard", "keyboard.every_key", absent(1, *range(0x40, 0x47)), absent(1), "actuator"
    ),
    "the supply is pulled": Mishap(
        "keyboard", "power.powers_up", pull(SUPPLY), back(SUPPLY), "supply"
    ),
    "the supply hangs": Mishap(
        "keyboard", "power.powers_up", serial(SUPPLY, mute=True), serial(SUPPLY), "supply"
    ),
    "the mains meter lies": Mishap(
        "adapter", "adapter.load_points", serial(MAINS_METER, garbled=True), serial(MAINS_METER)
    ),
    "the mains meter is pulled": Mishap(
        "adapter", "adapter.load_points", pull(MAINS_METER), back(MAINS_METER)
    ),
    "the load lies": Mishap(
        "adapter", "adapter.load_points", serial(LOAD, garbled=True), serial(LOAD), "load"
    ),
}


@pytest.mark.parametrize("name", MISHAPS)
def test_what_breaks_in_the_middle_is_an_error_and_the_bench_is_safe(
    hands: Hands, line: Line, name: str
) -> None:
    mishap = MISHAPS[name]
    happened: list[str] = []
    begun: list[str] = []

    def meanwhile(event: Event) -> None:
        match event:
            case StepStarted(step=use):
                begun.append(use)
            case Shown() | Measured() if mishap.at == "keyboard.every_key":
                pass
            case _:
                return
        if begun[-1] == mishap.at and not happened:
            happened.append(name)
            mishap.happens(hands)

    try:
        record = line.run(mishap.slot, *FOR_MISHAPS[mishap.slot], meanwhile=meanwhile)
    finally:
        mishap.mends(hands)
    assert happened, "or this would show nothing"
    assert record.verdict is Verdict.ERROR, told(record)
    assert all(step.verdict is not Verdict.FAIL for step in record.steps), told(record)
    made_safe = step(record, "bench.make_safe")
    if not mishap.unsafe:
        assert made_safe.verdict is Verdict.PASS, made_safe.reason
        assert hands.ask("current_a", slot=mishap.slot) == pytest.approx(0.0, abs=1e-3)
        return
    assert made_safe.verdict is Verdict.ERROR, "nobody could know whether it let go"
    assert made_safe.reason is not None
    assert mishap.unsafe in made_safe.reason.text
    following = line.run(mishap.slot, meanwhile=lambda event: line.stop(mishap.slot))
    assert step(following, "bench.make_safe").verdict is Verdict.PASS, told(following)
    assert hands.ask("current_a", slot=mishap.slot) == pytest.approx(0.0, abs=1e-3)

"""Devices are judged truly through the firmware on Linux: plan, step, driver, line, firmware.

Each world is one device with at most one fault; what has to be said of it is written beside it,
from the standard's figures.
"""

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.capabilities import Identity, Instrument, KeyEvent, KeySource, PatternSource
from drivers.find import find
from drivers.formats.key_layouts import LAYOUTS
from drivers.linux.serial_line import SerialLine
from records import RunRecord, Verdict
from station.engine.bench import Bench
from station.engine.clock import Clock
from station.engine.plan import PlannedStep
from station.engine.step import find as find_step
from tests.station.benches import Answers, Socketed, finish, planned
from tests.station.engine.libraries import plan_of, shipped
from tests.station.firmware.on_linux import LinuxBoard, Told, needs_micropython

pytestmark = needs_micropython

A = 0x04


@contextmanager
def fixture(
    kind: str, driver: str, world: dict[str, Any], folder: Path, **settings: Any
) -> Iterator[Any]:
    """Yield the real driver over the firmware, in this world."""
    with LinuxBoard(kind, world, folder=folder, on_told=settings.pop("on_told", None)) as board:
        line = SerialLine(board.path, baudrate=115200, timeout_s=0.1)
        build: Any = find(driver)
        try:
            yield build(line, time=time, **settings)
        finally:
            line.close()


def judged(kind: str, instruments: dict[str, Instrument], **answers: str) -> RunRecord:
    """Run the key-function plan of a kind on these instruments."""
    plan = plan_of(kind, {}, list(instruments), profile="pace-key", library=shipped)
    return run_on(instruments, *plan.runnable(kind).steps, **answers)


def run_on(instruments: dict[str, Instrument], *steps: PlannedStep, **answers: str) -> RunRecord:
    """Run steps on these instruments, in real time."""
    places = {
        role: replace(Socketed(one).place(), dead_man=type(one).dead_man)
        for role, one in instruments.items()
    }
    bench = Bench("left", places, Clock(time), Answers(**answers))
    return finish(bench, *steps)


def bad(record: RunRecord) -> set[str]:
    """Return the measurements that a record blames."""
    return {
        one.name
        for step in record.steps
        for one in step.measurements
        if one.verdict is Verdict.FAIL
    }


SUPPLIES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("a good one", {}, set()),
    ("slow to start", {"times_us": {"t1": 650_000}}, {"start_time"}),
    ("slow to rise", {"times_us": {"t2": 35_000}}, {"rise_time"}),
    ("PWR_OK too early", {"times_us": {"t3": 30_000}}, {"power_good_delay"}),
    ("PWR_OK too late", {"times_us": {"t3": 620_000}}, {"power_good_delay"}),
    ("PWR_OK creeps", {"times_us": {"t4": 14_000}}, {"power_good_rise"}),
    ("PWR_OK falls again", {"bounce_us": 300}, {"power_good_falls"}),
    ("a rail stays away", {"dead": ["5v"]}, {"missing_rails"}),
    ("too short a hold-up", {"times_us": {"t5": 9_000}}, {"hold_up"}),
    ("no warning", {"times_us": {"t6": 400}}, {"power_good_warning"}),
    ("12 V too low", {"levels_mv": [2200, 2500, 1650, 2500, 1200, 2500]}, {"rail_12v"}),
    ("ripple", {"ripple_mv": [60, 0, 0, 0, 0, 0]}, {"ripple_12v"}),
]


@pytest.mark.parametrize(("name", "world", "blamed"), SUPPLIES, ids=[one[0] for one in SUPPLIES])
def test_a_supply_with_each_fault_is_blamed_for_it_alone(
    name: str, world: dict[str, Any], blamed: set[str], tmp_path: Path
) -> None:
    with fixture("atx", "atx_board", world, tmp_path) as atx:
        record = judged("atx-supply", {"atx": atx})
    assert bad(record) == blamed
    assert record.verdict is (Verdict.FAIL if blamed else Verdict.PASS)
    assert record.dead_man


DEVICES: list[tuple[str, str, dict[str, Any], set[str]]] = [
    ("a keyboard", "ps2-keyboard", {}, set()),
    ("a keyboard of bad parity", "ps2-keyboard", {"faults": {"2": "parity"}}, {"line_faults"}),
    ("a slow keyboard", "ps2-keyboard", {"faults": {"1": "slow"}}, {"line_faults"}),
    ("a keyboard that fails", "ps2-keyboard", {"self_test": 0xFC}, {"self_test_passed"}),
    ("a deaf keyboard", "ps2-keyboard", {"deaf": True}, {"takes_bytes"}),
    ("a mouse", "ps2-mouse", {"device": "mouse"}, set()),
    ("a mouse with a wheel", "ps2-mouse", {"device": "wheel mouse"}, set()),
    (
        "a mouse that stutters",
        "ps2-mouse",
        {"device": "mouse", "faults": {"4": "cut"}},
        {"line_faults"},
    ),
]


@pytest.mark.parametrize(
    ("name", "kind", "world", "blamed"), DEVICES, ids=[one[0] for one in DEVICES]
)
def test_a_ps2_device_is_blamed_for_its_fault_alone(
    name: str, kind: str, world: dict[str, Any], blamed: set[str], tmp_path: Path
) -> None:
    with fixture("ps2", "ps2_board", world, tmp_path) as ps2:
        record = judged(kind, {"ps2": ps2})
    assert bad(record) == blamed
    assert record.verdict is (Verdict.FAIL if blamed else Verdict.PASS)
    told = {one.name: one.value for step in record.steps for one in step.measurements}
    if kind == "ps2-mouse" and not blamed:
        assert told["wheel"] is (world["device"] == "wheel mouse")


class White(PatternSource):
    """A screen that takes any picture."""

    def __init__(self) -> None:
        self.identity = Identity("ACME", "Screen")
        self.width_px, self.height_px = 2, 2

    def show_level(self, red: float, green: float, blue: float) -> None:
        """Show nothing: the world has its own light."""

    def lose_signal(self) -> None:
        """Show nothing."""

    def make_safe(self) -> None:
        """Show nothing."""


@pytest.mark.parametrize(
    ("light", "verdict"),
    [
        ({"level": 0.4}, Verdict.PASS),
        ({"level": 0.4, "frequency_hz": 240.0, "modulation": 0.9, "shape": "pwm"}, Verdict.FAIL),
        ({"level": 0.4, "frequency_hz": 120.0, "modulation": 0.05}, Verdict.PASS),
        ({"level": 0.4, "frequency_hz": 60.0, "modulation": 0.05}, Verdict.FAIL),
        ({"level": 0.4, "frequency_hz": 5000.0, "modulation": 0.9, "shape": "pwm"}, Verdict.PASS),
    ],
    ids=["steady", "dimmed at 240 Hz", "faint at 120 Hz", "faint at 60 Hz", "dimmed at 5 kHz"],
)
def test_a_flickering_display_is_told_from_a_steady_one(
    light: dict[str, Any], verdict: Verdict, tmp_path: Path
) -> None:
    """More than the line of low risk at its frequency is bad: 19.2 %, 9.6 %, 1.5 %, no bound."""
    step = planned(
        find_step("display.flicker"), settings={"settle_s": 0.0}, flicker_of_low_risk=(None, 100.0)
    )
    world = {"inputs": [light, {"level": 0.5}]}
    with fixture("light", "light_board", world, tmp_path) as flicker:
        record = run_on({"screen": White(), "flicker": flicker}, step)
    assert record.verdict is verdict


class Typewriter(KeySource):
    """A keyboard whose keys are pressed by the outputs of a finger board."""

    def __init__(self, dead: int) -> None:
        self.identity = Identity("ACME", "Keyboard")
        self.boot, self.rollover = True, 110
        self.usages = LAYOUTS["ansi-87"].usages
        self._keys = sorted(self.usages)
        self._dead = dead
        self._down: set[int] = set()
        self._coming: queue.Queue[KeyEvent] = queue.Queue()

    def follow(self, told: Told) -> None:
        """Press and let go as the coils do."""
        if told.output == "coils":
            mask = int(told.value, 16)
            keys = {usage for n, usage in enumerate(self._keys) if mask >> n & 1} - {self._dead}
            for usage in keys ^ self._down:
                self._coming.put(KeyEvent(usage, usage in keys, time.monotonic()))
            self._down = keys

    def read_events(self, timeout_s: float) -> tuple[KeyEvent, ...]:
        """Return what came, and wait for the first."""
        try:
            found = [self._coming.get(timeout=timeout_s)]
        except queue.Empty:
            return ()
        while not self._coming.empty():
            found.append(self._coming.get())
        return tuple(found)

    def set_leds(self, *, num: bool = False, caps: bool = False, scroll: bool = False) -> None:
        """Have no lamps."""

    def use_boot_protocol(self, *, boot: bool) -> None:
        """Speak one protocol."""


@pytest.mark.parametrize(("dead", "missing"), [(0, 0), (A, 1)], ids=["good", "one dead key"])
def test_a_keyboard_under_the_fingers_is_judged_by_its_own_keys(
    dead: int, missing: int, tmp_path: Path
) -> None:
    keyboard = Typewriter(dead)
    step = planned(
        find_step("keyboard.every_key"),
        settings={"layout": "ansi-87", "presses": 1, "hold_s": 0.01, "gap_s": 0.03},
        missing_keys=(None, 0),
        wrong_keys=(None, 0),
        unreleased_keys=(None, 0),
    )
    with fixture(
        "fingers",
        "finger_board",
        {},
        tmp_path,
        layout=LAYOUTS["ansi-87"],
        on_told=keyboard.follow,
    ) as actuator:
        record = run_on({"keyboard": keyboard, "actuator": actuator}, step, keyboard_press="c")
    told = {one.name: one.value for one in record.steps[1].measurements}
    assert told["missing_keys"] == missing
    assert record.verdict is (Verdict.FAIL if missing else Verdict.PASS)
    assert record.dead_man

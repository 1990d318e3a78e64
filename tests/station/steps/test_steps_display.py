"""Displays: what the display shows is judged, what the bench sees wrongly is not."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.capabilities import (
    Colour,
    ColourMeter,
    Identity,
    LightArray,
    Monitor,
    PatternSource,
    Power,
    PowerMeter,
    Vcp,
)
from drivers.devices.ddc_monitor import DdcMonitor
from drivers.errors import BadReply, BusMissing, DriverError, NoReply, NotConnected, Refused
from drivers.sim.devices.edid_memory import build_edid
from drivers.sim.devices.monitor import SimulatedMonitor
from drivers.sim.hardware import SimulatedI2cBus
from drivers.sim.world import SimulatedTime
from records import Phrase, RunRecord, StepRecord, Verdict
from station.compose import DEMO_RIG
from station.engine.clock import Clock
from station.engine.events import Choice
from station.engine.plan import PlannedStep
from station.engine.prompts import Prompter
from station.rig.config import load, open_bench
from station.rig.rehearsal import Nowhere
from station.steps import display
from station.steps.display.pixels import PIXEL_CLASSES, pixel_class
from tests.station.benches import Answers, Socketed, finish, make_bench, make_clock, planned, said
from tests.station.engine.libraries import key_function_plan, of_plain_numbers

PLAN = of_plain_numbers(key_function_plan("lcd-monitor"))
STEPS = {one.use.partition(".")[2]: one for one in PLAN.steps}
D65 = (0.3127, 0.3290)
PRIMARIES = {(1, 0, 0): (0.64, 0.33), (0, 1, 0): (0.30, 0.60), (0, 0, 1): (0.15, 0.06)}
FULL_HD = 1920 * 1080


class Display:
    """A display on the bench, with its instruments."""

    def __init__(self) -> None:
        self.edid = build_edid(manufacturer="DEL", name="OFFICE", year=2015, serial_text="S1")
        self.edid_reads: list[bytes] = []
        self.commands = True
        self.brightness = 75
        self.power = 1
        self.level = (0.0, 0.0, 0.0)
        self.peak = 250.0
        self.contrast = 1000.0
        self.zones = [0.9, 0.95, 0.9, 0.95, 1.0, 0.95, 0.9, 0.95, 0.9]
        self.dimmer: Callable[[int], float] = lambda setting: 0.2 + 0.8 * setting / 100
        self.sleeps = True
        self.signal = True
        self.on_w, self.asleep_w = 20.0, 0.3
        self.shift = (0.0, 0.0)

    @property
    def lit(self) -> bool:
        return (self.power == 1 and self.signal) or not self.sleeps

    def luminance(self, zone: int = 4) -> float:
        if not self.lit:
            return 0.0
        drive = max(1 / self.contrast, math.pow(max(self.level), 2.2))
        return self.peak * self.dimmer(self.brightness) * self.zones[zone] * drive


class Ddc(Monitor):
    def __init__(self, device: Display) -> None:
        self.identity = Identity("DEL", "OFFICE")
        self.device = device
        self.before = device.brightness
        self.first_edid = device.edid

    def read_edid(self) -> bytes:
        return self.device.edid_reads.pop(0) if self.device.edid_reads else self.device.edid

    def read_control(self, code: int) -> Vcp:
        if not self.device.commands:
            raise NotConnected("0x37 does not acknowledge")
        return Vcp({0x10: self.device.brightness, 0xD6: self.device.power}[code], 100)

    def set_control(self, code: int, value: int) -> None:
        if not self.device.commands:
            raise NotConnected("0x37 does not acknowledge")
        if code == 0x10:
            self.device.brightness = value
        else:
            self.device.power = value

    def read_capabilities(self) -> str:
        return ""

    def make_safe(self) -> None:
        self.device.brightness, self.device.power = self.before, 1


class Screen(PatternSource):
    def __init__(self, device: Display) -> None:
        self.identity = Identity("", "screen")
        self.width_px, self.height_px = 1920, 1080
        self.device = device

    def show_level(self, red: float, green: float, blue: float) -> None:
        self.device.level = (red, green, blue)
        self.device.signal = True

    def lose_signal(self) -> None:
        self.device.signal = False

    def make_safe(self) -> None:
        self.show_level(0, 0, 0)


class Zones(LightArray):
    """`gains` are of the sensors: one may have come off, or its cable may be broken."""

    def __init__(self, device: Display) -> None:
        self.identity = Identity("", "zones")
        self.zones = 9
        self.device = device
        self.gains = [1.0] * 9

    def read_illuminances_lux(self) -> tuple[float, ...]:
        return tuple(
            math.pi * gain * self.device.luminance(zone) for zone, gain in enumerate(self.gains)
        )


class Shaded(Zones):
    """Something is before the sensors at these looks, which count from 0, and lets that through."""

    def __init__(self, device: Display, looks: set[int], through: float = 0.0) -> None:
        super().__init__(device)
        self.looks, self.through = looks, through
        self.taken = 0

    def read_illuminances_lux(self) -> tuple[float, ...]:
        self.gains = [self.through if self.taken in self.looks else 1.0] * 9
        self.taken += 1
        return super().read_illuminances_lux()


class Probe(ColourMeter):
    def __init__(self, device: Display) -> None:
        self.identity = Identity("", "probe")
        self.device: Display | None = device
        self.stray: Colour | None = None

    def read_colour(self) -> Colour:
        if self.stray is not None:
            return self.stray
        if self.device is None or self.device.luminance() * math.pi < 0.2:
            raise BadReply("too dark to tell a colour")
        red, green, blue = (round(one) for one in self.device.level)
        x, y = PRIMARIES.get((red, green, blue), D65)
        shift_x, shift_y = self.device.shift
        return Colour(x + shift_x, y + shift_y, self.device.luminance() * math.pi)


class Meter(PowerMeter):
    def __init__(self, device: Display) -> None:
        self.identity = Identity("", "meter")
        self.device = device
        self.gain = 1.0

    def read(self) -> Power:
        watts = (self.device.on_w if self.device.lit else self.device.asleep_w) * self.gain
        return Power(19.0, watts / 19.0, watts)


class Rig:
    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.display = Display()
        self.zones, self.probe = Zones(self.display), Probe(self.display)
        self.meter = Meter(self.display)
        self.screen = Screen(self.display)
        self.socket = Socketed(Ddc(self.display))
        self.operator = Answers(
            display_plugged="y",
            display_lit="n",
            display_brightest="y",
            display_probe_here="y",
            display_picture_faults="n",
            display_bright_pixels_black="0",
            **{f"display_dark_pixels_{name}": "0" for name in ("white", "red", "green", "blue")},
            display_dark_zone="y",
            display_dark="n",
            display_goes_out="y",
            display_button="n",
        )

    def run(self, *steps: PlannedStep) -> RunRecord:
        bench = make_bench(
            Clock(self.time),
            monitor=self.socket.place(device=True),
            screen=Socketed(self.screen).place(),
            zones=Socketed(self.zones).place(),
            probe=Socketed(self.probe).place(),
            meter=Socketed(self.meter).place(),
        )
        bench.operator = self.operator
        return finish(bench, *steps)

    def measure(self, name: str) -> StepRecord:
        return self.run(STEPS[name]).steps[1]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def values(record: StepRecord) -> dict[str, Any]:
    return {m.name: m.value for m in record.measurements}


DISPLAY_STEPS = [name for name, one in STEPS.items() if one.use.startswith("display.")]


# A good one


@pytest.mark.parametrize("name", DISPLAY_STEPS)
def test_a_good_display_passes_every_step_by_itself(rig: Rig, name: str) -> None:
    assert rig.measure(name).verdict is Verdict.PASS


def test_a_good_display_passes_and_is_as_it_was_before(rig: Rig) -> None:
    record = rig.run(*(STEPS[name] for name in DISPLAY_STEPS))
    assert record.verdict is Verdict.PASS
    assert (record.device.maker, record.device.model, record.device.year) == ("DEL", "OFFICE", 2015)
    assert (rig.display.brightness, rig.display.power) == (75, 1)


def test_the_figures_are_those_of_the_display(rig: Rig) -> None:
    leak = 1 / rig.display.contrast
    assert values(rig.measure("luminance")) == pytest.approx(
        {"luminance": 250.0 * (1 - leak), "drift": 0.0}
    )
    assert values(rig.measure("contrast"))["contrast"] == pytest.approx(1000.0)
    assert values(rig.measure("uniformity")) == pytest.approx({"uniformity": 90, "darkest_zone": 1})
    assert values(rig.measure("standby_power")) == pytest.approx(
        {"standby_power": 0.3, "on_power": 20.0}
    )
    colours = values(rig.measure("colour"))
    assert colours == pytest.approx(dict.fromkeys(colours, 0.0), abs=1e-4)
    sweep = values(rig.measure("brightness_sweep"))
    assert sweep["brightness_range"] == pytest.approx(5.0)
    assert sweep["brightness_lowest"] == pytest.approx(50.0)


# The display's faults


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("luminance", {"peak": 149.0}),
        ("contrast", {"contrast": 399.0}),
        ("standby_power", {"asleep_w": 0.51}),
        ("backlight", {"sleeps": False}),
        ("brightness_sweep", {"dimmer": lambda setting: 1.0}),
        ("brightness_sweep", {"dimmer": lambda setting: 0.3 + abs(setting - 50) / 100}),
        ("colour", {"shift": (0.05, 0.05)}),
        ("uniformity", {"zones": [1.0] * 8 + [0.7]}),
        ("uniformity", {"zones": [1.0] * 8 + [0.1]}),
    ],
)
def test_a_display_with_this_fault_fails_this_step(
    rig: Rig, name: str, fault: dict[str, Any]
) -> None:
    for attribute, value in fault.items():
        setattr(rig.display, attribute, value)
    assert rig.measure(name).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "name", ["brightness_sweep", "luminance", "uniformity", "contrast", "backlight"]
)
@pytest.mark.parametrize(("seen", "verdict"), [("n", Verdict.FAIL), ("y", Verdict.ERROR)])
def test_darkness_is_the_displays_fault_only_if_the_operator_sees_it_too(
    rig: Rig, name: str, seen: str, verdict: Verdict
) -> None:
    rig.zones.gains = [0.0] * 9
    rig.operator.answers["display_lit"] = seen
    assert rig.measure(name).verdict is verdict
    assert rig.operator.asked == ["display.lit"]


@pytest.mark.parametrize("looks", [{1, 2}, {0, 1, 2}])
def test_sensors_without_light_are_no_perfect_black(rig: Rig, looks: set[int]) -> None:
    rig.display.contrast, rig.zones = 150.0, Shaded(rig.display, looks)
    rig.operator.answers["display_lit"] = "y"
    record = rig.measure("contrast")
    assert record.verdict is Verdict.ERROR
    assert said(record) == "display.sensors_blind"
    assert rig.operator.asked == ["display.lit"]


@pytest.mark.parametrize("looks", [{1}, {1, 2, 3}, {6}])
def test_a_hand_before_the_sensors_makes_no_better_black(rig: Rig, looks: set[int]) -> None:
    rig.zones = Shaded(rig.display, looks, through=0.3)
    assert values(rig.measure("contrast"))["contrast"] == pytest.approx(1000.0)


@pytest.mark.parametrize("looks", [{0}, {5}, {4, 5}])
def test_a_white_that_changes_by_itself_is_no_half_of_a_contrast(rig: Rig, looks: set[int]) -> None:
    rig.zones = Shaded(rig.display, looks, through=0.3)
    record = rig.measure("contrast")
    assert record.verdict is Verdict.ERROR
    assert said(record) == "display.differs"
    assert rig.operator.asked == []


def test_a_display_that_goes_dark_on_black_and_stays_dark_fails(rig: Rig) -> None:
    class Dies(Zones):
        def read_illuminances_lux(self) -> tuple[float, ...]:
            if self.device.level == (0.0, 0.0, 0.0):
                self.device.peak = 0.0
            return super().read_illuminances_lux()

    rig.zones = Dies(rig.display)
    record = rig.measure("contrast")
    assert (record.verdict, values(record)["contrast"]) == (Verdict.FAIL, 0.0)
    assert rig.operator.asked == ["display.lit"]


@pytest.mark.parametrize("looks", [{4, 5, 6}, {0, 1}, {1}])
@pytest.mark.parametrize("through", [0.0, 0.3])
def test_a_hand_before_the_sensors_is_no_fault_of_the_brightness(
    rig: Rig, looks: set[int], through: float
) -> None:
    rig.zones = Shaded(rig.display, looks, through)
    assert rig.measure("brightness_sweep").verdict is Verdict.ERROR
    assert rig.operator.asked == []


@pytest.mark.parametrize("through", [0.0, 3.0])
def test_a_display_that_dims_slowly_is_given_time(rig: Rig, through: float) -> None:
    rig.zones = Shaded(rig.display, {11}, through)
    assert rig.measure("brightness_sweep").verdict is Verdict.PASS


def test_a_hand_before_the_sensors_makes_no_range_of_a_stuck_backlight(rig: Rig) -> None:
    rig.display.dimmer, rig.zones = lambda setting: 1.0, Shaded(rig.display, {0})
    record = rig.measure("brightness_sweep")
    assert record.verdict is Verdict.ERROR
    assert record.reason is not None
    assert (record.reason.id, record.reason.values["before_cd_m2"]) == ("display.differs", 0.0)
    assert record.reason.values["again_cd_m2"] == pytest.approx(250.0)


@pytest.mark.parametrize("zone", range(9))
@pytest.mark.parametrize(("seen", "verdict"), [("y", Verdict.FAIL), ("n", Verdict.ERROR)])
def test_a_dark_zone_is_the_displays_only_if_the_operator_sees_it_too(
    rig: Rig, zone: int, seen: str, verdict: Verdict
) -> None:
    rig.zones.gains[zone] = 0.0
    rig.operator.answers["display_dark_zone"] = seen
    record = rig.measure("uniformity")
    assert record.verdict is verdict
    assert rig.operator.questions == [Phrase("display.dark_zone", {"zone": zone + 1})]


def test_sensors_that_are_too_few_are_the_benchs_fault(rig: Rig) -> None:
    rig.zones.gains = [1.0] * 8
    for name in ("luminance", "uniformity", "contrast"):
        record = rig.measure(name)
        assert record.verdict is Verdict.ERROR
        assert record.reason == Phrase("display.zones_missing", {"seen": 8})


@pytest.mark.parametrize("zone", range(9))
@pytest.mark.parametrize("name", ["luminance", "uniformity"])
def test_a_zone_that_sees_white_and_black_alike_is_the_benchs_fault(
    rig: Rig, name: str, zone: int
) -> None:
    class Frozen(Zones):
        def read_illuminances_lux(self) -> tuple[float, ...]:
            seen = list(super().read_illuminances_lux())
            seen[zone] = 700.0
            return tuple(seen)

    rig.zones = Frozen(rig.display)
    record = rig.measure(name)
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("display.zone_blind", {"zone": zone + 1})


@pytest.mark.parametrize(("seen", "verdict"), [("y", Verdict.FAIL), ("n", Verdict.ERROR)])
def test_a_centre_that_contradicts_its_neighbours_is_looked_at(
    rig: Rig, seen: str, verdict: Verdict
) -> None:
    rig.zones.gains[4] = 0.5
    rig.operator.answers["display_dark_zone"] = seen
    assert rig.measure("luminance").verdict is verdict


class Room(Zones):
    """The light of a room falls on all sensors, too."""

    lux = 0.0

    def read_illuminances_lux(self) -> tuple[float, ...]:
        return tuple(one + self.lux for one in super().read_illuminances_lux())


@pytest.mark.parametrize(
    ("lux", "contrast", "verdict"),
    [
        (2.0, 1000.0, Verdict.PASS),
        (2.0, 390.0, Verdict.FAIL),
        (30.0, 1000.0, Verdict.ERROR),
    ],
)
def test_the_light_of_a_room_is_no_light_of_a_black(
    rig: Rig, lux: float, contrast: float, verdict: Verdict
) -> None:
    rig.zones = room = Room(rig.display)
    room.lux, rig.display.contrast = lux, contrast
    record = rig.measure("contrast")
    assert record.verdict is verdict
    if verdict is not Verdict.ERROR:
        assert values(record)["contrast"] == pytest.approx(contrast)


def test_the_light_of_a_room_makes_no_screen_brighter(rig: Rig) -> None:
    rig.zones = room = Room(rig.display)
    rig.display.peak, room.lux = 145.0, 60.0
    assert rig.measure("luminance").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("cold", "peak", "verdict", "most_s"),
    [(0.45, 180.0, Verdict.PASS, 300.0), (0.45, 140.0, Verdict.FAIL, 300.0),
     (1.0, 180.0, Verdict.PASS, 45.0)],
)  # fmt: skip
def test_a_display_is_judged_warm(
    rig: Rig, cold: float, peak: float, verdict: Verdict, most_s: float
) -> None:
    now_s = rig.time.monotonic

    class Tube(Display):
        def luminance(self, zone: int = 4) -> float:
            return super().luminance(zone) * (1 - (1 - cold) * math.exp(-now_s() / 60.0))

    rig.display = Tube()
    rig.display.peak = peak
    rig.screen, rig.zones = Screen(rig.display), Zones(rig.display)
    rig.socket = Socketed(Ddc(rig.display))
    record = rig.measure("luminance")
    assert record.verdict is verdict
    assert abs(values(record)["drift"]) < 1.0
    assert record.duration_s < most_s
    (course,) = record.series
    assert (course.name, course.unit) == ("luminance", "cd/m²")
    assert course.values[0] == pytest.approx(cold * peak, rel=0.1)


def test_a_display_that_never_gets_steady_is_judged_and_its_drift_says_so(rig: Rig) -> None:
    class Fading(Display):
        def luminance(self, zone: int = 4) -> float:
            return super().luminance(zone) * math.exp2(-rig.time.monotonic() / 300.0)

    rig.display = Fading()
    rig.screen, rig.zones = Screen(rig.display), Zones(rig.display)
    rig.socket = Socketed(Ddc(rig.display))
    record = rig.measure("luminance")
    assert record.verdict is Verdict.FAIL
    assert values(record)["drift"] == pytest.approx(-13.0, abs=1.0)


class Blinking(Zones):
    """The picture, or what the sensors see, is out for these looks at a moment, from 0."""

    def __init__(self, device: Display, out: set[int]) -> None:
        super().__init__(device)
        self.out, self.taken = out, 0

    def glance_lux(self) -> tuple[float, ...]:
        self.gains = [0.0 if self.taken in self.out else 1.0] * 9
        self.taken += 1
        seen = self.read_illuminances_lux()
        self.gains = [1.0] * 9
        return seen


@pytest.mark.parametrize(("seen", "verdict"), [("y", Verdict.FAIL), ("n", Verdict.ERROR)])
@pytest.mark.parametrize(("out", "looks"), [({10, 11, 30}, 120), ({5, 200}, 240), ({0, 119}, 240)])
def test_a_picture_that_goes_out_twice_is_the_displays_only_if_the_operator_sees_it(
    rig: Rig, out: set[int], looks: int, seen: str, verdict: Verdict
) -> None:
    rig.zones = Blinking(rig.display, out)
    rig.operator.answers["display_goes_out"] = seen
    record = rig.measure("last_look")
    assert record.verdict is verdict
    assert rig.operator.asked == ["display.goes_out"]
    assert len(record.series[0].values) == looks


def test_a_picture_that_goes_out_once_in_two_watches_blames_nobody(rig: Rig) -> None:
    rig.zones = Blinking(rig.display, {40, 41})
    record = rig.measure("last_look")
    assert record.verdict is Verdict.ERROR
    assert said(record) == "display.went_out_once"
    assert rig.operator.asked == []


@pytest.mark.parametrize(
    ("left", "verdict"), [(0.79, Verdict.FAIL), (0.81, Verdict.PASS), (0.0, Verdict.FAIL)]
)
def test_the_last_look_is_compared_with_the_first(rig: Rig, left: float, verdict: Verdict) -> None:
    class Fading(Display):
        def luminance(self, zone: int = 4) -> float:
            return super().luminance(zone) * (1.0 if rig.time.monotonic() < 50 else left)

    rig.display = Fading()
    rig.screen, rig.zones = Screen(rig.display), Zones(rig.display)
    rig.socket = Socketed(Ddc(rig.display))
    record = rig.run(STEPS["luminance"], STEPS["contrast"], STEPS["backlight"], STEPS["last_look"])
    last = record.steps[4]
    assert last.verdict is verdict
    assert values(last)["light_left"] == pytest.approx(100 * left)


# Identity


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({20: 0x80}, "edid_checksum_ok"),
        ({8: 0x00, 127: 0x00}, "edid_checksum_ok"),
    ],
)
def test_a_damaged_identity_fails(rig: Rig, change: dict[int, int], broken: str) -> None:
    data = bytearray(rig.display.edid)
    for place, value in change.items():
        data[place] ^= value or 0x55
    rig.display.edid = bytes(data)
    record = rig.measure("edid")
    assert record.verdict is Verdict.FAIL
    assert broken in [m.name for m in record.measurements if m.verdict is Verdict.FAIL]


@pytest.mark.parametrize("data", [b"", b"\0" * 128, b"\xff" * 128, b"\xff" * 7])
def test_a_blank_identity_fails_and_is_no_error(rig: Rig, data: bytes) -> None:
    rig.display.edid = data
    assert rig.measure("edid").verdict is Verdict.FAIL


def test_a_display_from_before_there_were_edids_fails_and_no_later_year_does(rig: Rig) -> None:
    rig.display.edid = build_edid(year=1993)
    assert rig.measure("edid").verdict is Verdict.FAIL
    rig.display.edid = build_edid(year=2045)
    assert rig.measure("edid").verdict is Verdict.PASS


def test_an_odd_display_passes_and_a_damaged_one_fails(rig: Rig) -> None:
    odd = bytearray(build_edid())
    odd[0x08:0x0A], odd[0x10] = b"\x36\x7f", 0xA4
    odd[127] = -sum(odd[:127]) % 256
    rig.display.edid = bytes(odd)
    assert rig.measure("edid").verdict is Verdict.PASS
    odd[0x15] ^= 4
    rig.display.edid = bytes(odd)
    assert rig.measure("edid").verdict is Verdict.FAIL


@pytest.mark.parametrize(("seen", "verdict"), [("y", Verdict.FAIL), ("n", Verdict.ERROR)])
def test_a_mute_display_is_condemned_by_the_operator_only(
    rig: Rig, seen: str, verdict: Verdict
) -> None:
    def mute() -> None:
        raise NotConnected("no acknowledge")

    rig.socket.refuse = mute
    rig.operator.answers["display_plugged"] = seen
    assert rig.measure("edid").verdict is verdict
    assert rig.operator.asked == ["display.plugged"]


BUS_FAULTS = [BusMissing("the bus is gone"), NoReply("the bus is taken: a short to ground")]


@pytest.mark.parametrize("error", BUS_FAULTS)
def test_trouble_with_the_bus_is_never_the_displays(rig: Rig, error: DriverError) -> None:
    def fail() -> None:
        raise error

    rig.socket.refuse = fail
    record = rig.measure("edid")
    assert record.verdict is Verdict.ERROR
    assert record.reason is not None
    assert str(error) in record.reason.text
    assert rig.operator.asked == []


@pytest.mark.parametrize("error", BUS_FAULTS)
def test_trouble_with_the_bus_since_the_question_is_never_the_displays(
    rig: Rig, error: DriverError
) -> None:
    errors = [NotConnected("no acknowledge"), *[error] * 1000]

    def fail() -> None:
        raise errors.pop(0)

    rig.socket.refuse = fail
    record = rig.measure("edid")
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("bench.driver_error", {"roles": "monitor"}, str(error))
    assert rig.operator.asked == ["display.plugged"]


def test_an_identity_that_is_garbled_on_the_wire_is_an_error(rig: Rig) -> None:
    def garbled() -> None:
        raise BadReply("a damaged block reads differently each time")

    rig.socket.refuse = garbled
    assert rig.measure("edid").verdict is Verdict.ERROR
    assert rig.operator.asked == []


def test_a_bus_that_is_not_there_is_nobodys_missing_display() -> None:
    """`/dev/i2c-20` does not exist: asking whether the cable is in could only condemn."""
    config = load(DEMO_RIG)
    clock = make_clock()
    asked: list[object] = []
    prompter = Prompter(asked.append, clock)

    class NoBus(Nowhere):
        def i2c(self, bus: int) -> Any:
            raise NotConnected(f"/dev/i2c-{bus}: no such bus")

    bench = open_bench(config, "display-1", NoBus(), clock, prompter, {})
    places = {"monitor": bench.places["monitor"]}
    bench.places = places
    record = finish(bench, STEPS["edid"])
    assert record.verdict is Verdict.ERROR
    assert "/dev/i2c-20: no such bus" in record.steps[1].why
    assert asked == []


# A display that takes no commands


def test_what_takes_commands_is_skipped_where_there_are_none(rig: Rig) -> None:
    rig.display.commands = False
    assert rig.measure("brightness_sweep").verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("name", "fault"), [("backlight", {"sleeps": False}), ("standby_power", {"asleep_w": 0.51})]
)
def test_sleep_is_judged_without_commands_too(rig: Rig, name: str, fault: dict[str, Any]) -> None:
    rig.display.commands = False
    assert rig.measure(name).verdict is Verdict.PASS
    for attribute, value in fault.items():
        setattr(rig.display, attribute, value)
    assert rig.measure(name).verdict is Verdict.FAIL


@pytest.mark.parametrize("code", [0x10, 0xD6])
@pytest.mark.parametrize("says", ["zero_controls", "null_controls", "unsupported_controls"])
def test_a_control_that_is_missing_blames_nobody(rig: Rig, code: int, says: str) -> None:
    verdicts = [one.verdict for one in odd(rig, **{says: (code,)}).steps[1:-1]]
    missing = Verdict.SKIPPED if code == 0x10 else Verdict.PASS
    assert verdicts == [missing, *[Verdict.PASS] * 3]


@pytest.mark.parametrize(
    "quirk",
    [
        {"brightness_told": 255},
        {"brightness_floor": 30},
        {"reading_power_wakes": True},
        {"picture_wakes_s": 5.0},
        {"mute_once_asleep": True},
        {"notice_s": 15.0},
    ],
)
def test_an_odd_display_is_judged_by_its_light_and_its_power(
    rig: Rig, quirk: dict[str, Any]
) -> None:
    record = odd(rig, **quirk)
    assert [one.verdict for one in record.steps[1:-1]] == [Verdict.PASS] * 4


@pytest.mark.parametrize("name", ["backlight", "standby_power"])
def test_a_bench_that_sees_no_sleep_is_at_fault_when_the_screen_is_dark(
    rig: Rig, name: str
) -> None:
    rig.display.sleeps = False
    rig.operator.answers["display_dark"] = "y"
    record = rig.measure(name)
    assert record.verdict is Verdict.ERROR
    assert (
        said(record)
        == {
            "backlight": "display.stray_light",
            "standby_power": "display.meter_stuck",
        }[name]
    )


def test_a_display_that_its_button_alone_wakes_is_woken_by_it(rig: Rig) -> None:
    class Sleepy(Screen):
        def show_level(self, red: float, green: float, blue: float) -> None:
            self.device.level = (red, green, blue)

    class Hands(Answers):
        def ask(self, asks: Phrase, *choices: Choice) -> str:
            if asks.id == "display.button":
                rig.display.signal = True
            return super().ask(asks, *choices)

    rig.screen = Sleepy(rig.display)
    rig.operator = Hands(**rig.operator.answers | {"display_button": "y"})
    for name in ("backlight", "standby_power"):
        assert rig.measure(name).verdict is Verdict.PASS
    assert rig.operator.asked == ["display.button"] * 2


def odd(rig: Rig, **quirks: Any) -> RunRecord:
    """Measure a display as its driver and its twin make it, with these quirks."""
    panel = SimulatedMonitor(rig.display.edid, time=rig.time, on_power_w=20.0, **quirks)

    class Panel(Display):
        def luminance(self, zone: int = 4) -> float:
            return panel.luminance_cd_m2(zone)

        @property
        def lit(self) -> bool:
            return panel.is_lit

    class Output(Screen):
        def show_level(self, red: float, green: float, blue: float) -> None:
            panel.show_level(red, green, blue)

        def lose_signal(self) -> None:
            panel.lose_signal()

    rig.display = Panel()
    rig.screen, rig.zones = Output(rig.display), Zones(rig.display)
    rig.meter = Meter(rig.display)
    rig.socket = Socketed(DdcMonitor(SimulatedI2cBus(panel.i2c_devices()), time=panel.time))
    names = ("brightness_sweep", "luminance", "backlight", "standby_power")
    return rig.run(*(STEPS[name] for name in names))


@pytest.mark.parametrize("name", ["backlight", "standby_power"])
def test_a_display_that_took_commands_and_then_falls_mute_is_not_skipped(
    rig: Rig, name: str
) -> None:
    panel = SimulatedMonitor(rig.display.edid, time=SimulatedTime())

    class LastLook(Zones):
        def read_illuminances_lux(self) -> tuple[float, ...]:
            panel.ddc_mute = True
            return super().read_illuminances_lux()

    rig.display.brightness, rig.zones = 100, LastLook(rig.display)
    rig.socket = Socketed(DdcMonitor(SimulatedI2cBus(panel.i2c_devices()), time=panel.time))
    _, luminance, mute, *_ = rig.run(STEPS["luminance"], STEPS[name]).steps
    assert luminance.verdict is Verdict.PASS
    assert mute.verdict is Verdict.ERROR
    assert "no acknowledge from 0x37; it took commands before" in mute.why


def test_a_bus_that_goes_is_no_display_without_commands(rig: Rig) -> None:
    class Gone(Ddc):
        def read_control(self, code: int) -> Vcp:
            raise BusMissing("the bus is gone")

    rig.socket = Socketed(Gone(rig.display))
    for name in ("brightness_sweep", "luminance", "contrast", "backlight", "standby_power"):
        record = rig.measure(name)
        assert record.verdict is Verdict.ERROR
        assert record.reason is not None
        assert record.reason.text == "the bus is gone"


def test_a_display_without_commands_is_set_by_hand_or_not_judged(rig: Rig) -> None:
    rig.display.commands, rig.display.brightness = False, 100
    assert rig.measure("luminance").verdict is Verdict.PASS
    rig.operator.answers["display_brightest"] = "n"
    assert rig.measure("luminance").verdict is Verdict.ERROR


def test_a_cable_that_comes_off_is_no_display_without_commands(rig: Rig) -> None:
    class Off(Ddc):
        def read_control(self, code: int) -> Vcp:
            raise NotConnected("no acknowledge")

        def read_edid(self) -> bytes:
            raise NotConnected("no acknowledge")

    rig.socket = Socketed(Off(rig.display))
    for name in ("brightness_sweep", "luminance", "contrast", "backlight", "standby_power"):
        assert rig.measure(name).verdict is Verdict.ERROR


def test_a_display_that_keeps_its_old_brightness_is_no_failure(rig: Rig) -> None:
    class Stubborn(Ddc):
        def set_control(self, code: int, value: int) -> None:
            raise Refused("keeps another value")

    rig.socket = Socketed(Stubborn(rig.display))
    assert rig.measure("contrast").verdict is Verdict.PASS
    rig.display.contrast = 399.0
    assert rig.measure("contrast").verdict is Verdict.FAIL


# Power


@pytest.mark.parametrize("gain", [0.0, 0.02])
def test_a_meter_that_sees_nothing_passes_no_standby(rig: Rig, gain: float) -> None:
    """Its shunt is in another cable: half a watt would be nothing, too."""
    rig.display.asleep_w, rig.meter.gain = 10.0, gain
    record = rig.measure("standby_power")
    assert record.verdict is Verdict.ERROR
    assert said(record) == "display.meter_elsewhere"


# Colour


def test_a_probe_that_was_not_brought_is_an_error(rig: Rig) -> None:
    rig.operator.answers["display_probe_here"] = "n"
    assert rig.measure("colour").verdict is Verdict.ERROR


def test_a_probe_that_lies_on_the_table_is_an_error(rig: Rig) -> None:
    rig.probe.device = None
    assert rig.measure("colour").verdict is Verdict.ERROR


@pytest.mark.parametrize("colour", [(*D65, 500.0), (0.64, 0.33, 20.0), (0.45, 0.41, 3.0)])
def test_a_probe_that_looks_at_something_else_is_an_error(
    rig: Rig, colour: tuple[float, float, float]
) -> None:
    """The neighbour's screen, or the lamp above."""
    rig.probe.stray = Colour(*colour)
    record = rig.measure("colour")
    assert record.verdict is Verdict.ERROR
    assert said(record) == "display.probe_sees_nothing"


# Pixel faults


@pytest.mark.parametrize(
    ("bright", "dark", "pixels", "found"),
    [
        (0, 0, FULL_HD, 1),
        (1, 0, FULL_HD, 2),
        (5, 5, FULL_HD, 2),
        (6, 0, FULL_HD, 3),
        (8, 8, FULL_HD, 3),
        (9, 0, FULL_HD, 5),
        (0, 9, 10 * FULL_HD, 5),
        (2, 2, 1_000_000, 2),
        (3, 0, 1_000_000, 3),
        (0, 0, 1, 1),
    ],
)
def test_the_class_of_pixel_faults(bright: int, dark: int, pixels: int, found: int) -> None:
    assert pixel_class(bright, dark, pixels) == found


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 10**8))
def test_one_more_fault_never_makes_a_better_class(bright: int, dark: int, pixels: int) -> None:
    here = pixel_class(bright, dark, pixels)
    assert here in (*PIXEL_CLASSES, 5)
    assert pixel_class(bright + 1, dark, pixels) >= here
    assert pixel_class(bright, dark + 1, pixels) >= here
    assert pixel_class(bright, dark, pixels * 2) <= here


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ({"bright_pixels_black": "5"}, Verdict.PASS),
        ({"bright_pixels_black": "6"}, Verdict.FAIL),
        ({"dark_pixels_blue": "6"}, Verdict.FAIL),
        ({"dark_pixels_red": "9"}, Verdict.FAIL),
        ({"picture_faults": "y"}, Verdict.FAIL),
    ],
)
def test_the_operators_eyes_judge_pixels(
    rig: Rig, answers: dict[str, str], verdict: Verdict
) -> None:
    rig.operator.answers |= {f"display_{about}": key for about, key in answers.items()}
    assert rig.measure("pixel_faults").verdict is verdict
    assert len(rig.operator.asked) == 6


def test_the_sweep_reaches_the_brightest_whatever_the_number_of_points(rig: Rig) -> None:
    seen: list[int] = []

    class Watched(Ddc):
        def set_control(self, code: int, value: int) -> None:
            super().set_control(code, value)
            seen.append(value)

    rig.socket = Socketed(Watched(rig.display))
    rig.run(planned(display.brightness_sweep, settings={"points": 4}))
    assert seen == [0, 33, 67, 100, 0]

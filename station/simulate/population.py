"""The devices that come to a simulated rig, each with what the station must say of it.

Most are good, as on a real line. The rest have one known defect, or meet a bench that has one.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from drivers.formats.key_layouts import LAYOUTS
from drivers.sim.devices.edid_memory import build_edid
from drivers.sim.devices.keyboard import SimulatedKeyboard
from drivers.sim.devices.laptop_adapter import SimulatedAdapter
from drivers.sim.devices.monitor import SimulatedMonitor
from records import Verdict
from station.simulate.world import World

RATED_V, RATED_A = 19.5, 3.33
ISO = LAYOUTS["iso-105"].usages
E, SPACE, ENTER, A, S = 0x08, 0x2C, 0x28, 0x04, 0x16


@dataclass(frozen=True)
class Case:
    """A device or a mishap. `step` is where it must show; empty for a device that passes.

    `label` is what is printed on it, by the names of the ratings, and `model`. `unplugged` is what
    the operator finds when asked; `stop_at` the step at which the operator stops the run.
    """

    name: str
    plug: Callable[[World, Random], None]
    verdict: Verdict = Verdict.PASS
    step: str = ""
    marginal: bool = False
    unplugged: bool = False
    stop_at: str = ""
    picture_faults: bool = False
    weight: int = 1
    label: Mapping[str, str] = field(default_factory=dict)


def adapter(**defects: float | bool) -> Callable[[World, Random], None]:
    """Return a function that plugs a 65 W adapter, a little different each time."""

    def plug(world: World, chance: Random) -> None:
        usual: dict[str, float | bool] = {
            "open_voltage_v": chance.uniform(19.45, 19.75),
            "resistance_ohm": chance.uniform(0.03, 0.06),
            "efficiency": chance.uniform(0.895, 0.925),
            "idle_w": chance.uniform(0.05, 0.12),
        }
        world.plug_adapter(
            SimulatedAdapter(
                world.time,
                rated_voltage_v=RATED_V,
                rated_current_a=RATED_A,
                **(usual | defects),  # type: ignore[arg-type]
            )
        )

    return plug


def on_bad_mains(world: World, chance: Random) -> None:
    adapter()(world, chance)
    world.mains.voltage_v = 150.0


def with_a_loose_lead(world: World, chance: Random) -> None:
    adapter()(world, chance)
    world.loosen_lead()


ADAPTERS = (
    Case("good adapter", adapter(), weight=8),
    Case("weak regulation, just good enough", adapter(open_voltage_v=18.58, resistance_ohm=0.005,
         hot_drop_v=0.01), marginal=True),
    Case("dead adapter", adapter(dead=True), Verdict.FAIL, "adapter.no_load"),
    Case("voltage too high", adapter(open_voltage_v=20.9), Verdict.FAIL, "adapter.no_load"),
    Case("sagging adapter", adapter(resistance_ohm=0.45), Verdict.FAIL, "adapter.load_points"),
    Case("weak adapter", adapter(limit_a=2.9), Verdict.FAIL, "adapter.load_points"),
    Case("wasteful adapter", adapter(efficiency=0.78), Verdict.FAIL, "adapter.load_points"),
    Case("tired when warm", adapter(hot_drop_v=1.4, resistance_ohm=0.03), Verdict.FAIL,
         "adapter.hot"),
    Case("no overload protection", adapter(limit_a=math.inf), Verdict.FAIL, "adapter.overload"),
    Case("stays off after an overload", adapter(latches_off=True), Verdict.FAIL,
         "adapter.overload"),
    Case("nothing plugged in", adapter(dead=True), Verdict.ERROR, "adapter.no_load",
         unplugged=True),
    Case("brown-out of the mains", on_bad_mains, Verdict.ERROR, "adapter.mains"),
    Case("loose lead on the bench", with_a_loose_lead, Verdict.ERROR, "adapter.no_load"),
    Case("stopped by the operator", adapter(), Verdict.ABORTED, "adapter.hot",
         stop_at="adapter.hot"),
)  # fmt: skip


def monitor(**defects: object) -> Callable[[World, Random], None]:
    """Return a function that plugs a 24-inch LCD, a little different each time."""

    def plug(world: World, chance: Random) -> None:
        usual: dict[str, object] = {
            "peak_luminance_cd_m2": chance.uniform(220.0, 300.0),
            "contrast_ratio": chance.uniform(700.0, 1200.0),
            "standby_power_w": chance.uniform(0.15, 0.35),
            "usage_hours": chance.randrange(2000, 30000),
        }
        identity = build_edid(
            manufacturer=chance.choice(("DEL", "SAM", "HWP", "ACR")),
            serial_number=chance.randrange(1, 2**31),
            serial_text=f"CN0{chance.randrange(10**7):07d}",
            week=chance.randrange(1, 53),
            year=chance.randrange(2008, 2020),
            name="OFFICE24",
        )
        world.plug_monitor(
            SimulatedMonitor(
                identity,
                time=world.time,
                rated_voltage_v=19.0,
                **(usual | defects),  # type: ignore[arg-type]
            )
        )

    return plug


def under_dead_sensors(world: World, chance: Random) -> None:
    monitor()(world, chance)
    world.dead_sensors = True


DISPLAYS = (
    Case("good monitor", monitor(), weight=8),
    Case("slow to answer", monitor(ddc_null_responses=2)),
    Case("ignores the first write", monitor(first_write_ignored=True)),
    Case("just bright enough", monitor(peak_luminance_cd_m2=158.0), marginal=True),
    Case("takes no commands", monitor(ddc_mute=True)),
    Case("damaged identity", monitor(edid_bit_flip=8 * 20 + 3), Verdict.FAIL, "display.edid"),
    Case("aged backlight", monitor(peak_luminance_cd_m2=95.0), Verdict.FAIL, "display.luminance"),
    Case("dead backlight", monitor(backlight_dead=True), Verdict.FAIL,
         "display.brightness_sweep"),
    Case("brightness is stuck", monitor(brightness_stuck=True), Verdict.FAIL,
         "display.brightness_sweep"),
    Case("brightness steps back", monitor(brightness_non_monotonic=True), Verdict.FAIL,
         "display.brightness_sweep"),
    Case("dark corner", monitor(dim_zone=(8, 0.6)), Verdict.FAIL, "display.uniformity"),
    Case("low contrast", monitor(low_contrast=True), Verdict.FAIL, "display.contrast"),
    Case("yellowed", monitor(yellow_white=True), Verdict.FAIL, "display.colour"),
    Case("hungry when asleep", monitor(high_standby=True), Verdict.FAIL, "display.standby_power"),
    Case("two bright pixels", monitor(bright_pixels=2), marginal=True),
    Case("many dark pixels", monitor(dark_pixels=7), Verdict.FAIL, "display.pixel_faults"),
    Case("burnt-in picture", monitor(), Verdict.FAIL, "display.pixel_faults", picture_faults=True),
    Case("sensors see nothing", under_dead_sensors, Verdict.ERROR, "display.brightness_sweep"),
    Case("stopped by the operator", monitor(), Verdict.ABORTED, "display.contrast",
         stop_at="display.contrast"),
)  # fmt: skip


def keyboard(**defects: object) -> Callable[[World, Random], None]:
    """Return a function that plugs an ISO keyboard."""

    def plug(world: World, chance: Random) -> None:
        usual: dict[str, object] = {
            "keys": ISO,
            "nkro": chance.random() < 0.3,
            "serial_number": f"K{chance.randrange(10**6):06d}",
        }
        world.plug_keyboard(
            SimulatedKeyboard(world.time, **(usual | defects))  # type: ignore[arg-type]
        )

    return plug


def under_a_broken_finger(world: World, chance: Random) -> None:
    keyboard()(world, chance)
    world.broken_fingers = {ENTER}


KEYBOARDS = (
    Case("good keyboard", keyboard(), weight=8),
    Case("dead key", keyboard(dead_keys=[E]), Verdict.FAIL, "keyboard.every_key"),
    Case("swapped keys", keyboard(swapped_keys={A: S}), Verdict.FAIL, "keyboard.every_key"),
    Case("stuck key", keyboard(stuck_keys=[SPACE]), Verdict.FAIL, "keyboard.stuck_keys"),
    Case("chattering key", keyboard(chattering_keys=[E]), Verdict.FAIL, "keyboard.every_key"),
    Case("ghosting matrix", keyboard(diodes=False, blocking=False, nkro=False), Verdict.FAIL,
         "keyboard.ghosting"),
    Case("dead lamp", keyboard(led_dead=["caps"]), Verdict.FAIL, "keyboard.leds"),
    Case("does not enumerate", keyboard(does_not_enumerate=True), Verdict.FAIL,
         "keyboard.enumeration"),
    Case("not plugged in", keyboard(does_not_enumerate=True), Verdict.ERROR,
         "keyboard.enumeration", unplugged=True),
    Case("unplugged in the middle", keyboard(unplug_after=120), Verdict.ERROR,
         "keyboard.every_key"),
    Case("broken finger of the actuator", under_a_broken_finger, Verdict.ERROR,
         "keyboard.every_key"),
    Case("stopped by the operator", keyboard(), Verdict.ABORTED, "keyboard.every_key",
         stop_at="keyboard.every_key"),
)  # fmt: skip

LABELS = {
    "laptop-adapter": {
        "model": "PA-1650-02",
        "output_v": f"{RATED_V:g}",
        "output_a": f"{RATED_A:g}",
        "output_w": "65",
        "efficiency_mark": "VI",
    },
    "usb-keyboard": {"layout": "iso-105"},
}
"""The figures that are printed on a device, by kind."""

CASES = {
    "laptop-adapter": tuple(replace(one, label=LABELS["laptop-adapter"]) for one in ADAPTERS),
    "lcd-monitor": DISPLAYS,
    "usb-keyboard": tuple(replace(one, label=LABELS["usb-keyboard"]) for one in KEYBOARDS),
}
"""By kind of equipment, as slots name it."""


def draw(kind: str, chance: Random) -> Case:
    """Draw the next device of that kind. Raises `LookupError` for a kind that is not simulated."""
    if kind not in CASES:
        raise LookupError(f"no simulated {kind}; there are {', '.join(sorted(CASES))}")
    cases = CASES[kind]
    return chance.choices(cases, [case.weight for case in cases])[0]

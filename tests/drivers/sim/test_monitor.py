"""The simulated monitor as a device under test: what instruments find when they look at it."""

from math import pi
from typing import Any

import pytest

from drivers.devices.ddc_monitor import DdcMonitor
from drivers.sim.devices.edid_memory import build_edid
from drivers.sim.devices.monitor import SimulatedMonitor
from drivers.sim.hardware import SimulatedI2cBus
from drivers.sim.light import Scene
from drivers.sim.mains import MainsConsumer, MainsLine
from drivers.sim.world import Circuit, SimulatedTime, Sink, StiffSource

EDID = build_edid()
MIDDLE = 4
ZONES = range(9)


def white(**settings: Any) -> SimulatedMonitor:
    monitor = SimulatedMonitor(EDID, time=SimulatedTime(), **settings)
    monitor.show_level(1, 1, 1)
    return monitor


def luminances(monitor: SimulatedMonitor) -> list[float]:
    return [monitor.luminance_cd_m2(zone) for zone in ZONES]


def sweep(monitor: SimulatedMonitor) -> list[float]:
    control = DdcMonitor(SimulatedI2cBus(monitor.i2c_devices()), time=monitor.time)
    found = []
    for brightness in range(0, 101, 10):
        control.set_control(0x10, brightness)
        found.append(monitor.luminance_cd_m2(MIDDLE))
    return found


def contrast(monitor: SimulatedMonitor) -> float:
    bright = monitor.luminance_cd_m2(MIDDLE)
    monitor.show_level(0, 0, 0)
    return bright / monitor.luminance_cd_m2(MIDDLE)


def test_a_sound_monitor_is_within_what_a_used_one_must_reach() -> None:
    monitor = white()
    assert monitor.luminance_cd_m2(MIDDLE) == pytest.approx(200)
    assert min(luminances(monitor)) / max(luminances(monitor)) >= 0.75
    assert sweep(monitor) == sorted(sweep(monitor))
    assert contrast(white()) == pytest.approx(1000)
    assert monitor.chromaticity(MIDDLE) == pytest.approx((0.3127, 0.3290))


def test_a_sensor_on_the_glass_sees_pi_lux_for_each_candela() -> None:
    scene: Scene = white()
    assert scene.illuminance_lux(MIDDLE) == pytest.approx(pi * 200)


def test_half_the_drive_is_a_fifth_of_the_light() -> None:
    monitor = white()
    monitor.show_level(0.5, 0.5, 0.5)
    assert monitor.luminance_cd_m2(MIDDLE) == pytest.approx(200 * 0.5**2.2, rel=0.01)


@pytest.mark.parametrize(
    ("drive", "xy"),
    [((1, 0, 0), (0.64, 0.33)), ((0, 1, 0), (0.30, 0.60)), ((0, 0, 1), (0.15, 0.06))],
)
def test_primaries_are_those_of_srgb_and_add_up_to_white(
    drive: tuple[float, float, float], xy: tuple[float, float]
) -> None:
    monitor = SimulatedMonitor(EDID, time=SimulatedTime(), contrast_ratio=1e9)
    monitor.show_level(*drive)
    assert monitor.chromaticity(MIDDLE) == pytest.approx(xy, abs=1e-6)
    parts = []
    for one in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        monitor.show_level(*one)
        parts.append(monitor.luminance_cd_m2(MIDDLE))
    assert sum(parts) == pytest.approx(200)


def test_black_leaks_white_light() -> None:
    monitor = white()
    monitor.show_level(0, 0, 0)
    assert monitor.luminance_cd_m2(MIDDLE) == pytest.approx(0.2)
    assert monitor.chromaticity(MIDDLE) == pytest.approx((0.3127, 0.3290))


def test_colour_gains_tint_the_white() -> None:
    monitor = white()
    monitor.controls[0x1A].value = 50
    x, y = monitor.chromaticity(MIDDLE)
    assert x > 0.3127
    assert y > 0.3290


def test_what_no_panel_can_show_is_the_callers_mistake() -> None:
    monitor = white()
    for levels in ((-0.1, 0, 0), (0, 1.1, 0), (0, 0, float("nan"))):
        with pytest.raises(ValueError, match="outside"):
            monitor.show_level(*levels)
    for zone in (-1, 9):
        with pytest.raises(ValueError, match="there are 9"):
            monitor.luminance_cd_m2(zone)


# Defects


def test_a_stuck_backlight_takes_every_setting_and_heeds_none() -> None:
    assert len(set(sweep(white(brightness_stuck=True)))) == 1


def test_a_backlight_may_get_darker_as_it_is_turned_up() -> None:
    found = sweep(white(brightness_non_monotonic=True))
    assert found != sorted(found)
    assert found[0] < found[-1]


def test_a_dim_zone_is_the_only_one() -> None:
    sound, dim = luminances(white()), luminances(white(dim_zone=(6, 0.6)))
    assert [zone for zone in ZONES if dim[zone] != sound[zone]] == [6]
    assert min(dim) / max(dim) < 0.6


def test_a_dead_backlight_is_dark_and_takes_less() -> None:
    dead = white(backlight_dead=True)
    assert luminances(dead) == [0.0] * 9
    assert dead.illuminance_lux(MIDDLE) == 0
    assert dead.chromaticity(MIDDLE) == pytest.approx((1 / 3, 1 / 3))
    assert 0.5 < dead.power_w < white().power_w


def test_low_contrast_and_a_yellowed_white_are_seen() -> None:
    assert contrast(white(low_contrast=True)) < 500
    x, y = white(yellow_white=True).chromaticity(MIDDLE)
    assert (x, y) == pytest.approx((0.365, 0.385))
    assert white(yellow_white=True).luminance_cd_m2(MIDDLE) == pytest.approx(200)


def test_a_flipped_bit_in_the_edid_is_one() -> None:
    flipped = white(edid_bit_flip=100).edid_device.transfer(b"\0", 128)
    assert sum((a ^ b).bit_count() for a, b in zip(EDID, flipped, strict=True)) == 1


def test_pixel_faults_are_for_the_operators_eyes() -> None:
    monitor = white(bright_pixels=2, dark_pixels=5)
    assert (monitor.bright_pixels, monitor.dark_pixels) == (2, 5)


# Power


def asleep(**settings: Any) -> SimulatedMonitor:
    monitor = white(**settings)
    monitor.lose_signal()
    return monitor


def test_standby_takes_little_unless_it_is_a_defect() -> None:
    assert asleep().power_w == pytest.approx(0.3)
    assert asleep(high_standby=True).power_w > 2
    assert luminances(asleep()) == [0.0] * 9


def test_a_picture_wakes_it() -> None:
    monitor = asleep()
    monitor.show_level(1, 1, 1)
    assert monitor.luminance_cd_m2(MIDDLE) == pytest.approx(200)


def test_it_takes_more_the_brighter_it_is() -> None:
    monitor = white()
    powers = []
    for brightness in (0, 50, 100):
        monitor.controls[0x10].value = brightness
        powers.append(monitor.power_w)
    assert powers == sorted(powers)
    assert powers[-1] == pytest.approx(22)


def test_it_hangs_on_the_mains_and_on_an_adapter() -> None:
    consumer: MainsConsumer = (on_mains := white())
    line = MainsLine(consumer)
    assert line.load().power_w == pytest.approx(on_mains.power_w)
    sink: Sink = (on_adapter := white(rated_voltage_v=19.0))
    circuit = Circuit(StiffSource(19.0), sink)
    assert circuit.voltage_v * circuit.current_a == pytest.approx(on_adapter.power_w, rel=1e-6)
    currents = [sink.current_at(volts) for volts in (-1, 0, 5, 10, 14.25, 19, 25)]
    assert currents == sorted(currents)
    assert currents[1] == 0


def test_without_mains_only_its_edid_answers() -> None:
    monitor = white()
    monitor.mains_on = False
    assert (monitor.power_w, monitor.luminance_cd_m2(MIDDLE)) == (0, 0)
    assert monitor.edid_device.transfer(b"\0", 128) == EDID


# The EDID it is built with

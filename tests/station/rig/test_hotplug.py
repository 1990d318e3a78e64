"""From udev's events to a slot: what the slot is told, in which order, and without a watch."""

import logging
import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.errors import NotConnected
from drivers.linux.discovery import UsbPeripheral
from station.console import PluggedDevice
from station.rig.config import StationConfig, load
from station.rig.hotplug import HUB_FINDS_S, describe, watching
from tests.drivers.linux.recorded_udev import RecordedMonitor, RecordedUdev, usb

SLOT = """
[slots.{name}]
equipment = ["usb-keyboard"]
when_plugged = "{when}"
[slots.{name}.roles]
supply = {{ driver = "ka3000", port = "usb:1-1.{number}" }}
meter = {{ driver = "ina219", bus = {number}, address = 0x40, shunt_ohm = 0.1, max_a = 1.0 }}
keyboard = {{ driver = "hid_keyboard", port = "1-2.{number}" }}
"""
HID = ":030101:"
LEFT = usb("1-2.1", "046a:0011", interfaces=HID, product=b"G80-3000", serial=b"KB-1")
RIGHT = usb("1-2.2", "413c:2003", interfaces=HID, manufacturer=b"Dell", product=b"Keyboard")
IGNORED = usb("1-2.3", "413c:2003", interfaces=HID)
ELSEWHERE = usb("1-3", "1209:7002", interfaces=HID)
IN_A_HUB = usb("1-2.1.4", "1209:7002", interfaces=HID)

Told = tuple[str, PluggedDevice | None, bool]


class Porter:
    """Implements `Door`."""

    def __init__(self) -> None:
        self.told: queue.Queue[Told] = queue.Queue()

    def plugged(self, slot: str, device: PluggedDevice, *, just_now: bool) -> None:
        self.told.put((slot, device, just_now))

    def unplugged(self, slot: str) -> None:
        self.told.put((slot, None, True))

    def take(self) -> Told:
        return self.told.get(timeout=10)


@pytest.fixture
def config(tmp_path: Path) -> StationConfig:
    (path := tmp_path / "station.toml").write_text(
        'station = "pi-1"\n'
        + SLOT.format(name="left", number=1, when="start")
        + SLOT.format(name="right", number=2, when="offer")
        + SLOT.format(name="other", number=3, when="ignore")
    )
    return load(path)


@pytest.fixture
def udev() -> Iterator[RecordedUdev]:
    udev = RecordedUdev()
    yield udev
    for monitor in udev.monitors:
        monitor.close()


CHERRY = PluggedDevice("046a:0011", product="G80-3000", serial_number="KB-1")
DELL = PluggedDevice("413c:2003", maker="Dell", product="Keyboard")


def test_what_comes_and_goes_at_a_slots_port_is_told_and_nothing_else(
    config: StationConfig, udev: RecordedUdev
) -> None:
    door = Porter()
    with watching(config, door, udev):
        for device in (ELSEWHERE, IGNORED, IN_A_HUB, LEFT, RIGHT):
            udev.plug(device)
        for device in (ELSEWHERE, IGNORED, IN_A_HUB, LEFT):
            udev.pull(device)
        assert [door.take() for _ in range(3)] == [
            ("left", CHERRY, True),
            ("right", DELL, True),
            ("left", None, True),
        ]
    assert door.told.empty()
    assert not [one for one in threading.enumerate() if one.name == "hotplug"]


def test_a_keyboard_with_a_hub_is_told_as_a_hub_and_where(
    config: StationConfig, udev: RecordedUdev
) -> None:
    """The keyboard in it is behind one of the hub's own ports."""
    door = Porter()
    with watching(config, door, udev):
        udev.plug(usb("1-2.1", "05ac:1006", interfaces=":090000:", product=b"Keyboard Hub"))
        told = PluggedDevice("05ac:1006", product="Keyboard Hub", hub_at="1-2.1")
        assert door.take() == ("left", told, True)


def test_what_was_there_already_is_told_as_that(config: StationConfig, udev: RecordedUdev) -> None:
    udev.plugged += [ELSEWHERE, RIGHT]
    door = Porter()
    with watching(config, door, udev):
        assert door.take() == ("right", DELL, False)
        udev.plug(LEFT)
        assert door.take() == ("left", CHERRY, True)


HUB = usb("1-2", "0424:2514", interfaces=":090000:")


def test_what_comes_with_its_hub_was_not_plugged_in_just_now(
    config: StationConfig, udev: RecordedUdev
) -> None:
    """A hub that was without power, or whose cable is loose, brings back every slot's device."""
    door, now_s = Porter(), [100.0]
    with watching(config, door, udev, monotonic=lambda: now_s[0]):
        for device in (HUB, LEFT):
            udev.plug(device)
        assert door.take() == ("left", CHERRY, False)
        udev.pull(LEFT)
        assert door.take() == ("left", None, True)
        now_s[0] += HUB_FINDS_S
        udev.plug(LEFT)
        assert door.take() == ("left", CHERRY, True)


def test_a_device_that_goes_on_at_its_sockets_other_speed_is_not_gone(
    tmp_path: Path, udev: RecordedUdev
) -> None:
    (path := tmp_path / "station.toml").write_text(
        'station = "pi-1"\n'
        + SLOT.format(name="left", number=1, when="offer")
        + 'port_power = { driver = "usb_port_power", port = "1-2.1", superspeed_port = "2-2.1" }'
    )
    fast, door = replace(LEFT, sys_path=LEFT.sys_path.replace("1-2", "2-2")), Porter()
    with watching(load(path), door, udev):
        for device in (LEFT, fast):
            udev.plug(device)
            assert door.take() == ("left", CHERRY, True)
        udev.pull(LEFT)
        assert door.take() == ("left", CHERRY, False)
        udev.pull(fast)
        assert door.take() == ("left", None, True)


class Hasty(RecordedUdev):
    """A device that is pulled while the station is still looking at what is there."""

    def monitor(self) -> RecordedMonitor:
        made = super().monitor()
        made.send(replace(RIGHT, attributes={}, properties={}, action="remove"))
        return made


def test_one_that_goes_while_the_watch_begins_is_gone_in_the_end(config: StationConfig) -> None:
    udev, door = Hasty(RIGHT), Porter()
    with watching(config, door, udev):
        assert [door.take(), door.take()] == [("right", DELL, False), ("right", None, True)]
    for monitor in udev.monitors:
        monitor.close()


class NoUdev(RecordedUdev):
    def monitor(self) -> RecordedMonitor:
        raise NotConnected("udev: no netlink here")


def test_a_watch_that_cannot_begin_is_logged_and_stops_nothing(
    config: StationConfig, caplog: pytest.LogCaptureFixture
) -> None:
    door = Porter()
    with caplog.at_level(logging.WARNING), watching(config, door, NoUdev(LEFT)):
        assert "not noticed: udev: no netlink here" in caplog.text
    assert door.told.empty()


def test_where_no_slot_wants_to_know_nobody_looks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (path := tmp_path / "station.toml").write_text(
        'station = "pi-1"\n' + SLOT.format(name="left", number=1, when="ignore")
    )
    with caplog.at_level(logging.WARNING), watching(load(path), Porter(), NoUdev(LEFT)):
        assert caplog.text == ""


def test_lost_events_are_logged_and_what_changed_is_told(
    config: StationConfig, udev: RecordedUdev, caplog: pytest.LogCaptureFixture
) -> None:
    door = Porter()
    with caplog.at_level(logging.WARNING), watching(config, door, udev):
        udev.plugged.append(LEFT)
        udev.monitors[-1].send(OSError("No buffer space available"))
        assert door.take() == ("left", CHERRY, True)
        assert "may have been missed: OSError: No buffer space available" in caplog.text


def test_what_a_device_says_is_cut_and_cannot_steer_a_terminal() -> None:
    found = UsbPeripheral("1-2.1", 0x46A, 0x11, "s" * 126, "\x1b[2JEvil", "p" * 126, ())
    told = describe(found)
    assert told.usb_id == "046a:0011"
    assert told.maker == "[2JEvil"
    assert (len(told.product), len(told.serial_number)) == (81, 81)

"""Devices that come and go, as the station's watch tells them from the kernel's own events."""

import queue
import time
from collections.abc import Iterator
from typing import TypeVar

import pytest

from drivers.linux.discovery import I2cAdapter, SerialPort, UsbPeripheral, scan
from drivers.linux.hotplug import Hotplug, watch

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.console import FREE_PORT
from virtual_rig.guest.hands import Hands

pytest_plugins = ["virtual_rig.guest.fixtures"]

What = TypeVar("What")

KEYBOARD_CLASS = (3, 1, 1)
FTDI, CDC_ACM = "1-2", "3-2"


class Events:
    """The events that a watch has told so far."""

    def __init__(self) -> None:
        self.told: queue.Queue[Hotplug] = queue.Queue()

    def next(self, kind: str, port: str, what: type[What], within_s: float = 10.0) -> What:
        """Return the subject of the next event of that kind at that port; pass over others."""
        give_up_s = time.monotonic() + within_s
        while True:
            event = self.told.get(timeout=max(0.0, give_up_s - time.monotonic()))
            if (event.kind, event.port) == (kind, port) and isinstance(event.what, what):
                return event.what


@pytest.fixture
def events(hands: Hands) -> Iterator[Events]:
    events = Events()
    with watch(events.told.put):
        yield events


def test_what_is_plugged_in_is_found(hands: Hands) -> None:
    found = scan()
    serial = {one.port for one in found if isinstance(one, SerialPort)}
    assert {"usb:1-1", "usb:1-2", "usb:3-1", "usb:3-2"} <= serial
    buses = {one.bus for one in found if isinstance(one, I2cAdapter)}
    assert {0, 1, 2} <= buses


def test_a_keyboard_is_announced_with_its_port_and_what_it_is(hands: Hands, events: Events) -> None:
    hands.plug_keyboard(FREE_PORT, serial_number="KB7")
    keyboard = events.next("add", FREE_PORT, UsbPeripheral)
    assert (keyboard.vendor_id, keyboard.product_id) == (0x1209, 0x7002)
    assert keyboard.serial_number == "KB7"
    assert keyboard.interfaces == (KEYBOARD_CLASS,)
    hands.pull(FREE_PORT)
    assert events.next("remove", FREE_PORT, UsbPeripheral) == keyboard


@pytest.mark.parametrize("port", [FTDI, CDC_ACM], ids=["ftdi_sio", "cdc_acm"])
def test_an_instrument_that_goes_and_comes_back_is_told(
    hands: Hands, events: Events, port: str
) -> None:
    hands.pull(port)
    before = events.next("remove", port, SerialPort)
    hands.replug(port)
    back = events.next("add", port, SerialPort)
    assert (back.port, back.serial_number) == (before.port, before.serial_number)


def test_plugging_three_times_is_told_three_times(hands: Hands, events: Events) -> None:
    for _ in range(3):
        hands.plug_keyboard(FREE_PORT)
        events.next("add", FREE_PORT, UsbPeripheral)
        hands.pull(FREE_PORT)
        events.next("remove", FREE_PORT, UsbPeripheral)

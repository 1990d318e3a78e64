"""The ports of a station's slots, watched: a device is in slot X now, or gone from it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Protocol

from drivers.formats import usb_ports
from drivers.formats.text import clean
from drivers.linux.discovery import UsbPeripheral
from drivers.linux.hotplug import Hotplug, watch
from drivers.linux.udev import Udev
from records import tags
from station.console import PluggedDevice
from station.rig.config import StationConfig

log = logging.getLogger(__name__)

HUB = 0x09  # bInterfaceClass: USB 2.0, 11.23.1
MOST_CHARACTERS = tags.MOST_CHARACTERS + 1  # with the mark of a cut: what was cut is no tag
HUB_FINDS_S = 10.0
"""A device that follows its hub within this time was behind the hub when that was plugged."""


class Door(Protocol):
    """The listener to devices: `StationService` is one. May be called from the watch's thread."""

    def plugged(self, slot: str, device: PluggedDevice, *, just_now: bool) -> None: ...
    def unplugged(self, slot: str) -> None: ...


@contextmanager
def watching(
    config: StationConfig,
    door: Door,
    udev: Udev | None = None,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Tell `door` which devices are in the slots, come and go, while the context lasts.

    Where ports cannot be watched, that is logged, and the operator's scans start runs as ever.
    """
    ports = {
        port: slot.name
        for slot in config.slots.values()
        if slot.when_plugged != "ignore"
        for port in slot.device_ports()
    }
    with ExitStack() as closing:
        if ports:
            try:
                _Ports(ports, door, monotonic).watch(closing, udev)
            except Exception as error:
                log.warning("what is plugged into slots is not noticed: %s", error)
        yield


def describe(found: UsbPeripheral) -> PluggedDevice:
    """Return the device's words, cut short: it may say 126 characters, and anything."""
    return PluggedDevice(
        usb_id=f"{found.vendor_id:04x}:{found.product_id:04x}",
        maker=clean(found.maker, MOST_CHARACTERS),
        product=clean(found.product, MOST_CHARACTERS),
        serial_number=clean(found.serial_number, MOST_CHARACTERS),
        hub_at=found.port if any(each[0] == HUB for each in found.interfaces) else "",
    )


class _Ports:
    """`ports` are USB ports, each with its slot; a blue socket is two of them."""

    def __init__(
        self, ports: Mapping[str, str], door: Door, monotonic: Callable[[], float]
    ) -> None:
        self._ports = ports
        self._door = door
        self._monotonic = monotonic
        self._here: dict[str, UsbPeripheral] = {}
        self._came_s: dict[str, float] = {}
        self._in_order = threading.Lock()

    def watch(self, closing: ExitStack, udev: Udev | None) -> None:
        with self._in_order:  # what happens from now on is told after what was there
            begun = closing.enter_context(watch(self._hear, udev))
            for found in begun.present:
                if isinstance(found, UsbPeripheral):
                    self._there(found, just_now=False)

    def _hear(self, event: Hotplug) -> None:
        with self._in_order:
            if event.kind == "error":
                log.warning("what was plugged in may have been missed: %s", event.reason)
            elif isinstance(event.what, UsbPeripheral):
                if event.kind == "add":
                    self._came_s[event.port] = self._monotonic()
                    self._there(event.what, just_now=not self._came_with_its_hub(event.port))
                else:
                    self._gone(event.port)

    def _there(self, found: UsbPeripheral, *, just_now: bool) -> None:
        if found.port in self._ports:
            self._here[found.port] = found
            self._door.plugged(self._ports[found.port], describe(found), just_now=just_now)

    def _gone(self, port: str) -> None:
        if port not in self._ports:
            return
        self._here.pop(port, None)
        slot = self._ports[port]
        others = [found for where, found in self._here.items() if self._ports[where] == slot]
        if others:  # it went on at the other speed
            self._door.plugged(slot, describe(others[0]), just_now=False)
        else:
            self._door.unplugged(slot)

    def _came_with_its_hub(self, port: str) -> bool:
        now_s = self._monotonic()
        return any(
            now_s - self._came_s.get(str(hub), float("-inf")) < HUB_FINDS_S
            for hub in usb_ports.parse(port).hubs()
        )

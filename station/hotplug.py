"""The ports of a station's slots, watched: a device is in slot X now, or gone from it."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Protocol

from drivers.discovery import Found, Hotplug, Udev, UsbPeripheral, watch
from station.config import StationConfig
from station.console import PluggedDevice

log = logging.getLogger(__name__)

MOST_LETTERS = 80


class Door(Protocol):
    """What is told; `StationService` is one. May be called from the watch's thread."""

    def plugged(self, slot: str, device: PluggedDevice, *, just_now: bool) -> None: ...
    def unplugged(self, slot: str) -> None: ...


@contextmanager
def watching(config: StationConfig, door: Door, udev: Udev | None = None) -> Iterator[None]:
    """Tells `door` what is in the slots and what comes and goes, while the context lasts.

    Where nobody can watch, that is logged, and the operator's scans start runs as ever.
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
                _Ports(ports, door).watch(closing, udev)
            except Exception as error:
                log.warning("what is plugged into slots is not noticed: %s", error)
        yield


def describe(found: UsbPeripheral) -> PluggedDevice:
    """What the device says, cut short: it may say 126 characters, and anything."""
    return PluggedDevice(
        usb_id=f"{found.vendor_id:04x}:{found.product_id:04x}",
        maker=_short(found.maker),
        product=_short(found.product),
        serial_number=_short(found.serial_number),
    )


class _Ports:
    """`ports` are USB ports, each with its slot."""

    def __init__(self, ports: Mapping[str, str], door: Door) -> None:
        self._ports = ports
        self._door = door
        self._in_order = threading.Lock()

    def watch(self, closing: ExitStack, udev: Udev | None) -> None:
        with self._in_order:  # what happens from now on is told after what was there
            begun = closing.enter_context(watch(self._hear, udev))
            for found in begun.present:
                self._there(found, just_now=False)

    def _hear(self, event: Hotplug) -> None:
        with self._in_order:
            if event.kind == "error":
                log.warning("what was plugged in may have been missed: %s", event.reason)
            elif event.kind == "add":
                self._there(event.what, just_now=True)
            elif isinstance(event.what, UsbPeripheral) and event.port in self._ports:
                self._door.unplugged(self._ports[event.port])

    def _there(self, found: Found | None, *, just_now: bool) -> None:
        if isinstance(found, UsbPeripheral) and found.port in self._ports:
            self._door.plugged(self._ports[found.port], describe(found), just_now=just_now)


def _short(said: str) -> str:
    text = "".join(letter for letter in said if letter.isprintable()).strip()
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"

"""The buses of this computer, opened when they are first asked for."""

import contextlib
import os
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

from drivers.buses import ByteStream, I2cBus, Screen, Time, UsbDevice
from drivers.errors import NotPermitted

if TYPE_CHECKING:  # each costs tens of milliseconds and most benches need one or two
    from drivers.linux.drm_card import Card
    from drivers.linux.i2c_dev import I2cDev
    from drivers.linux.kms import KmsScreen
    from drivers.linux.serial_line import SerialLine
    from drivers.linux.udev import SystemUdev
    from drivers.linux.usb_device import PyusbDevice


class LocalHardware:
    """Implements `drivers.buses.Hardware` on this computer.

    A serial port, a USB port or a screen has one owner, and can be opened again after the owner has
    closed it. An I²C bus is shared, and so is a USB hub, as no driver claims an interface of a hub.
    An idle bus and a closed port keep no file open; `close` closes the rest. Threads may share it.
    """

    def __init__(self) -> None:
        self.time: Time = time
        self._lock = threading.RLock()
        self._udev: SystemUdev | None = None
        self._lines: dict[str, SerialLine] = {}
        self._buses: dict[int, I2cDev] = {}
        self._devices: list[PyusbDevice] = []
        self._cards: dict[str, Card] = {}
        self._screens: dict[str, KmsScreen] = {}

    def serial(self, port: str, *, baudrate: int, timeout_s: float = 1.0) -> ByteStream:
        """Open a serial port by its name, as `drivers.formats.serial_ports` has it."""
        from drivers.linux.discovery import resolve_serial
        from drivers.linux.serial_line import SerialLine
        from drivers.linux.udev import SystemUdev

        with self._lock:
            self._udev = self._udev or SystemUdev()
            path = os.path.realpath(resolve_serial(port, self._udev))
            owner = self._lines.get(path)
            if owner is not None and not owner.closed:
                raise NotPermitted(f"{port}: already open in this program, as {owner.name}")
            name = port if port == path else f"{port} ({path})"
            line = SerialLine(path, baudrate=baudrate, timeout_s=timeout_s, name=name)
            self._lines[path] = line
            return line

    def i2c(self, bus: int) -> I2cBus:
        """Open `/dev/i2c-<bus>`. All callers share one bus and its lock."""
        from drivers.linux.i2c_dev import I2cDev

        with self._lock:
            if bus not in self._buses:
                self._buses[bus] = I2cDev(bus)
            shared = self._buses[bus]
        shared.check()  # its adapter may have been pulled since
        return shared

    def usb(self, port: str) -> UsbDevice:
        """Open the device at a physical USB port, such as `1-1.4`."""
        from drivers.linux.usb import open_port

        with self._lock:
            self._check_free(port)
        device = open_port(port)  # outside of the lock: a device that hangs takes seconds
        with self._lock:
            try:
                self._check_free(port)  # another thread may have been as fast
            except NotPermitted:
                device.close()
                raise
            self._devices.append(device)
        return device

    def _check_free(self, port: str) -> None:
        self._devices = [each for each in self._devices if not each.closed]
        if any(each.port == port and not each.is_hub and each.is_there() for each in self._devices):
            raise NotPermitted(f"USB port {port}: already open in this program")

    def screen(self, connector: str) -> Screen:
        """Open the video output with the kernel's name `connector`, such as `HDMI-A-1`."""
        from drivers.linux.drm_card import Card, find_card
        from drivers.linux.kms import KmsScreen

        with self._lock:
            owner = self._screens.get(connector)
            if owner is not None and not owner.closed:
                raise NotPermitted(f"{connector}: already open in this program")
            path = find_card(connector)
            if path not in self._cards:  # one for all its outputs: a card has one master
                self._cards[path] = Card(path)
            screen = self._screens[connector] = KmsScreen(self._cards[path], connector)
            return screen

    def close(self) -> None:
        """Close all open ports and screens, even where some fail. It can be closed twice."""
        with self._lock, contextlib.ExitStack() as closing:
            for screen in self._screens.values():
                closing.callback(screen.close)
            for device in self._devices:
                closing.callback(device.close)
            for line in self._lines.values():
                closing.callback(line.close)
            self._screens.clear()
            self._devices.clear()
            self._lines.clear()

    def __enter__(self) -> "LocalHardware":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

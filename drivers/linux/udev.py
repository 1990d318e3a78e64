"""Devices as udev knows them: what the station uses of pyudev, and the system's own udev."""

import functools
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pyudev

from drivers.errors import NotConnected


class Attributes(Protocol):
    def get(self, name: str, /) -> bytes | None: ...


class Device(Protocol):
    """The part of `pyudev.Device` that is used here."""

    @property
    def subsystem(self) -> str | None: ...
    @property
    def device_type(self) -> str | None: ...
    @property
    def sys_name(self) -> str: ...
    @property
    def sys_path(self) -> str: ...
    @property
    def device_node(self) -> str | None: ...
    @property
    def action(self) -> str | None: ...
    @property
    def attributes(self) -> Attributes: ...
    @property
    def properties(self) -> Mapping[str, str]: ...
    @property
    def parent(self) -> "Device | None": ...
    def find_parent(self, subsystem: str, device_type: str | None = None, /) -> "Device | None": ...


class Monitor(Protocol):
    """The part of `pyudev.Monitor` that is used here. It listens already."""

    def fileno(self) -> int: ...
    def poll(self, timeout: float, /) -> Device | None: ...


class Udev(Protocol):
    """The system's udev, or a recording of one."""

    def devices(self, subsystem: str, *, below: str = "") -> Iterable[Device]:
        """Return the devices of a subsystem.

        With `below`, only those with that text in their sysfs path are needed.
        """

    def monitor(self) -> Monitor: ...


class SystemUdev:
    """The system's udev. One thread at a time may use it, as libudev allows no more.

    Keep the object: to load libudev, Python runs ldconfig, which takes a process.
    """

    @functools.cached_property
    def _context(self) -> pyudev.Context:
        try:
            return pyudev.Context()
        except ImportError as error:
            raise NotConnected(f"udev: {error}; `apt install libudev1` brings it") from error

    def devices(self, subsystem: str, *, below: str = "") -> Iterable[Device]:
        if below:
            return self._below(below, subsystem)
        devices: Iterable[Device] = self._context.list_devices(subsystem=subsystem)
        return devices

    def _below(self, part: str, subsystem: str) -> Iterable[Device]:
        """Return devices by their path alone: libudev would read files of each of the 80 ttys."""
        with suppress(FileNotFoundError):
            for link in Path("/sys/class", subsystem).iterdir():
                with suppress(OSError, pyudev.DeviceNotFoundError):  # pulled just now
                    if part in os.readlink(link):
                        path = os.path.realpath(link)
                        yield pyudev.Devices.from_sys_path(self._context, path)

    def monitor(self) -> Monitor:
        monitor: Any = pyudev.Monitor.from_netlink(self._context)
        monitor.filter_by("usb", "usb_device")
        for subsystem in ("tty", "i2c-dev", "drm"):
            monitor.filter_by(subsystem)
        monitor.start()
        listening: Monitor = monitor
        return listening

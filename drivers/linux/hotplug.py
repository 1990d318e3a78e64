"""Changes of what is plugged in: a thread that listens to udev and calls back.

watch(callback)     what is there now, and each change from then on
"""

import logging
import os
import select
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, NamedTuple

from drivers.linux.discovery import (
    Connector,
    Found,
    I2cAdapter,
    SerialPort,
    UsbPeripheral,
    describe,
    scan_by_path,
)
from drivers.linux.udev import Device, SystemUdev, Udev

_log = logging.getLogger(__name__)

_RETRY_S = 1.0


class Hotplug(NamedTuple):
    """A device came or went, or a video output changed.

    `port` is the place: `1-1.2`, `i2c-1`, `HDMI-A-1`, or the device path where it is not on USB.
    An `error` says in `reason` why events may have been lost. The watch goes on by itself, and
    changes that it missed follow as ordinary events.
    """

    kind: Literal["add", "remove", "change", "error"]
    port: str
    what: Found | None
    reason: str = ""


class Watch:
    """Calls back on every change until it is closed, in a thread of its own.

    `present` is what was plugged in at the beginning. No change between that and the first callback
    is missed or told twice. A callback that raises is logged, and the next event is delivered.
    """

    def __init__(self, callback: Callable[[Hotplug], None], udev: Udev) -> None:
        self._callback = callback
        self._udev = udev
        self._monitor = udev.monitor()  # before the scan: a device that comes in between is in both
        self._known = scan_by_path(udev)
        self.present = tuple(self._known.values())
        self._close_once = threading.Lock()
        self._closing = False
        self._wake = os.eventfd(0)
        self._thread = threading.Thread(target=self._run, name="hotplug", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the watch: no callback begins after this returns. The callback may call it."""
        with self._close_once:
            if not self._closing:
                os.eventfd_write(self._wake, 1)  # first: the thread closes it once it may end
                self._closing = True
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while not self._closing:
                try:
                    self._listen()
                except Exception as error:
                    self._tell(Hotplug("error", "", None, f"{type(error).__name__}: {error}"))
                    self._begin_again()
        finally:
            os.close(self._wake)

    def _listen(self) -> None:
        waiting = select.poll()
        waiting.register(self._wake, select.POLLIN)
        waiting.register(self._monitor.fileno(), select.POLLIN)
        while not self._closing:
            waiting.poll()
            while not self._closing and (device := self._monitor.poll(0)) is not None:
                self._take(device)

    def _begin_again(self) -> None:
        """Open a new monitor, and tell what changed since the old one last worked."""
        while not self._closing:
            try:
                self._monitor = self._udev.monitor()
                self._compare(scan_by_path(self._udev))
            except Exception:
                _log.exception("udev does not answer, next try in %g s", _RETRY_S)
                select.select([self._wake], [], [], _RETRY_S)
            else:
                return

    def _take(self, device: Device) -> None:
        match device.action, device.subsystem:
            case "add", _:
                if (found := describe(device, self._udev)) is not None:
                    self._compare({**self._known, device.sys_path: found})
            case "remove", _:
                self._compare(
                    {path: known for path, known in self._known.items() if path != device.sys_path}
                )
            case "change", "drm":  # the card says so, for all of its connectors
                others: dict[str, Found] = {
                    path: known
                    for path, known in self._known.items()
                    if not isinstance(known, Connector)
                }
                self._compare(others | scan_by_path(self._udev, ["drm"]))

    def _compare(self, now: dict[str, Found]) -> None:
        before, self._known = self._known, now
        for path, known in before.items():
            if path not in now:
                self._tell(Hotplug("remove", where(known), known))
        for path, found in now.items():
            known_before = before.get(path)
            if found == known_before:
                continue
            if isinstance(found, Connector) and known_before is not None:
                self._tell(Hotplug("change", where(found), found))
                continue
            if known_before is not None:
                self._tell(Hotplug("remove", where(known_before), known_before))
            self._tell(Hotplug("add", where(found), found))

    def _tell(self, event: Hotplug) -> None:
        if self._closing:
            return
        try:
            self._callback(event)
        except Exception:
            _log.exception("the callback failed on %s", event)


def watch(callback: Callable[[Hotplug], None], udev: Udev | None = None) -> Watch:
    """Begin to watch what is plugged in. Close the watch, or use it as a context manager."""
    return Watch(callback, udev or SystemUdev())


def where(found: Found) -> str:
    """Return the place of a device, as `Hotplug.port` has it."""
    match found:
        case SerialPort(port="", path=path):
            return path
        case SerialPort(port=port):
            return port.removeprefix("usb:")
        case UsbPeripheral(port=port):
            return port
        case I2cAdapter(bus=bus):
            return f"i2c-{bus}"
        case Connector(name=name):
            return name

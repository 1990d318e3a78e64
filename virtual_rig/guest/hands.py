"""A test's hands: inside the guest it has things outside plugged, unplugged, pressed, broken.

The far ends are on the host; a command goes there as one JSON line. To plug something into the
guest's own USB/IP controller is the guest's part.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from drivers.formats import usb_ports
from virtual_rig.far_ends import usbip

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
DEVICES = Path("/sys/bus/usb/devices")
FREE_PORT = "004"  # VDEV_ST_NULL in Linux drivers/usb/usbip/usbip_common.h
DEVICE_ID = 0x10002  # bus 1, device 2 at the exporting end; it is not evaluated
ENVIRONMENT = "PACE_VIRTUAL_RIG"

GOLDEN_KEYBOARD: dict[str, object] = {"serial_number": "GOLDEN-1", "layout": "iso-105"}
"""The keyboard in a keyboard slot unless a test has put something else there."""

Found = TypeVar("Found")


class RigRefused(Exception):
    """The far end did not do it; quotes the command and why."""


class Where(NamedTuple):
    """The addresses by which the guest reaches the host. In the environment `address:port:port`."""

    host: str
    control_port: int
    usbip_port: int

    @classmethod
    def parse(cls, text: str) -> "Where":
        host, control, usb = text.split(":")
        return cls(host, int(control), int(usb))

    def __str__(self) -> str:
        return ":".join(map(str, self))


class Hands:
    """One connection to the far ends. Safe to share between threads."""

    def __init__(self, where: Where, timeout_s: float = 20.0) -> None:
        self._where = where
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._connection = socket.create_connection((where.host, where.control_port), timeout_s)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._connection.makefile("rb")

    @classmethod
    def from_environment(cls) -> "Hands | None":
        """Connect to the far ends; None where no virtual rig is around us."""
        where = os.environ.get(ENVIRONMENT)
        return cls(Where.parse(where)) if where else None

    def ask(self, command: str, **arguments: object) -> Any:
        """Have a method of `control.Control` called. Raises `RigRefused`."""
        line = json.dumps({"do": command, "with": arguments}).encode() + b"\n"
        with self._lock:
            self._connection.sendall(line)
            answer = json.loads(self._lines.readline() or b'{"error": "the rig hung up"}')
        if "error" in answer:
            raise RigRefused(f"{command} {arguments} → {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        self._lines.close()
        self._connection.close()

    def attach(self, port: str) -> None:
        """Plug in what the far end offers for the USB port, such as `3-7`."""
        place = usb_ports.parse(port)
        if not (VHCI / place.hub.sysfs_name).exists():
            raise ValueError(f"USB port {port} is not one of the USB/IP controller's")
        hub_port = place.number - 1
        wait_for(lambda: _port_status(hub_port) == FREE_PORT, f"{port} to be free")
        address = (self._where.host, self._where.usbip_port)
        descriptor, speed = usbip.import_device(address, port, self._timeout_s)
        try:
            request = f"{hub_port} {descriptor} {DEVICE_ID} {speed}"
            (VHCI / "attach").write_text(request)
        finally:
            os.close(descriptor)  # the kernel has its own by now

    def plug_keyboard(self, port: str, **settings: object) -> None:
        """Put a keyboard into a port; its settings are `Control.offer_keyboard`'s."""
        self.ask("offer_keyboard", port=port, **settings)
        self.attach(port)

    def replug(self, port: str) -> None:
        """Plug an instrument in again that `pull` took out."""
        if self.ask("restore", port=port):
            self.attach(port)

    def pull(self, port: str) -> None:
        """Pull the USB cable at `port`, of whatever device; back when the kernel knows."""
        self.ask("pull", port=port)
        wait_for(lambda: not (DEVICES / port).exists(), f"what was at {port} to be gone")


def has_serial_port(port: str) -> bool:
    """Tell whether the device at `port` has a serial port that we may open now; quick to poll."""
    interfaces = DEVICES.glob(f"{port}/{port}:*")
    ttys = (tty.name for one in interfaces for tty in (*one.glob("ttyUSB*"), *one.glob("tty/*")))
    return any(os.access(f"/dev/{name}", os.W_OK) for name in ttys)


def wait_for(look: Callable[[], Found], what: str, timeout_s: float = 15.0) -> Found:
    """Wait for `look` to find something, and return it. Raises `TimeoutError`."""
    give_up_s = time.monotonic() + timeout_s
    while True:
        if found := look():
            return found
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(0.05)  # to look costs an emulated processor much of that


def _port_status(hub_port: int) -> str:
    """Lines are `hs  0006 004 000 00000000 000000 0-0`: hub, port, status, speed, …"""
    for line in (VHCI / "status").read_text().splitlines():
        with contextlib.suppress(ValueError, IndexError):
            hub, number, status = line.split()[:3]
            if hub == "hs" and int(number) == hub_port:
                return status
    raise ValueError(f"the USB/IP controller has no port {hub_port}")

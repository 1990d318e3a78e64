"""A udev in memory: recorded devices, and a computer whose plugs are in the test's hands."""

import errno
import os
import queue
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from drivers.linux.discovery import (
    SerialPort,
    UsbPeripheral,
)
from drivers.linux.udev import Device


@dataclass(frozen=True)
class Recorded:
    """A device as udev shows it."""

    subsystem: str
    sys_path: str
    device_type: str | None = None
    device_node: str | None = None
    attributes: Mapping[str, bytes] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    parent: "Recorded | None" = None
    action: str | None = None

    @property
    def sys_name(self) -> str:
        return self.sys_path.rpartition("/")[2]

    def find_parent(self, subsystem: str, device_type: str | None = None, /) -> "Recorded | None":
        above = self.parent
        while above is not None and (
            above.subsystem != subsystem or device_type not in (None, above.device_type)
        ):
            above = above.parent
        return above


class RecordedMonitor:
    """Events wait in it until they are taken; an exception in it is raised."""

    def __init__(self) -> None:
        self._waiting = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
        self._events: queue.SimpleQueue[Recorded | Exception] = queue.SimpleQueue()

    def send(self, event: Recorded | Exception) -> None:
        self._events.put(event)
        os.eventfd_write(self._waiting, 1)

    def fileno(self) -> int:
        return self._waiting

    def poll(self, timeout: float, /) -> Device | None:
        assert timeout == 0
        try:
            os.eventfd_read(self._waiting)
        except BlockingIOError:
            return None
        event = self._events.get()
        if isinstance(event, Exception):
            raise event
        return event

    def close(self) -> None:
        os.close(self._waiting)


class RecordedUdev:
    """A computer whose plugs are in the test's hands."""

    def __init__(self, *devices: Recorded) -> None:
        self.plugged = list(devices)
        self.monitors: list[RecordedMonitor] = []
        self.fails = 0

    def devices(self, subsystem: str, *, below: str = "") -> Iterable[Device]:
        if self.fails:
            self.fails -= 1
            raise OSError(errno.EIO, "Input/output error")
        return [
            device
            for device in self.plugged
            if device.subsystem == subsystem and below in device.sys_path
        ]

    def monitor(self) -> RecordedMonitor:
        self.monitors.append(RecordedMonitor())
        return self.monitors[-1]

    def plug(self, device: Recorded) -> None:
        self.plugged.append(device)
        self.monitors[-1].send(replace(device, action="add"))

    def pull(self, device: Recorded) -> None:
        self.plugged.remove(device)
        # The kernel has taken sysfs away by the time anybody hears of it.
        self.monitors[-1].send(replace(device, attributes={}, properties={}, action="remove"))

    def change(self, before: Recorded, after: Recorded, announced_by: Recorded) -> None:
        self.plugged[self.plugged.index(before)] = after
        self.monitors[-1].send(replace(announced_by, action="change"))


HUB = "/sys/devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb1/1-1"


def usb(port: str, ids: str, *, interfaces: str = "", **strings: bytes) -> Recorded:
    vendor, _, product = ids.partition(":")
    attributes = {"idVendor": vendor.encode(), "idProduct": product.encode()} | strings
    return Recorded(
        "usb",
        f"{HUB}/{port}",
        device_type="usb_device",
        attributes=attributes,
        properties={"ID_USB_INTERFACES": interfaces},
    )


def tty(name: str, device: Recorded, interface: str = "1.0", *, by_id: str = "") -> Recorded:
    above = Recorded(
        "usb",
        f"{device.sys_path}/{device.sys_name}:{interface}",
        device_type="usb_interface",
        parent=device,
    )
    links = f"/dev/serial/by-path/{name} /dev/serial/by-id/{by_id}" if by_id else ""
    return Recorded(
        "tty",
        f"{above.sys_path}/{name}/tty/{name}",
        device_node=f"/dev/{name}",
        properties={"DEVLINKS": links},
        parent=Recorded("usb-serial", f"{above.sys_path}/{name}", parent=above),
    )


FTDI = usb(
    "1-1.2",
    "0403:6001",
    interfaces=":ffffff:",
    serial=b"A50285BI",
    manufacturer=b"FTDI",
    product=b"FT232R USB UART",
)
FTDI_TTY = tty("ttyUSB0", FTDI, by_id="usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0")
CH340 = usb("1-1.3", "1a86:7523", interfaces=":ff0102:", product=b"USB Serial")
CH340_TTY = tty("ttyUSB1", CH340)
TWO_PORTS = usb("1-1.4.1", "0403:6010", serial=b"FT7X", interfaces=":ffffff:")
FIRST, SECOND = tty("ttyUSB2", TWO_PORTS, "1.0"), tty("ttyUSB3", TWO_PORTS, "1.1")
KEYBOARD = usb(
    "1-1.10",
    "046d:c31c",
    interfaces=":030101:030000:",
    manufacturer=b"Logitech",
    product=b"USB Keyboard",
)
ROOT_HUB = Recorded("usb", f"{HUB.removesuffix('/1-1')}", device_type="usb_device")
UART = Recorded(
    "tty",
    "/sys/devices/platform/soc/fe201000.serial/tty/ttyAMA0",
    device_node="/dev/ttyAMA0",
    attributes={"type": b"32"},
    parent=Recorded("amba", "/sys/devices/platform/soc/fe201000.serial"),
)
NO_UART = Recorded(
    "tty",
    "/sys/devices/platform/serial8250/tty/ttyS1",
    device_node="/dev/ttyS1",
    attributes={"type": b"0"},
    parent=Recorded("platform", "/sys/devices/platform/serial8250"),
)
CONSOLE = Recorded("tty", "/sys/devices/virtual/tty/tty1", device_node="/dev/tty1")

FTDI_PORT = SerialPort(
    path="/dev/ttyUSB0",
    by_id="/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0",
    port="usb:1-1.2",
    exact="usb:1-1.2:1.0",
    serial_number="A50285BI",
    maker="FTDI",
    product="FT232R USB UART",
    vendor_id=0x0403,
    product_id=0x6001,
)
FTDI_ITSELF = UsbPeripheral(
    port="1-1.2",
    vendor_id=0x0403,
    product_id=0x6001,
    serial_number="A50285BI",
    maker="FTDI",
    product="FT232R USB UART",
    interfaces=((255, 255, 255),),
)


def adapter(bus: int, name: bytes, parent: Recorded | None = None) -> Recorded:
    return Recorded(
        "i2c-dev",
        f"/sys/devices/platform/soc/i2c-{bus}/i2c-dev/i2c-{bus}",
        attributes={"name": name},
        parent=parent,
    )


def graphics_card(folder: Path) -> dict[str, Recorded]:
    """Record a Pi's card with two HDMI outputs, the first of which says where its DDC is."""
    card = Recorded("drm", f"{folder}/card1", device_type="drm_minor")
    outputs = {}
    for name, status in (("HDMI-A-1", b"connected\n"), ("HDMI-A-2", b"disconnected\n")):
        path = folder / f"card1-{name}"
        path.mkdir()
        outputs[name] = Recorded(
            "drm",
            str(path),
            device_type="drm_connector",
            attributes={"status": status},
            parent=card,
        )
    (folder / "card1-HDMI-A-1" / "ddc").symlink_to("../../../fef04500.i2c/i2c-20")
    return outputs | {"card": card, "render": Recorded("drm", f"{folder}/renderD128")}

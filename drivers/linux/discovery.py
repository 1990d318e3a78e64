"""The devices that are plugged in, from udev: by port and serial number, never by ttyUSB number.

    scan()              all that is plugged in now
    resolve_serial()    the device path of `usb:1-1.2` or `serial:A50285BI`, as it is now

The strings of a device are cleaned by `drivers.formats.text`, and may be lies.

Sources: Linux Documentation/ABI (sysfs-bus-usb, sysfs-class-drm), udev's usb_id.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from drivers.errors import NotConnected
from drivers.formats import serial_ports
from drivers.formats.text import clean
from drivers.linux.udev import Device, SystemUdev, Udev

_PARTS = re.compile(r"\d+|\D+").findall
_INTERFACE = re.compile(r"[0-9a-f]{6}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,4}")


class SerialPort(NamedTuple):
    """A serial port with hardware behind it. Its `path` may change when it is plugged in again.

    `port` is `usb:1-1.2`, and `exact` is `usb:1-1.2:1.0`, which tells the several serial ports of
    one device apart; both are empty where the port is not on USB.
    """

    path: str
    by_id: str
    port: str = ""
    exact: str = ""
    serial_number: str = ""
    maker: str = ""
    product: str = ""
    vendor_id: int = 0
    product_id: int = 0


class UsbPeripheral(NamedTuple):
    """A USB device, root hubs excepted. `interfaces` are (class, subclass, protocol), each once."""

    port: str
    vendor_id: int
    product_id: int
    serial_number: str
    maker: str
    product: str
    interfaces: tuple[tuple[int, int, int], ...]


class I2cAdapter(NamedTuple):
    """An I²C bus, `/dev/i2c-<bus>`. `connector` is the video output whose DDC it is, or empty."""

    bus: int
    name: str
    connector: str


class Connector(NamedTuple):
    """A video output. `status` is connected, disconnected or unknown."""

    card: str
    name: str
    status: str


Found = SerialPort | UsbPeripheral | I2cAdapter | Connector


def scan(udev: Udev | None = None) -> tuple[Found, ...]:
    """Return all instruments, devices and outputs that are plugged in now, in a stable order."""
    return tuple(scan_by_path(udev or SystemUdev()).values())


def resolve_serial(port: str, udev: Udev | None = None) -> str:
    """Return the device path of a serial port, whose name is as `serial_ports` has it.

    Raises `NotConnected` when no serial port answers to it, or more than one does, and names those
    that are there.
    """
    name = serial_ports.parse(port)
    if name.path:
        return name.path
    udev = udev or SystemUdev()
    below = f"/{name.usb_port}/" if name.usb_port is not None else "/usb"
    ports = _serial_ports(udev.devices("tty", below=below))
    if name.serial_number:
        fitting = [found for found in ports if found.serial_number == name.serial_number]
    else:
        fitting = [found for found in ports if port in (found.port, found.exact)]
    match fitting:
        case [found]:
            return found.path
        case []:
            ports = _serial_ports(udev.devices("tty"))
            there = ", ".join(map(_advertised, ports)) or "none at all"
            raise NotConnected(f"{port}: no such serial port is plugged in; there is {there}")
        case _:
            several = ", ".join(map(_advertised, fitting))
            raise NotConnected(f"{port}: more than one serial port answers to it: {several}")


def _serial_ports(ttys: Iterable[Device]) -> list[SerialPort]:
    found = map(_describe_serial, sorted(ttys, key=_natural))
    return [port for port in found if port is not None]


def scan_by_path(
    udev: Udev, subsystems: Iterable[str] = ("tty", "usb", "i2c-dev", "drm")
) -> dict[str, Found]:
    """Return what is plugged in, by sysfs path, which stays while the device is plugged in."""
    found: dict[str, Found] = {}
    for subsystem in subsystems:
        for device in sorted(udev.devices(subsystem), key=_natural):
            if (one := describe(device, udev)) is not None:
                found[device.sys_path] = one
    return found


def _natural(device: Device) -> list[tuple[int, str]]:
    """Return the key that sorts 1-1.10 behind 1-1.9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _PARTS(device.sys_name)]


def describe(device: Device, udev: Udev) -> Found | None:
    """Describe a device. None for one that is of no use here, or that was pulled just now."""
    match device.subsystem:
        case "tty":
            return _describe_serial(device)
        case "usb" if device.device_type == "usb_device":
            return _describe_usb(device)
        case "i2c-dev":
            return _describe_i2c(device, udev)
        case "drm":
            return _describe_connector(device)
    return None


def _describe_serial(device: Device) -> SerialPort | None:
    if device.parent is None or device.device_node is None:
        return None  # a console or a pty: no hardware behind it
    if _text(device, "type") == "0":
        return None  # PORT_UNKNOWN: the kernel keeps a ttyS for a UART that is not there
    links = device.properties.get("DEVLINKS", "").split()
    by_id = [link for link in links if link.startswith("/dev/serial/by-id/")]
    found = SerialPort(path=device.device_node, by_id=min(by_id, default=""))
    usb = device.find_parent("usb", "usb_device")
    interface = device.find_parent("usb", "usb_interface")
    if usb is None or interface is None:
        return found
    return found._replace(
        port=f"usb:{usb.sys_name}",
        exact=f"usb:{interface.sys_name}",
        serial_number=_text(usb, "serial"),
        maker=_text(usb, "manufacturer"),
        product=_text(usb, "product"),
        vendor_id=_hexadecimal(_text(usb, "idVendor")) or 0,
        product_id=_hexadecimal(_text(usb, "idProduct")) or 0,
    )


def _describe_usb(device: Device) -> UsbPeripheral | None:
    vendor_id = _hexadecimal(_text(device, "idVendor"))
    product_id = _hexadecimal(_text(device, "idProduct"))
    if "-" not in device.sys_name or vendor_id is None or product_id is None:
        return None  # a root hub is at no port
    # udev has read all descriptors; the kernel shows an interface only once it is configured.
    codes = device.properties.get("ID_USB_INTERFACES", "").strip(":").split(":")
    interfaces = {
        (int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16))
        for code in codes
        if _INTERFACE.fullmatch(code)
    }
    return UsbPeripheral(
        port=device.sys_name,
        vendor_id=vendor_id,
        product_id=product_id,
        serial_number=_text(device, "serial"),
        maker=_text(device, "manufacturer"),
        product=_text(device, "product"),
        interfaces=tuple(sorted(interfaces)),
    )


def _describe_i2c(device: Device, udev: Udev) -> I2cAdapter | None:
    bus = device.sys_name.removeprefix("i2c-")
    if not bus.isdigit():
        return None
    connector = ""
    for output in udev.devices("drm"):
        with suppress(OSError):  # most have no such link
            if (Path(output.sys_path) / "ddc").readlink().name == device.sys_name:
                connector = _connector_name(output)
    if not connector and (output_above := device.find_parent("drm")) is not None:
        connector = _connector_name(output_above)  # DisplayPort's AUX channel
    return I2cAdapter(bus=int(bus), name=_text(device, "name"), connector=connector)


def _describe_connector(device: Device) -> Connector | None:
    name = _connector_name(device)
    status = _text(device, "status")
    if not name or not status or name.startswith("Writeback"):
        return None  # a card, a render node, or pictures that go back into memory
    return Connector(card=device.sys_name.partition("-")[0], name=name, status=status)


def _connector_name(device: Device) -> str:
    card, _, name = device.sys_name.partition("-")
    return name if card.startswith("card") else ""


def _text(device: Device, attribute: str) -> str:
    return clean(device.attributes.get(attribute) or b"")


def _hexadecimal(text: str) -> int | None:
    return int(text, 16) if _HEXADECIMAL.fullmatch(text) else None


def _advertised(found: SerialPort) -> str:
    """Return names to copy: `usb:1-1.2:1.0 (FTDI FT232R USB UART, serial:A50285BI)`."""
    serial_number = f"serial:{found.serial_number}" if found.serial_number else ""
    names = f"{found.maker} {found.product}".strip()
    remarks = ", ".join(filter(None, (names, serial_number)))
    return f"{found.exact or found.path} ({remarks})" if remarks else found.exact or found.path

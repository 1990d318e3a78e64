"""What is plugged in where, from udev: by physical port and serial number, never by ttyUSB number.

    scan()              what is there now
    watch(callback)     the same, and each change from then on
    resolve_serial()    the device path of `usb:1-1.2` or `serial:A50285BI`, as it is now

Strings of a device are what the device says, cleaned by `drivers.formats.text`; nothing else of
them is believed. Sources: Linux Documentation/ABI (sysfs-bus-usb, sysfs-class-drm), udev's usb_id.
"""

import functools
import logging
import os
import re
import select
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol

import pyudev

from drivers.errors import NotConnected
from drivers.formats import serial_ports
from drivers.formats.text import clean

_log = logging.getLogger(__name__)

_RETRY_S = 1.0
_PARTS = re.compile(r"\d+|\D+").findall
_INTERFACE = re.compile(r"[0-9a-f]{6}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,4}")


class SerialPort(NamedTuple):
    """A port with hardware behind it. `path` is only true until somebody pulls a cable.

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
    """Any USB device but a root hub. `interfaces` are (class, subclass, protocol), each once."""

    port: str
    vendor_id: int
    product_id: int
    serial_number: str
    maker: str
    product: str
    interfaces: tuple[tuple[int, int, int], ...]


class I2cAdapter(NamedTuple):
    """A bus `/dev/i2c-<bus>`. `connector` is the video output whose DDC it is, or empty."""

    bus: int
    name: str
    connector: str


class Connector(NamedTuple):
    """A video output. `status` is connected, disconnected or unknown."""

    card: str
    name: str
    status: str


Found = SerialPort | UsbPeripheral | I2cAdapter | Connector


class Hotplug(NamedTuple):
    """Something came, went or (a video output) changed.

    `port` is where: `1-1.2`, `i2c-1`, `HDMI-A-1`, or the device path of a port that is not on USB.
    An `error` says in `reason` why events may have been lost; the watch goes on by itself, and
    what changed meanwhile follows as ordinary events.
    """

    kind: Literal["add", "remove", "change", "error"]
    port: str
    what: Found | None
    reason: str = ""


class Attributes(Protocol):
    def get(self, name: str, /) -> bytes | None: ...


class Device(Protocol):
    """What we use of `pyudev.Device`."""

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
    """What we use of `pyudev.Monitor`, already listening."""

    def fileno(self) -> int: ...
    def poll(self, timeout: float, /) -> Device | None: ...


class Udev(Protocol):
    """Where devices come from: the system's udev, or a recording of one."""

    def devices(self, subsystem: str, *, below: str = "") -> Iterable[Device]:
        """All of a subsystem; `below` is a hint that others than those with it in their sysfs path
        are not wanted."""

    def monitor(self) -> Monitor: ...


class SystemUdev:
    """The real one. For one thread at a time: libudev is not made for more.

    Keep it: to load libudev, Python has to ask ldconfig for it, which is a process.
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
        """libudev looks into each of a class; most of the 80 ttys tell by their path alone."""
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


def scan(udev: Udev | None = None) -> tuple[Found, ...]:
    """Everything a station can use or test that is plugged in now, in a stable order."""
    return tuple(_scan(udev or SystemUdev()).values())


def resolve_serial(port: str, udev: Udev | None = None) -> str:
    """The device path of `port`: a path itself, `usb:1-1.2`, `usb:1-1.2:1.0`, `serial:A50285BI`.

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


class Watch:
    """Calls back on every change until it is closed, from a thread of its own.

    `present` is what was there at the beginning; nothing is missed or told twice between the two.
    A callback that raises is logged, and the next event is delivered all the same.
    """

    def __init__(self, callback: Callable[[Hotplug], None], udev: Udev) -> None:
        self._callback = callback
        self._udev = udev
        self._monitor = udev.monitor()  # before the scan: what comes in between is in both
        self._known = _scan(udev)
        self.present = tuple(self._known.values())
        self._close_once = threading.Lock()
        self._closing = False
        self._wake = os.eventfd(0)
        self._thread = threading.Thread(target=self._run, name="hotplug", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No callback begins after this returns. May be called from the callback."""
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
        """A new monitor, and what changed since the old one last worked."""
        while not self._closing:
            try:
                self._monitor = self._udev.monitor()
                self._compare(_scan(self._udev))
            except Exception:
                _log.exception("udev does not answer, next try in %g s", _RETRY_S)
                select.select([self._wake], [], [], _RETRY_S)
            else:
                return

    def _take(self, device: Device) -> None:
        match device.action, device.subsystem:
            case "add", _:
                if (found := _describe(device, self._udev)) is not None:
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
                self._compare(others | _scan(self._udev, ["drm"]))

    def _compare(self, now: dict[str, Found]) -> None:
        before, self._known = self._known, now
        for path, known in before.items():
            if path not in now:
                self._tell(Hotplug("remove", _where(known), known))
        for path, found in now.items():
            known_before = before.get(path)
            if found == known_before:
                continue
            if isinstance(found, Connector) and known_before is not None:
                self._tell(Hotplug("change", _where(found), found))
                continue
            if known_before is not None:
                self._tell(Hotplug("remove", _where(known_before), known_before))
            self._tell(Hotplug("add", _where(found), found))

    def _tell(self, event: Hotplug) -> None:
        if self._closing:
            return
        try:
            self._callback(event)
        except Exception:
            _log.exception("the callback failed on %s", event)


def watch(callback: Callable[[Hotplug], None], udev: Udev | None = None) -> Watch:
    """Begin to watch. Close it, or use it as a context manager."""
    return Watch(callback, udev or SystemUdev())


def _scan(
    udev: Udev, subsystems: Iterable[str] = ("tty", "usb", "i2c-dev", "drm")
) -> dict[str, Found]:
    """By sysfs path, which is unique and stays while the device is plugged in."""
    found: dict[str, Found] = {}
    for subsystem in subsystems:
        for device in sorted(udev.devices(subsystem), key=_natural):
            if (one := _describe(device, udev)) is not None:
                found[device.sys_path] = one
    return found


def _natural(device: Device) -> list[tuple[int, str]]:
    """Sorts 1-1.10 behind 1-1.9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _PARTS(device.sys_name)]


def _describe(device: Device, udev: Udev) -> Found | None:
    """What `device` is to us, or nothing. Pulled just now, it has lost what we want to read."""
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


def _where(found: Found) -> str:
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


def _advertised(found: SerialPort) -> str:
    """`usb:1-1.2:1.0 (FTDI FT232R USB UART, serial:A50285BI)`, so that one can be copied."""
    serial_number = f"serial:{found.serial_number}" if found.serial_number else ""
    names = f"{found.maker} {found.product}".strip()
    remarks = ", ".join(filter(None, (names, serial_number)))
    return f"{found.exact or found.path} ({remarks})" if remarks else found.exact or found.path

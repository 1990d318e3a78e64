"""USB devices through pyusb and libusb. USB 2.0 chapter 9; errors as in libusb 1.0."""

import errno
import logging
import math
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import usb.backend
import usb.core
import usb.util

from drivers.buses import Time, UsbDescriptor, UsbInterface
from drivers.errors import (
    BadReply,
    DriverError,
    HubMissing,
    NoReply,
    NotConnected,
    NotPermitted,
    Refused,
)
from drivers.formats import usb_ports
from drivers.formats.text import clean
from drivers.formats.usb_ports import UsbPort

_log = logging.getLogger(__name__)

CONTROL_TIMEOUT_S = 1.0
GET_STATUS = 0x00
SYSFS = Path("/sys/bus/usb/devices")

# libusb hears of a device when udev is done with it; the kernel knows it before.
CATCH_UP_S = 3.0
LOOK_AGAIN_S = 0.05

# What files of a device that is gone give: those of sysfs, while it goes, too.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV)


class _OutOfReach(NotConnected):
    """The kernel may have it still: then the fault is ours, and not the device's."""


def open_port(
    port: str,
    backend: usb.backend.IBackend | None = None,
    *,
    sysfs: Path | None = None,
    time: Time = time,
) -> "PyusbDevice":
    """Open what is plugged into the physical port, such as `1-1.4`, or the root hub `1-0`.

    `backend` is where pyusb looks: libusb if none is given. `sysfs` is where the kernel says what
    is plugged in: its own for libusb. A device that is there, and that libusb does not have yet (or
    only its predecessor), is waited for, three seconds at most; an empty port costs no time.

    Raises `NotConnected` when nothing is plugged in there or it does not enumerate, `HubMissing`
    when the kernel has no hub with such a port, `NotPermitted` when it is there but not ours, or
    when the kernel has it all the time and we cannot reach it.
    """
    place = usb_ports.parse(port, root_hub=True)
    if backend is None and sysfs is None:
        sysfs = SYSFS
    give_up_s = time.monotonic() + CATCH_UP_S
    address = _address_at(place, sysfs)
    seen = {address}
    while True:
        try:
            return _open_now(place, backend, sysfs, address)
        except NotConnected as error:
            address = _address_at(place, sysfs)
            seen.add(address)
            if address is None:
                raise
            if time.monotonic() >= give_up_s:
                if len(seen) == 1 and isinstance(error, _OutOfReach):
                    raise _not_reached(error, place, address) from error
                raise
        time.sleep(LOOK_AGAIN_S)


def _not_reached(error: _OutOfReach, port: UsbPort, address: int) -> NotPermitted:
    node = _node(port.bus, address)
    return NotPermitted(
        f"{error}, while the kernel has had it for {CATCH_UP_S:g} s: look whether udev runs"
        f" (`systemctl status systemd-udevd`), whether the service may open {node} (its"
        " DeviceAllow), and whether it has too many files open; then test again"
    )


def _open_now(
    port: UsbPort, backend: usb.backend.IBackend | None, sysfs: Path | None, address: int | None
) -> "PyusbDevice":
    try:
        for device in usb.core.find(find_all=True, backend=backend):
            if _port_of(device) != port:
                continue
            if address in (None, device.address):  # else it was there before this one
                return PyusbDevice(device, sysfs)
    except usb.core.NoBackendError as error:
        raise NotPermitted(  # not an empty port: nobody can look whether it is
            f"USB port {port}: libusb is missing; `apt install libusb-1.0-0` brings it"
        ) from error
    except usb.core.USBError as error:
        raise NotPermitted(f"USB port {port}: looking for it → {error.strerror}") from error
    if address is not None:
        raise _OutOfReach(
            f"USB port {port}: the kernel has a device there (number {address}), libusb has not"
        )
    _check_hub(port, sysfs)
    raise NotConnected(f"USB port {port}: nothing is plugged in, or it does not enumerate")


def _check_hub(port: UsbPort, sysfs: Path | None) -> None:
    """Raises `HubMissing` where the kernel has no such port that something could be plugged into.

    `maxchild` is how many ports a hub has, and 0 for what is none (Linux, drivers/usb/core/sysfs.c
    and hub.c).
    """
    if sysfs is None or not sysfs.is_dir():
        return
    name = (port if port.is_root_hub else port.hub).sysfs_name
    try:
        ports = int((sysfs / name / "maxchild").read_text())
    except (OSError, ValueError):
        raise HubMissing(
            f"USB port {port}: the hub at {name} is not there: look at its cable and its supply"
        ) from None
    if not port.is_root_hub and port.number > ports:
        raise HubMissing(
            f"USB port {port}: what is at {name} has {ports} ports, and no {port.number}"
        )


def _port_of(device: usb.core.Device) -> UsbPort:
    """A root hub is plugged into nothing: to libusb it has no port numbers."""
    return UsbPort(device.bus or 0, tuple(device.port_numbers or ()))


def _address_at(port: UsbPort, sysfs: Path | None) -> int | None:
    """The number, on its bus, of what the kernel has at `port` now.

    Raises `NotPermitted` when we may not look, or have too many files open.
    """
    if sysfs is None:
        return None
    path = sysfs / port.sysfs_name / "devnum"
    try:
        return int(path.read_text())
    except ValueError:
        return None
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise NotPermitted(f"USB port {port}: reading {path} → {error.strerror}") from error


def _node(bus: int, address: int) -> str:
    return f"/dev/bus/usb/{bus:03}/{address:03}"


class PyusbDevice:
    """Implements `drivers.buses.UsbDevice` over a `usb.core.Device`.

    Opens the device, and gives it a configuration if it has none. What it says about itself is
    cleaned (`drivers.formats.text`).

    What was taken from the kernel's driver is given back, unless the device does not answer any
    more: the driver would ask it again and again, and hold us up for half a minute (usbhid's
    hid_get_class_descriptor alone waits four times five seconds). Such a device is left without a
    driver until it is plugged in again, which the log says.
    """

    def __init__(self, device: usb.core.Device, sysfs: Path | None = None) -> None:
        self.closed = False
        self._device = device
        self._sysfs = sysfs
        self._gone = False
        self._mute = False
        self._claimed: set[int] = set()
        self._detached: set[int] = set()
        self.is_hub = device.bDeviceClass == usb.CLASS_HUB
        self._place = _port_of(device)
        self.port = str(self._place)
        self.where = f"USB {device.idVendor:04x}:{device.idProduct:04x} at {self.port}"
        self._node = _node(device.bus or 0, device.address or 0)
        try:
            self._open()
        except BaseException:
            usb.util.dispose_resources(device)
            raise

    def _open(self) -> None:
        device = self._device
        with self._asking("open"):
            if not self._open_node():
                device.set_configuration()
            active = device.get_active_configuration()
            interfaces = [each for each in active if each.bAlternateSetting == 0]
        self.interfaces: tuple[UsbInterface, ...] = tuple(map(_interface, interfaces))
        self._endpoints = {
            endpoint.bEndpointAddress: (each.bInterfaceNumber, _packet_bytes(endpoint))
            for each in interfaces
            for endpoint in each
        }
        self.descriptor = UsbDescriptor(
            vendor_id=device.idVendor,
            product_id=device.idProduct,
            release_bcd=device.bcdDevice,
            maker=self._string(device.iManufacturer),
            product=self._string(device.iProduct),
            serial_number=self._string(device.iSerialNumber),
        )

    def _open_node(self) -> int:
        """Returns its configuration, 0 for none. Nobody asks the device for all that.

        The node and then sysfs are opened, and libusb has one error for all that may go wrong
        there: EIO for too many open files and for what the device cgroup forbids, ENODEV for a
        node that is not there (get_usbfs_fd and op_get_configuration of its os/linux_usbfs.c).
        A device that is gone gives the same: the kernel has to tell.
        """
        try:
            self._handle = self._device._ctx.managed_open()
            return int(self._device.backend.get_configuration(self._handle))
        except usb.core.USBError as error:
            fault = self._fault("open", error)
            raise (_OutOfReach(*fault.args) if type(fault) is NotConnected else fault) from error

    def is_there(self) -> bool:
        """Whether it is what is plugged into its port now, as far as we and the kernel know."""
        if self._gone or self._sysfs is None:
            return not self._gone
        return _address_at(self._place, self._sysfs) == int(self._device.address)

    def claim(self, interface: int) -> None:
        """Take the interface from the kernel's driver, so that nobody else hears the device.

        Raises `NotPermitted` when another program holds it.
        """
        self._check_interface(interface)
        self._check_open()
        if interface in self._claimed:
            return
        with self._asking(f"claim interface {interface}"):
            if self._device.is_kernel_driver_active(interface):
                self._device.detach_kernel_driver(interface)
                self._detached.add(interface)
            try:
                usb.util.claim_interface(self._device, interface)
            except usb.core.USBError:
                with suppress(usb.core.USBError):
                    self._reattach(interface)
                raise
        self._claimed.add(interface)

    def release(self, interface: int) -> None:
        """Give the interface back to the kernel, if the kernel had it and the device answers.

        Releasing twice is fine.
        """
        self._check_interface(interface)
        if interface not in self._claimed:
            return
        self._claimed.discard(interface)
        with self._asking(f"release interface {interface}"):
            usb.util.release_interface(self._device, interface)
            self._reattach(interface)

    def control_in(
        self, request_type: int, request: int, value: int, index: int, size: int
    ) -> bytes:
        """Up to `size` bytes. Raises `Refused` on a STALL, `NoReply` after one second."""
        if not request_type & usb.util.ENDPOINT_IN:
            raise ValueError(f"request type {request_type:#04x} goes out, not in")
        if not 0 <= size <= 0xFFFF:
            raise ValueError(f"a control transfer cannot carry {size} bytes")
        buffer = array("B", bytes(size))
        count = self._control(request_type, request, value, index, buffer, f"{size} bytes")
        return buffer[:count].tobytes()

    def control_out(
        self, request_type: int, request: int, value: int, index: int, data: bytes = b""
    ) -> None:
        """Raises `Refused` on a STALL, `NoReply` after one second."""
        if request_type & usb.util.ENDPOINT_IN:
            raise ValueError(f"request type {request_type:#04x} goes in, not out")
        if len(data) > 0xFFFF:
            raise ValueError(f"a control transfer cannot carry {len(data)} bytes")
        sent = data.hex(" ") or "no data"
        count = self._control(request_type, request, value, index, array("B", data), sent)
        if count != len(data):
            raise BadReply(
                f"{self.where}: {_request(request_type, request, value, index)}, {sent}"
                f" → took {count} of {len(data)} bytes"
            )

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        """One bulk or interrupt transfer; nothing in time gives `b""`.

        `size` is rounded up to whole packets, and so much may come back: to a host that left no
        room for a packet, the controller reports an overflow and the data is lost.
        """
        packet_bytes = self._check_endpoint(endpoint)
        timeout_ms = _milliseconds(timeout_s)
        if size < 1:
            raise ValueError(f"cannot read {size} bytes")
        buffer = array("B", bytes(math.ceil(size / packet_bytes) * packet_bytes))
        with self._asking(f"read endpoint {endpoint:#04x}"):
            try:
                count = self._device.read(endpoint, buffer, timeout_ms)
            except usb.core.USBTimeoutError:
                return b""
            except usb.core.USBError as error:
                self._recover(endpoint, error)
                raise
        return buffer[:count].tobytes()

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> int:
        """How many bytes were taken. Raises `NoReply` when that is none."""
        self._check_endpoint(endpoint)
        timeout_ms = _milliseconds(timeout_s)
        with self._asking(f"write {data.hex(' ')} to endpoint {endpoint:#04x}"):
            try:
                return int(self._device.write(endpoint, data, timeout_ms))
            except usb.core.USBError as error:
                self._recover(endpoint, error)
                raise

    def close(self) -> None:
        """Give everything back. Once is enough; a device that is gone needs nothing back."""
        if self.closed:
            return
        self.closed = True
        failure: DriverError | None = None
        for interface in sorted(self._claimed):
            try:
                self.release(interface)
            except NotConnected:
                continue
            except DriverError as error:
                failure = failure or error
        usb.util.dispose_resources(self._device)
        if failure is not None:
            raise failure

    def _control(
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        data: "array[int]",
        told: str,
    ) -> int:
        """Through the backend: `Device.ctrl_transfer` claims interface `index & 0xff` by itself.

        For requests whose index is not an interface number (the printer class) that is the wrong
        one, and no request should take an interface from the kernel unasked.
        """
        for name, number, most in [
            ("request type", request_type, 0xFF),
            ("request", request, 0xFF),
            ("value", value, 0xFFFF),
            ("index", index, 0xFFFF),
        ]:
            if not 0 <= number <= most:
                raise ValueError(f"{name} {number:#x} is outside 0…{most:#x}")
        self._check_open()
        with self._asking(f"{_request(request_type, request, value, index)}, {told}"):
            count = self._transfer(request_type, request, value, index, data)
        self._mute = False
        return count

    def _transfer(
        self, request_type: int, request: int, value: int, index: int, data: "array[int]"
    ) -> int:
        timeout_ms = _milliseconds(CONTROL_TIMEOUT_S)
        return int(
            self._device.backend.ctrl_transfer(
                self._handle, request_type, request, value, index, data, timeout_ms
            )
        )

    def _answers(self) -> bool:
        """Whether it answers GET_STATUS, as every device must (USB 2.0, 9.4.5)."""
        if self._mute:
            return False
        try:
            self._transfer(usb.util.ENDPOINT_IN, GET_STATUS, 0, 0, array("B", bytes(2)))
        except usb.core.USBError as error:
            self._mute = error.errno in (errno.ETIMEDOUT, errno.EIO)
            if not self._mute and error.errno != errno.EPIPE:
                raise
        return not self._mute

    def _reattach(self, interface: int) -> None:
        if interface not in self._detached:
            return
        self._detached.discard(interface)
        if not self._answers():
            _log.warning(
                "%s: does not answer: interface %d is not given back to the kernel's driver,"
                " which would wait for it; plug the device in again",
                self.where,
                interface,
            )
            return
        try:
            self._device.attach_kernel_driver(interface)
        except usb.core.USBError as error:
            if error.errno != errno.ENOENT:  # no driver wants it any more: nobody to give it to
                raise

    def _recover(self, endpoint: int, error: usb.core.USBError) -> None:
        """A stalled endpoint stays so until it is told otherwise (USB 2.0, 9.4.5)."""
        if error.errno == errno.EPIPE:
            self._device.clear_halt(endpoint)

    def _string(self, index: int) -> str:
        """What it does not say, or says in no known alphabet, is empty."""
        try:
            text = usb.util.get_string(self._device, index) or ""
        except usb.core.USBError as error:
            if error.errno in (errno.EPIPE, errno.ETIMEDOUT):
                return ""
            raise self._fault(f"string {index}", error) from error
        except (ValueError, IndexError):
            return ""
        return clean(text)

    def _check_open(self) -> None:
        if self.closed:
            raise NotConnected(f"{self.where}: closed")

    def _check_interface(self, interface: int) -> None:
        if all(each.number != interface for each in self.interfaces):
            raise ValueError(f"{self.where} has no interface {interface}")

    def _check_endpoint(self, endpoint: int) -> int:
        """The size of its packets."""
        if endpoint not in self._endpoints:
            raise ValueError(f"{self.where} has no endpoint {endpoint:#04x}")
        self._check_open()
        interface, packet_bytes = self._endpoints[endpoint]
        if interface not in self._claimed:
            raise ValueError(f"claim interface {interface} before using endpoint {endpoint:#04x}")
        return packet_bytes

    @contextmanager
    def _asking(self, question: str) -> Iterator[None]:
        """Library errors become ours, with the question in front."""
        try:
            yield
        except (usb.core.USBError, NotImplementedError) as error:
            raise self._fault(question, error) from error

    def _fault(self, question: str, error: usb.core.USBError | NotImplementedError) -> DriverError:
        if isinstance(error, NotImplementedError):
            return NotPermitted(
                f"{self.where}: {question} → not supported by the USB library on this system"
            )
        said = f"{self.where}: {question} → {error.strerror}"
        self._gone |= error.errno == errno.ENODEV
        match error.errno:
            case errno.ENODEV | errno.EIO | errno.ENOENT:
                return NotConnected(said)
            case errno.EPIPE:
                return Refused(f"{said} (STALL)")
            case errno.ETIMEDOUT:
                return NoReply(said)
            case errno.EOVERFLOW:
                return BadReply(f"{said}: it sent more than it may")
            case errno.EBUSY:
                return NotPermitted(
                    f"{said}: held by another program or driver; `fuser -v {self._node}` names it"
                )
            case errno.EACCES | errno.EPERM:
                return NotPermitted(
                    f"{said}: add this user to the group plugdev (sudo adduser $USER plugdev, then"
                    f" log in again) and give it {self._node} by a udev rule, such as"
                    f' SUBSYSTEM=="usb", KERNEL=="{self._place.sysfs_name}", GROUP="plugdev",'
                    f' MODE="0660"'
                )
        return DriverError(said)


def _interface(interface: Any) -> UsbInterface:
    """HID 1.0 devices put their class descriptor behind the endpoint's: take those along."""
    endpoints = list(interface)
    extra = bytes(interface.extra_descriptors)
    for endpoint in endpoints:
        extra += bytes(endpoint.extra_descriptors)
    addresses = [endpoint.bEndpointAddress for endpoint in endpoints]
    return UsbInterface(
        number=interface.bInterfaceNumber,
        usb_class=interface.bInterfaceClass,
        usb_subclass=interface.bInterfaceSubClass,
        usb_protocol=interface.bInterfaceProtocol,
        endpoints_in=tuple(each for each in addresses if each & usb.util.ENDPOINT_IN),
        endpoints_out=tuple(each for each in addresses if not each & usb.util.ENDPOINT_IN),
        extra=extra,
    )


def _packet_bytes(endpoint: Any) -> int:
    """wMaxPacketSize holds up to two more packets per microframe in bits 11 and 12 (9.6.6)."""
    field = int(endpoint.wMaxPacketSize)
    return max(1, (field & 0x7FF) * (1 + (field >> 11 & 3)))


def _request(request_type: int, request: int, value: int, index: int) -> str:
    return f"request {request_type:#04x} {request:#04x}, value {value:#06x}, index {index:#06x}"


def _milliseconds(seconds: float) -> int:
    """Rounded up, as libusb takes 0 for ever."""
    if not 0 <= seconds <= 3600:
        raise ValueError(f"a timeout of {seconds} s is outside 0…3600 s")
    return max(1, math.ceil(seconds * 1000))

"""A USB device through pyusb and libusb. USB 2.0 chapter 9; errors as in libusb 1.0."""

import errno
import logging
import math
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import usb.core
import usb.util

from drivers.buses import UsbDescriptor, UsbInterface
from drivers.errors import BadReply, DriverError, NotConnected
from drivers.formats.text import clean
from drivers.formats.usb_ports import UsbPort
from drivers.linux.usb_errors import fault
from drivers.linux.usb_sysfs import address_at, device_node

_log = logging.getLogger(__name__)

CONTROL_TIMEOUT_S = 1.0
GET_STATUS = 0x00


class OutOfReach(NotConnected):
    """Libusb cannot open the device; where the kernel still has it, the bench is at fault."""


def port_of(device: usb.core.Device) -> UsbPort:
    """Return the port of a device. To libusb a root hub has no port numbers."""
    return UsbPort(device.bus or 0, tuple(device.port_numbers or ()))


class PyusbDevice:
    """Implements `drivers.buses.UsbDevice` over a `usb.core.Device`.

    Opening it gives the device a configuration if it has none. Its strings are cleaned
    (`drivers.formats.text`).

    An interface that was taken from the kernel's driver is given back, unless the device does not
    answer any more: the driver would ask it again and again, and block this process for half a
    minute (usbhid's hid_get_class_descriptor alone waits four times five seconds). Such a device
    has no driver until it is plugged in again, and the log says so.
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
        self._place = port_of(device)
        self.port = str(self._place)
        self.where = f"USB {device.idVendor:04x}:{device.idProduct:04x} at {self.port}"
        self._node = device_node(device.bus or 0, device.address or 0)
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
        """Open the device's node and return its configuration, 0 for none; nothing is sent to it.

        Libusb opens the node and then sysfs, and has one error for several faults: EIO for too many
        open files and for a node that the device cgroup forbids, ENODEV for a node that does not
        exist (get_usbfs_fd and op_get_configuration of its os/linux_usbfs.c). A device that is gone
        gives the same errors; only the kernel can tell.
        """
        try:
            self._handle = self._device._ctx.managed_open()
            return int(self._device.backend.get_configuration(self._handle))
        except usb.core.USBError as error:
            ours = self._fault("open", error)
            raise (OutOfReach(*ours.args) if type(ours) is NotConnected else ours) from error

    def is_there(self) -> bool:
        """Tell whether this device is still at its port, as far as libusb and the kernel know."""
        if self._gone or self._sysfs is None:
            return not self._gone
        return address_at(self._place, self._sysfs) == int(self._device.address)

    def claim(self, interface: int) -> None:
        """Take the interface from the kernel's driver: then no other program hears the device.

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

        An interface can be released twice.
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
        """Ask for up to `size` bytes. Raises `Refused` on a STALL, `NoReply` after one second."""
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
        """Send `data`. Raises `Refused` on a STALL, `NoReply` after one second."""
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
        """Read one bulk or interrupt transfer; `b""` when nothing came in time.

        `size` is rounded up to whole packets, and the answer may be as long as that: where there is
        no room for a whole packet, the controller reports an overflow and the data is lost.
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
        """Write one transfer and return how many bytes the device took.

        Raises `NoReply` when it took none.
        """
        self._check_endpoint(endpoint)
        timeout_ms = _milliseconds(timeout_s)
        with self._asking(f"write {data.hex(' ')} to endpoint {endpoint:#04x}"):
            try:
                return int(self._device.write(endpoint, data, timeout_ms))
            except usb.core.USBError as error:
                self._recover(endpoint, error)
                raise

    def behind(self) -> Iterator["PyusbDevice"]:
        """Open the devices at the ports of this hub, in order; none of what is no hub."""
        if not self.is_hub:
            return
        with self._asking("look at its ports"):
            found = list(usb.core.find(find_all=True, backend=self._device.backend))
        nearest = [each for each in found if (at := port_of(each)).way and at.hub == self._place]
        for each in sorted(nearest, key=port_of):
            yield PyusbDevice(each, self._sysfs)

    def close(self) -> None:
        """Release all interfaces and close the device; again, and without the device, too."""
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
        """Transfer through the backend: `Device.ctrl_transfer` would claim an interface by itself.

        It claims interface `index & 0xff`. Where the index is not an interface number (the printer
        class) that is the wrong one, and no request should take an interface from the kernel.
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
        """Tell whether the device answers GET_STATUS, as every device must (USB 2.0, 9.4.5)."""
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
            if error.errno != errno.ENOENT:  # ENOENT: the kernel has no driver for it any more
                raise

    def _recover(self, endpoint: int, error: usb.core.USBError) -> None:
        """Clear a stall, which an endpoint keeps until the host clears it (USB 2.0, 9.4.5)."""
        if error.errno == errno.EPIPE:
            self._device.clear_halt(endpoint)

    def _string(self, index: int) -> str:
        """Return a string of the device; empty if it has none, or one that is no UTF-16."""
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
        """Return the size of the endpoint's packets."""
        if endpoint not in self._endpoints:
            raise ValueError(f"{self.where} has no endpoint {endpoint:#04x}")
        self._check_open()
        interface, packet_bytes = self._endpoints[endpoint]
        if interface not in self._claimed:
            raise ValueError(f"claim interface {interface} before using endpoint {endpoint:#04x}")
        return packet_bytes

    @contextmanager
    def _asking(self, question: str) -> Iterator[None]:
        """Turn errors of the library into ours, with the question in front."""
        try:
            yield
        except (usb.core.USBError, NotImplementedError) as error:
            raise self._fault(question, error) from error

    def _fault(self, question: str, error: usb.core.USBError | NotImplementedError) -> DriverError:
        if isinstance(error, usb.core.USBError):
            self._gone |= error.errno == errno.ENODEV
        return fault(f"{self.where}: {question}", error, self._node, self._place)


def _interface(interface: Any) -> UsbInterface:
    """Describe an interface. HID 1.0 devices put the class descriptor behind the endpoint's."""
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
    """Return the bytes of a microframe: bits 11 and 12 give up to two more packets (9.6.6)."""
    field = int(endpoint.wMaxPacketSize)
    return max(1, (field & 0x7FF) * (1 + (field >> 11 & 3)))


def _request(request_type: int, request: int, value: int, index: int) -> str:
    return f"request {request_type:#04x} {request:#04x}, value {value:#06x}, index {index:#06x}"


def _milliseconds(seconds: float) -> int:
    """Return milliseconds, rounded up: to libusb, 0 is no limit at all."""
    if not 0 <= seconds <= 3600:
        raise ValueError(f"a timeout of {seconds} s is outside 0…3600 s")
    return max(1, math.ceil(seconds * 1000))

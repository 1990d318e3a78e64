"""A simulated USB: a backend for pyusb, with a kernel that listens to what nobody has claimed.

From the pyusb backend interface, USB 2.0 chapter 9, and how Linux's usbfs treats claimed
interfaces (drivers/usb/core/devio.c).
"""

import errno
import threading
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Protocol

from usb.backend import IBackend
from usb.core import USBError, USBTimeoutError

from drivers.buses import Time
from drivers.formats import usb_ports

# libusb's codes and words, as pyusb passes them on
LIBUSB = {
    errno.EIO: (-1, "Input/Output Error"),
    errno.EINVAL: (-2, "Invalid parameter"),
    errno.EACCES: (-3, "Access denied (insufficient permissions)"),
    errno.ENODEV: (-4, "No such device (it may have been disconnected)"),
    errno.ENOENT: (-5, "Entity not found"),
    errno.EBUSY: (-6, "Resource busy"),
    errno.EOVERFLOW: (-8, "Overflow"),
    errno.EPIPE: (-9, "Pipe error"),
}

HID, PRINTER, MASS_STORAGE = 3, 7, 8  # the classes that our kernel has drivers for
FRAME_S = 0.001
KERNEL_READS = 200  # at a time: a device may talk without end


@dataclass(frozen=True)
class Setup:
    """The eight bytes that begin a control transfer (USB 2.0, table 9-2)."""

    request_type: int
    request: int
    value: int
    index: int
    size: int


class Stall(Exception):
    """The simulated device refuses the request, or the endpoint is halted."""


class Silence(Exception):
    """The simulated device never answers this control transfer."""


class Unplugged(Exception):
    """The simulated device falls off the bus in the middle of a transfer."""


class SimulatedUsbDevice(Protocol):
    """The far end of a USB cable. Any method may raise `Stall` or `Unplugged`."""

    enumerates: bool
    speed: int
    """1 low, 2 full, 3 high, 4 super: as libusb counts."""

    def reset(self) -> None:
        """Power-up or a bus reset: forget everything the host has set."""

    def control(self, setup: Setup, data: bytes) -> bytes:
        """A transfer on endpoint 0. `Silence` when it should never be answered."""

    def transfer_in(self, endpoint: int) -> bytes | None:
        """One report or transfer for the host, or None: nothing to say now."""

    def transfer_out(self, endpoint: int, data: bytes) -> None: ...

    def keys_in(self, endpoint: int, report: bytes) -> frozenset[int]:
        """The keys that a kernel would find down in this report."""


class UsbFunction:
    """What every device answers (USB 2.0, chapter 9); a twin adds its class on top."""

    enumerates = True
    speed = 2

    def __init__(
        self, device_descriptor: bytes, configuration_descriptor: bytes, *strings: str
    ) -> None:
        self.device_descriptor = device_descriptor
        self.configuration_descriptor = configuration_descriptor
        self.strings = strings
        self.configuration = 0

    def reset(self) -> None:
        self.configuration = 0

    def control(self, setup: Setup, data: bytes) -> bytes:
        match setup:
            case Setup(0x80, 0x06, value):
                return self._descriptor(value >> 8, value & 0xFF)[: setup.size]
            case Setup(0x80, 0x08):
                return bytes([self.configuration])
            case Setup(0x00, 0x09, value) if value in (0, self.configuration_descriptor[5]):
                self.configuration = value
                return b""
            case Setup(0x80 | 0x81 | 0x82, 0x00):
                return bytes(2)
            case Setup(0x00 | 0x01 | 0x02, 0x01 | 0x03):
                return b""
        return self.function_control(setup, data)[: setup.size]

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        raise Stall

    def transfer_in(self, endpoint: int) -> bytes | None:
        return None

    def transfer_out(self, endpoint: int, data: bytes) -> None:
        raise Stall

    def keys_in(self, endpoint: int, report: bytes) -> frozenset[int]:
        return frozenset()

    def _descriptor(self, kind: int, index: int) -> bytes:
        match kind, index:
            case 1, 0:
                return self.device_descriptor
            case 2, 0:
                return self.configuration_descriptor
            case 3, 0 if self.strings:
                return b"\x04\x03\x09\x04"  # English (United States)
            case 3, _ if 1 <= index <= len(self.strings):
                text = self.strings[index - 1].encode("utf-16-le")
                return bytes([2 + len(text), 3]) + text
        raise Stall


class _Plugged:
    """What pyusb calls a device: something at a port, and who has which of its interfaces."""

    def __init__(self, port: str, address: int, device: SimulatedUsbDevice) -> None:
        place = usb_ports.parse(port, root_hub=True)
        self.port = port
        self.bus = place.bus
        self.ports = place.way
        self.address = address
        self.device = device
        self.present = True
        self.kernel: set[int] = set()
        self.claims: dict[int, Handle] = {}
        self.packets: dict[int, deque[bytes]] = {}
        self.next_poll_s: dict[int, float] = {}
        self.down: dict[int, frozenset[int]] = {}
        self.descriptor = SimpleNamespace()
        self.configurations: list[SimpleNamespace] = []


class Handle:
    """What pyusb calls a handle: one program's opening of a device."""

    def __init__(self, plugged: _Plugged) -> None:
        self.plugged = plugged


class SimulatedUsbBackend(IBackend):  # type: ignore[misc]  # pyusb ships no types
    """Give it to `usb.core.find(backend=…)`: pyusb runs unmodified on top.

    Devices come and go by `plug` and `unplug`. As on Linux, a kernel driver takes each interface
    it knows at once; what it hears from keyboards is in `console`.
    """

    def __init__(self, time: Time) -> None:
        super().__init__()
        self.forbidden: set[str] = set()
        """Ports whose device node our user may not open."""
        self._time = time
        self._plugged: dict[str, _Plugged] = {}
        self._addresses = 0
        self._console: list[int] = []
        self._lock = threading.RLock()

    # The cable's side

    def plug(self, port: str, device: SimulatedUsbDevice, *, configured: bool = True) -> None:
        """Put a device into a free port, such as `1-1.4`; the kernel enumerates and binds it.

        `1-0` is where the root hub of bus 1 is: libusb knows it as a device without ports.

        It leaves a device unconfigured that wants more current than its hub has.
        """
        with self._lock:
            if port in self._plugged:
                raise ValueError(f"port {port} is taken")
            self._addresses += 1
            plugged = _Plugged(port, self._addresses, device)
            device.reset()
            self._plugged[port] = plugged
            if device.enumerates:
                self._enumerate(plugged)
                if configured:
                    self._configure(plugged, plugged.configurations[0].bConfigurationValue)

    def unplug(self, port: str) -> None:
        with self._lock:
            self._kernel_listens()
            if port not in self._plugged:
                raise ValueError(f"nothing is plugged into port {port}")
            self._gone(self._plugged[port])

    def device_at(self, port: str) -> SimulatedUsbDevice | None:
        """What is plugged in there."""
        plugged = self._plugged.get(port)
        return plugged.device if plugged is not None else None

    def held_by_kernel(self, port: str) -> frozenset[int]:
        """The interfaces there that a kernel driver listens to."""
        return frozenset(self._plugged[port].kernel)

    def claimed(self, port: str) -> frozenset[int]:
        """The interfaces there that some program has claimed."""
        return frozenset(self._plugged[port].claims)

    @property
    def console(self) -> list[int]:
        """The keys that went down for everybody to hear, since the beginning."""
        with self._lock:
            self._kernel_listens()
            return list(self._console)

    # The host's side: usb.backend.IBackend

    def enumerate_devices(self) -> Iterator[_Plugged]:
        with self._lock:
            return iter([each for each in self._plugged.values() if each.device.enumerates])

    def get_parent(self, dev: _Plugged) -> None:
        return None

    def get_device_descriptor(self, dev: _Plugged) -> SimpleNamespace:
        return dev.descriptor

    def get_configuration_descriptor(self, dev: _Plugged, config: int) -> SimpleNamespace:
        return dev.configurations[config]

    def get_interface_descriptor(
        self, dev: _Plugged, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        found: SimpleNamespace = dev.configurations[config].interfaces[intf][alt]
        return found

    def get_endpoint_descriptor(
        self, dev: _Plugged, ep: int, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        found: SimpleNamespace = dev.configurations[config].interfaces[intf][alt].endpoints[ep]
        return found

    def open_device(self, dev: _Plugged) -> Handle:
        with self._lock:
            if not dev.present:
                raise _error(errno.ENODEV)
            if dev.port in self.forbidden:
                raise _error(errno.EACCES)
            return Handle(dev)

    def close_device(self, dev_handle: Handle) -> None:
        with self._lock:
            claims = dev_handle.plugged.claims
            for interface in [each for each, owner in claims.items() if owner is dev_handle]:
                del claims[interface]

    def set_configuration(self, dev_handle: Handle, config_value: int) -> None:
        with self._lock:
            plugged = self._present(dev_handle)
            if plugged.kernel or plugged.claims:
                raise _error(errno.EBUSY)
            self._configure(plugged, config_value)

    def get_configuration(self, dev_handle: Handle) -> int:
        return self._ask(dev_handle, Setup(0x80, 0x08, 0, 0, 1), b"", 1000)[0]

    def set_interface_altsetting(self, dev_handle: Handle, intf: int, altsetting: int) -> None:
        self._ask(dev_handle, Setup(0x01, 0x0B, altsetting, intf, 0), b"", 1000)

    def claim_interface(self, dev_handle: Handle, intf: int) -> None:
        with self._lock:
            plugged = self._present(dev_handle)
            if not any(each[0].bInterfaceNumber == intf for each in _interfaces(plugged)):
                raise _error(errno.ENOENT)
            if intf in plugged.kernel:
                raise _error(errno.EBUSY)
            if plugged.claims.setdefault(intf, dev_handle) is not dev_handle:
                raise _error(errno.EBUSY)

    def release_interface(self, dev_handle: Handle, intf: int) -> None:
        with self._lock:
            plugged = self._present(dev_handle)
            if plugged.claims.get(intf) is not dev_handle:
                raise _error(errno.ENOENT)
            del plugged.claims[intf]

    def is_kernel_driver_active(self, dev_handle: Handle, intf: int) -> bool:
        with self._lock:
            return intf in self._present(dev_handle).kernel

    def detach_kernel_driver(self, dev_handle: Handle, intf: int) -> None:
        with self._lock:
            plugged = self._present(dev_handle)
            if intf not in plugged.kernel:
                raise _error(errno.ENOENT)
            self._kernel_listens()
            self._present(dev_handle).kernel.discard(intf)

    def attach_kernel_driver(self, dev_handle: Handle, intf: int) -> None:
        with self._lock:
            plugged = self._present(dev_handle)
            if intf in plugged.claims:
                raise _error(errno.EBUSY)
            if not self._bind(plugged, intf):
                raise _error(errno.ENOENT)

    def ctrl_transfer(
        self,
        dev_handle: Handle,
        bmRequestType: int,  # noqa: N803  # pyusb's name
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: "array[int]",
        timeout: int,
    ) -> int:
        setup = Setup(bmRequestType, bRequest, wValue, wIndex, len(data))
        with self._lock:
            self._check_recipient(dev_handle, setup)
        if not bmRequestType & 0x80:
            self._ask(dev_handle, setup, data.tobytes(), timeout)
            return len(data)
        answer = self._ask(dev_handle, setup, b"", timeout)
        data[: len(answer)] = array("B", answer)
        return len(answer)

    def intr_read(
        self, dev_handle: Handle, ep: int, intf: int, buff: "array[int]", timeout: int
    ) -> int:
        if not timeout:
            raise RuntimeError("a transfer without a timeout would wait for ever")
        deadline_s = self._time.monotonic() + timeout / 1000
        packet_bytes, _ = self._endpoint(dev_handle, ep)
        received = b""
        while (packet := self._next_packet(dev_handle, ep, intf, deadline_s)) is not None:
            received += packet
            if len(received) > len(buff):
                raise _error(errno.EOVERFLOW)
            if len(packet) < packet_bytes or len(received) == len(buff):
                break  # a short packet ends a transfer, a full one does not (USB 2.0, 5.7.3)
        else:
            if not received:
                raise _timeout()
        buff[: len(received)] = array("B", received)
        return len(received)

    def intr_write(
        self, dev_handle: Handle, ep: int, intf: int, data: "array[int]", timeout: int
    ) -> int:
        self._endpoint(dev_handle, ep)
        with self._lock:
            plugged = self._present(dev_handle)
            self._check_interface(dev_handle, intf)
            try:
                plugged.device.transfer_out(ep, data.tobytes())
            except Stall:
                raise _error(errno.EPIPE) from None
            except Unplugged:
                self._gone(plugged)
                raise _error(errno.ENODEV) from None
        self._time.sleep(FRAME_S)
        return len(data)

    bulk_read = intr_read
    bulk_write = intr_write

    def clear_halt(self, dev_handle: Handle, ep: int) -> None:
        self._ask(dev_handle, Setup(0x02, 0x01, 0, ep, 0), b"", 1000)

    def reset_device(self, dev_handle: Handle) -> None:
        with self._lock:
            plugged = self._present(dev_handle)
            value = plugged.configurations[0].bConfigurationValue
            plugged.device.reset()
            plugged.packets.clear()
            plugged.device.control(Setup(0x00, 0x09, value, 0, 0), b"")

    # The kernel's side

    def _enumerate(self, plugged: _Plugged) -> None:
        device = plugged.device
        plugged.descriptor = _device_descriptor(
            device.control(Setup(0x80, 0x06, 0x0100, 0, 18), b""), plugged
        )
        for index in range(plugged.descriptor.bNumConfigurations):
            data = device.control(Setup(0x80, 0x06, 0x0200 | index, 0, 0xFFFF), b"")
            plugged.configurations.append(_configuration(data))

    def _configure(self, plugged: _Plugged, value: int) -> None:
        plugged.device.control(Setup(0x00, 0x09, value, 0, 0), b"")
        if value:
            for alternates in _interfaces(plugged):
                self._bind(plugged, alternates[0].bInterfaceNumber)

    def _bind(self, plugged: _Plugged, interface: int) -> bool:
        """Whether the kernel has a driver for it."""
        for alternates in _interfaces(plugged):
            first = alternates[0]
            if first.bInterfaceNumber == interface and first.bInterfaceClass in (
                HID,
                PRINTER,
                MASS_STORAGE,
            ):
                plugged.kernel.add(interface)
                return True
        return False

    def _kernel_listens(self) -> None:
        """usbhid has been reading all the while; write down what it heard."""
        for plugged in list(self._plugged.values()):
            for alternates in _interfaces(plugged):
                first = alternates[0]
                if first.bInterfaceNumber in plugged.kernel and first.bInterfaceClass == HID:
                    for endpoint in first.endpoints:
                        self._kernel_reads(plugged, endpoint.bEndpointAddress)

    def _kernel_reads(self, plugged: _Plugged, endpoint: int) -> None:
        for _ in range(KERNEL_READS if endpoint & 0x80 else 0):
            try:
                report = plugged.device.transfer_in(endpoint)
            except Stall:
                return
            except Unplugged:
                self._gone(plugged)
                return
            if report is None:
                return
            down = plugged.device.keys_in(endpoint, report)
            self._console += sorted(down - plugged.down.get(endpoint, frozenset()))
            plugged.down[endpoint] = down

    def _gone(self, plugged: _Plugged) -> None:
        plugged.present = False
        self._plugged.pop(plugged.port, None)
        plugged.device.reset()

    def _present(self, handle: Handle) -> _Plugged:
        if not handle.plugged.present:
            raise _error(errno.ENODEV)
        return handle.plugged

    def _check_recipient(self, handle: Handle, setup: Setup) -> None:
        """Requests to an interface need it, except a vendor's and GET_DEVICE_ID of a printer."""
        plugged = self._present(handle)
        if setup.request_type & 0x60 == 0x40:
            return
        match setup.request_type & 0x1F:
            case 1 if (setup.request_type, setup.request) == (0xA1, 0) and any(
                each[0].bInterfaceClass == PRINTER and each[0].bInterfaceNumber == setup.index >> 8
                for each in _interfaces(plugged)
            ):
                return
            case 1:
                self._check_interface(handle, setup.index & 0xFF)
            case 2 if setup.index & 0x7F:
                for alternates in _interfaces(plugged):
                    if any(e.bEndpointAddress == setup.index for e in alternates[0].endpoints):
                        self._check_interface(handle, alternates[0].bInterfaceNumber)

    def _check_interface(self, handle: Handle, interface: int) -> None:
        plugged = self._present(handle)
        owner = plugged.claims.get(interface, handle)
        if interface in plugged.kernel or owner is not handle:
            raise _error(errno.EBUSY)

    def _endpoint(self, handle: Handle, address: int) -> tuple[int, float]:
        """Bytes in a packet, seconds between two polls."""
        with self._lock:
            for alternates in _interfaces(self._present(handle)):
                for endpoint in alternates[0].endpoints:
                    if endpoint.bEndpointAddress == address:
                        interval_s = max(1, endpoint.bInterval) * FRAME_S
                        return endpoint.wMaxPacketSize & 0x7FF, interval_s
        raise _error(errno.ENOENT)

    def _next_packet(
        self, handle: Handle, endpoint: int, interface: int, deadline_s: float
    ) -> bytes | None:
        """Ask once in each polling interval, until there is something or time is up."""
        polls = handle.plugged.next_poll_s
        while True:
            _, interval_s = self._endpoint(handle, endpoint)
            now_s = self._time.monotonic()
            poll_s = max(now_s, polls.get(endpoint, now_s))
            self._time.sleep(max(0.0, min(poll_s, deadline_s) - now_s))
            if poll_s > deadline_s:
                return None
            polls[endpoint] = poll_s + interval_s
            packet = self._poll(handle, endpoint, interface)
            if packet is not None:
                return packet

    def _poll(self, handle: Handle, endpoint: int, interface: int) -> bytes | None:
        with self._lock:
            plugged = self._present(handle)
            self._check_interface(handle, interface)
            waiting = plugged.packets.setdefault(endpoint, deque())
            if not waiting:
                try:
                    report = plugged.device.transfer_in(endpoint)
                except Stall:
                    raise _error(errno.EPIPE) from None
                except Unplugged:
                    self._gone(plugged)
                    raise _error(errno.ENODEV) from None
                if report is None:
                    return None
                size, _ = self._endpoint(handle, endpoint)
                waiting += [report[at : at + size] for at in range(0, max(1, len(report)), size)]
            return waiting.popleft()

    def _ask(self, handle: Handle, setup: Setup, data: bytes, timeout_ms: int) -> bytes:
        with self._lock:
            plugged = self._present(handle)
            try:
                answer = plugged.device.control(setup, data)
            except Stall:
                raise _error(errno.EPIPE) from None
            except Unplugged:
                self._gone(plugged)
                raise _error(errno.ENODEV) from None
            except Silence:
                answer = None
        if answer is None:
            self._time.sleep(timeout_ms / 1000)
            raise _timeout()
        self._time.sleep(FRAME_S)
        return answer


def _error(number: int) -> USBError:
    code, words = LIBUSB[number]
    return USBError(words, code, number)


def _timeout() -> USBTimeoutError:
    return USBTimeoutError("Operation timed out", -7, errno.ETIMEDOUT)


def _interfaces(plugged: _Plugged) -> list[list[SimpleNamespace]]:
    """By index, the alternate settings of each interface of the first configuration."""
    if not plugged.configurations:
        return []
    interfaces: list[list[SimpleNamespace]] = plugged.configurations[0].interfaces
    return interfaces


def _device_descriptor(data: bytes, plugged: _Plugged) -> SimpleNamespace:
    """USB 2.0, table 9-8, and what libusb knows of the place."""

    def word(at: int) -> int:
        return int.from_bytes(data[at : at + 2], "little")

    return SimpleNamespace(
        bLength=data[0],
        bDescriptorType=data[1],
        bcdUSB=word(2),
        bDeviceClass=data[4],
        bDeviceSubClass=data[5],
        bDeviceProtocol=data[6],
        bMaxPacketSize0=data[7],
        idVendor=word(8),
        idProduct=word(10),
        bcdDevice=word(12),
        iManufacturer=data[14],
        iProduct=data[15],
        iSerialNumber=data[16],
        bNumConfigurations=data[17],
        bus=plugged.bus,
        address=plugged.address,
        port_number=plugged.ports[-1] if plugged.ports else 0,
        port_numbers=plugged.ports or None,
        speed=plugged.device.speed,
    )


def _configuration(data: bytes) -> SimpleNamespace:
    """USB 2.0, tables 9-10, 9-12 and 9-13. As in libusb, class descriptors stay with what they
    follow, and are a list of numbers."""
    configuration = SimpleNamespace(
        bLength=data[0],
        bDescriptorType=data[1],
        wTotalLength=int.from_bytes(data[2:4], "little"),
        bNumInterfaces=data[4],
        bConfigurationValue=data[5],
        iConfiguration=data[6],
        bmAttributes=data[7],
        bMaxPower=data[8],
        extra_descriptors=[],
        interfaces=[],
    )
    latest = configuration
    by_number: dict[int, list[SimpleNamespace]] = {}
    at = data[0]
    while at < len(data):
        size, kind = data[at], data[at + 1]
        fields = data[at : at + size]
        if kind == 4:
            latest = SimpleNamespace(
                bLength=size,
                bDescriptorType=kind,
                bInterfaceNumber=fields[2],
                bAlternateSetting=fields[3],
                bNumEndpoints=fields[4],
                bInterfaceClass=fields[5],
                bInterfaceSubClass=fields[6],
                bInterfaceProtocol=fields[7],
                iInterface=fields[8],
                extra_descriptors=[],
                endpoints=[],
            )
            interface = latest
            by_number.setdefault(fields[2], []).append(interface)
        elif kind == 5:
            latest = SimpleNamespace(
                bLength=size,
                bDescriptorType=kind,
                bEndpointAddress=fields[2],
                bmAttributes=fields[3],
                wMaxPacketSize=int.from_bytes(fields[4:6], "little"),
                bInterval=fields[6],
                bRefresh=0,
                bSynchAddress=0,
                extra_descriptors=[],
            )
            interface.endpoints.append(latest)
        else:
            latest.extra_descriptors += list(fields)
        at += size
    configuration.interfaces = list(by_number.values())
    return configuration

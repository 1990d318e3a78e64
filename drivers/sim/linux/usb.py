"""A backend for pyusb: libusb's side of a simulated USB.

From the pyusb backend interface, and how Linux's usbfs treats claimed interfaces
(drivers/usb/core/devio.c).
"""

import errno
from array import array
from collections import deque
from collections.abc import Iterator
from types import SimpleNamespace

from usb.backend import IBackend
from usb.core import USBError, USBTimeoutError

from drivers.buses import Time
from drivers.sim.linux.usb_bus import PRINTER, Handle, Plugged, SimulatedUsb, interfaces_of
from drivers.sim.linux.usb_device import Setup, Silence, Stall, Unplugged

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

FRAME_S = 0.001


class SimulatedUsbBackend(SimulatedUsb, IBackend):  # type: ignore[misc]  # pyusb ships no types
    """Give it to `usb.core.find(backend=…)`: pyusb runs unmodified on top.

    The methods are those of `usb.backend.IBackend`.
    """

    def __init__(self, time: Time) -> None:
        super().__init__(time)
        self.forbidden: set[str] = set()
        """Ports whose device node our user may not open."""

    def enumerate_devices(self) -> Iterator[Plugged]:
        with self._lock:
            return iter([each for each in self._plugged.values() if each.device.enumerates])

    def get_parent(self, dev: Plugged) -> None:
        return None

    def get_device_descriptor(self, dev: Plugged) -> SimpleNamespace:
        return dev.descriptor

    def get_configuration_descriptor(self, dev: Plugged, config: int) -> SimpleNamespace:
        return dev.configurations[config]

    def get_interface_descriptor(
        self, dev: Plugged, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        found: SimpleNamespace = dev.configurations[config].interfaces[intf][alt]
        return found

    def get_endpoint_descriptor(
        self, dev: Plugged, ep: int, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        found: SimpleNamespace = dev.configurations[config].interfaces[intf][alt].endpoints[ep]
        return found

    def open_device(self, dev: Plugged) -> Handle:
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
            if not any(each[0].bInterfaceNumber == intf for each in interfaces_of(plugged)):
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

    def _present(self, handle: Handle) -> Plugged:
        if not handle.plugged.present:
            raise _error(errno.ENODEV)
        return handle.plugged

    def _check_recipient(self, handle: Handle, setup: Setup) -> None:
        """Refuse requests that need the interface claimed: all but a vendor's and GET_DEVICE_ID."""
        plugged = self._present(handle)
        if setup.request_type & 0x60 == 0x40:
            return
        match setup.request_type & 0x1F:
            case 1 if (setup.request_type, setup.request) == (0xA1, 0) and any(
                each[0].bInterfaceClass == PRINTER and each[0].bInterfaceNumber == setup.index >> 8
                for each in interfaces_of(plugged)
            ):
                return
            case 1:
                self._check_interface(handle, setup.index & 0xFF)
            case 2 if setup.index & 0x7F:
                for alternates in interfaces_of(plugged):
                    if any(e.bEndpointAddress == setup.index for e in alternates[0].endpoints):
                        self._check_interface(handle, alternates[0].bInterfaceNumber)

    def _check_interface(self, handle: Handle, interface: int) -> None:
        plugged = self._present(handle)
        owner = plugged.claims.get(interface, handle)
        if interface in plugged.kernel or owner is not handle:
            raise _error(errno.EBUSY)

    def _endpoint(self, handle: Handle, address: int) -> tuple[int, float]:
        """Return the bytes in a packet, and the seconds between two polls."""
        with self._lock:
            for alternates in interfaces_of(self._present(handle)):
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

"""The wires that leave the station, and the one object that hands them out.

Whatever goes wrong on a wire arrives as a `DriverError`; no library's exception passes this line.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class Time(Protocol):
    """The clock that drivers wait with. The module `time` is one; a simulated rig has its own."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


class ByteStream(Protocol):
    """A serial line: 8 data bits, no parity, one stop bit, one owner.

    A read that times out returns what has come so far, perhaps nothing. Raises `NotConnected`
    when the line is gone.
    """

    def write(self, data: bytes, /) -> int | None: ...

    def read(self, size: int = 1, /) -> bytes:
        """Wait until `size` bytes are there or the line's timeout is over."""

    def read_until(self, expected: bytes, /) -> bytes:
        """Read up to and including `expected`, or what came before the timeout."""

    def read_until_quiet(self, size: int, quiet_s: float, /) -> bytes:
        """Read at most `size` bytes, that came without a pause of `quiet_s` between them.

        Waits for the first as `read` does.
        """

    def reset_input_buffer(self) -> None:
        """Forget what has been received and not read."""

    def close(self) -> None: ...


class I2cBus(Protocol):
    """Transfers on one I²C bus. Safe to share between threads."""

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        """Write, then after a repeated start read, to the 7-bit `address`, as one transaction.

        Raises `NotConnected` when no chip acknowledges the address.
        """

    def hold(self) -> AbstractContextManager[object]:
        """Hold the bus for several transfers without another between; re-entrant in one thread."""


class UsbDescriptor(NamedTuple):
    """A USB device's description of itself, read at enumeration."""

    vendor_id: int
    product_id: int
    release_bcd: int
    maker: str
    product: str
    serial_number: str


class UsbInterface(NamedTuple):
    """One interface of the active configuration, with its endpoint addresses.

    `extra` holds the class descriptors that follow the interface descriptor, such as HID's.
    """

    number: int
    usb_class: int
    usb_subclass: int
    usb_protocol: int
    endpoints_in: tuple[int, ...]
    endpoints_out: tuple[int, ...]
    extra: bytes


class UsbDevice(Protocol):
    """One device at one port. Times are in seconds; an unanswered transfer is `NoReply`."""

    descriptor: UsbDescriptor
    interfaces: tuple[UsbInterface, ...]

    def claim(self, interface: int) -> None:
        """Take the interface from the kernel's driver, so that only we hear the device."""

    def release(self, interface: int) -> None:
        """Give the interface back to the kernel."""

    def control_in(
        self, request_type: int, request: int, value: int, index: int, size: int
    ) -> bytes: ...

    def control_out(
        self, request_type: int, request: int, value: int, index: int, data: bytes = b""
    ) -> None: ...

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        """Make one bulk or interrupt transfer; nothing in time gives `b""`."""

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> int: ...

    def behind(self) -> Iterator["UsbDevice"]:
        """Open the devices at the ports of this hub, one after the other; none of what is no hub.

        Each is the caller's to close.
        """

    def close(self) -> None: ...


class Screen(Protocol):
    """A video output that feeds the display under test, full screen and without a compositor."""

    name: str
    """The output's name, such as `HDMI-A-1`."""

    width_px: int
    height_px: int

    def show(self, rgb_rows: bytes) -> None:
        """Show a frame of `width_px` × `height_px` × 3 bytes: pixels in the order R, G, B."""

    def lose_signal(self) -> None:
        """Send no picture, as if the cable were out, until the next frame is shown."""

    def close(self) -> None: ...


class Hardware(Protocol):
    """The source of buses: `LocalHardware` or `SimulatedHardware`.

    Nothing else in the project knows which of the two it is talking to. Opening what is not there
    raises `NotConnected`, what another program holds or what we may not open `NotPermitted`.
    """

    time: Time

    def serial(self, port: str, *, baudrate: int, timeout_s: float = 1.0) -> ByteStream:
        """`port`: a device path, `usb:1-1.2` (physical port) or `serial:A50285BI` (its number)."""

    def i2c(self, bus: int) -> I2cBus:
        """`bus` as in `/dev/i2c-1`."""

    def usb(self, port: str) -> UsbDevice:
        """`port` is the physical port path, such as `1-1.4`."""

    def screen(self, connector: str) -> Screen:
        """`connector` as the kernel names it, such as `HDMI-A-1`."""

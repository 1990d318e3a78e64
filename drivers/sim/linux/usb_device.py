"""The far end of a simulated USB cable: what each device answers, by USB 2.0 chapter 9."""

from dataclasses import dataclass
from typing import Protocol


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

    @property
    def enumerates(self) -> bool:
        """Tell whether the computer finds the device."""

    @property
    def speed(self) -> int:
        """Return 1 for low, 2 full, 3 high, 4 super: as libusb counts."""

    def reset(self) -> None:
        """Power-up or a bus reset: forget everything the host has set."""

    def control(self, setup: Setup, data: bytes) -> bytes:
        """Make a transfer on endpoint 0. Raises `Silence` when it should never be answered."""

    def transfer_in(self, endpoint: int) -> bytes | None:
        """Return one report or transfer for the host; None: nothing to say now."""

    def transfer_out(self, endpoint: int, data: bytes) -> None: ...

    def keys_in(self, endpoint: int, report: bytes) -> frozenset[int]:
        """Return the keys that a kernel would find down in this report."""


class UsbFunction:
    """A device that answers the standard requests (USB 2.0, chapter 9); twins add their class."""

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

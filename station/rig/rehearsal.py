"""Hardware on which no instrument answers, for rehearsing a configuration.

A driver refuses wrong figures with a `ValueError` before it sends anything, so that building it
here finds every one of them without an instrument, and without saying their ranges twice.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import NoReturn

from drivers.buses import ByteStream, I2cBus, Screen, Time, UsbDevice
from drivers.errors import NotConnected


def _nobody() -> NoReturn:
    raise NotConnected("this is only a rehearsal")


class _NoTime:
    """Passes only by being slept away."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic(self) -> float:
        return self._now_s

    def sleep(self, seconds: float, /) -> None:
        self._now_s += seconds


class _NoLine:
    def write(self, data: bytes, /) -> int:
        _nobody()

    def read(self, size: int = 1, /) -> bytes:
        _nobody()

    def read_until(self, expected: bytes, /) -> bytes:
        _nobody()

    def read_until_quiet(self, size: int, quiet_s: float, /) -> bytes:
        _nobody()

    def reset_input_buffer(self) -> None:
        _nobody()

    def close(self) -> None:
        pass


class _NoBus:
    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        _nobody()

    def hold(self) -> AbstractContextManager[object]:
        return nullcontext()


class Nowhere:
    """Implements `drivers.buses.Hardware`."""

    def __init__(self) -> None:
        self.time: Time = _NoTime()

    def serial(self, port: str, *, baudrate: int, timeout_s: float = 1.0) -> ByteStream:
        return _NoLine()

    def i2c(self, bus: int) -> I2cBus:
        return _NoBus()

    def usb(self, port: str) -> UsbDevice:
        _nobody()

    def screen(self, connector: str) -> Screen:
        _nobody()


class StandIn:
    """Stands for a part of an instrument: it can be counted, and nothing in it answers."""

    def __getattr__(self, name: str) -> NoReturn:
        _nobody()

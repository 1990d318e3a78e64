"""Simulated wires, with twins of instruments and devices at their far ends.

Twins are written from data sheets and not from drivers. They answer on the bus, and the real
drivers run on top of them, unmodified. Twins share a world (`world.Circuit`, a panel, a key
matrix): the meter measures the voltage that the supply gives.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from drivers.buses import ByteStream, I2cBus, Screen, Time, UsbDevice
from drivers.errors import NotConnected
from drivers.sim.world import SimulatedTime


class I2cDevice(Protocol):
    """The far end of one I²C address."""

    def transfer(self, write: bytes, read_size: int) -> bytes:
        """Make one transaction as on the wire. Raise `Nak` when the chip would not acknowledge."""


class Nak(Exception):
    """The simulated chip does not acknowledge."""


class SerialDevice(Protocol):
    """The far end of a serial line."""

    def receive(self, data: bytes) -> bytes:
        """Take bytes as they come, framed or not, and return what goes back."""


class SimulatedI2cBus:
    """Implements `drivers.buses.I2cBus` over twins by address."""

    def __init__(self, devices: Mapping[int, I2cDevice], name: str = "simulated I²C bus") -> None:
        self.devices = dict(devices)
        self.name = name
        self.unplugged = False
        self._lock = threading.RLock()

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        with self._lock:
            if self.unplugged or address not in self.devices:
                raise NotConnected(f"{self.name}: no acknowledge from {address:#04x}")
            try:
                return self.devices[address].transfer(write, read_size)
            except Nak as nak:
                raise NotConnected(f"{self.name}: no acknowledge from {address:#04x}") from nak

    def hold(self) -> AbstractContextManager[object]:
        return self._lock


class SimulatedSerial:
    """Implements `drivers.buses.ByteStream` with a twin at the far end, in memory.

    A read that finds too little lets the line's timeout pass in simulated time. A `device` may have
    a `delay_s`, after which its answers come, and be `unplugged`.
    """

    def __init__(
        self, device: SerialDevice, *, time: Time | None = None, timeout_s: float = 1.0
    ) -> None:
        self._device = device
        self._time = time or SimulatedTime()
        self._timeout_s = timeout_s
        self._inbox = b""
        self._late: list[tuple[float, bytes]] = []
        self.unplugged = False

    def _check(self) -> None:
        if self.unplugged or getattr(self._device, "unplugged", False):
            raise NotConnected("simulated serial line: unplugged")
        self._arrive()

    def _arrive(self) -> None:
        while self._late and self._late[0][0] <= self._time.monotonic():
            self._inbox += self._late.pop(0)[1]

    def _wait(self, is_enough: Callable[[], bool], timeout_s: float) -> None:
        """Let time pass until enough has come, or the line's timeout is over."""
        end_s = self._time.monotonic() + timeout_s
        while not is_enough() and self._late and self._late[0][0] <= end_s:
            self._time.sleep(max(0.0, self._late[0][0] - self._time.monotonic()))
            self._arrive()
        if not is_enough():
            self._time.sleep(max(0.0, end_s - self._time.monotonic()))

    def write(self, data: bytes, /) -> int:
        self._check()
        answer = self._device.receive(data)
        delay_s: float = getattr(self._device, "delay_s", 0.0)
        if delay_s > 0:
            self._late.append((self._time.monotonic() + delay_s, answer))
        else:
            self._inbox += answer
        return len(data)

    def read(self, size: int = 1, /) -> bytes:
        self._check()
        self._wait(lambda: len(self._inbox) >= size, self._timeout_s)
        taken, self._inbox = self._inbox[:size], self._inbox[size:]
        return taken

    def read_until(self, expected: bytes, /) -> bytes:
        self._check()
        self._wait(lambda: expected in self._inbox, self._timeout_s)
        head, found, self._inbox = self._inbox.partition(expected)
        return head + found

    def read_until_quiet(self, size: int, quiet_s: float, /) -> bytes:
        self._check()
        some = bool(self._inbox)
        self._wait(lambda: len(self._inbox) >= size, quiet_s if some else self._timeout_s)
        taken, self._inbox = self._inbox[:size], self._inbox[size:]
        return taken

    def reset_input_buffer(self) -> None:
        self._check()
        self._inbox = b""

    def close(self) -> None:
        self._inbox = b""
        self._late.clear()


class SimulatedHardware:
    """Implements `drivers.buses.Hardware`. Each mapping holds what is plugged in, by its place."""

    def __init__(
        self,
        *,
        time: Time,
        serial: Mapping[str, SerialDevice] | None = None,
        i2c: Mapping[int, I2cBus] | None = None,
        usb: Mapping[str, Callable[[], UsbDevice]] | None = None,
        screens: Mapping[str, Screen] | None = None,
    ) -> None:
        self.time: Time = time
        self._serial = serial or {}
        self._i2c = i2c or {}
        self._usb = usb or {}
        self._screens = screens or {}

    def serial(self, port: str, *, baudrate: int, timeout_s: float = 1.0) -> ByteStream:
        if port not in self._serial:
            raise NotConnected(f"{port}: no such serial port")
        if getattr(self._serial[port], "unplugged", False):
            raise NotConnected(f"{port}: no such serial port")
        return SimulatedSerial(self._serial[port], time=self.time, timeout_s=timeout_s)

    def i2c(self, bus: int) -> I2cBus:
        if bus not in self._i2c:
            raise NotConnected(f"/dev/i2c-{bus}: no such bus")
        return self._i2c[bus]

    def usb(self, port: str) -> UsbDevice:
        if port not in self._usb:
            raise NotConnected(f"USB port {port}: nothing is plugged in")
        return self._usb[port]()

    def screen(self, connector: str) -> Screen:
        if connector not in self._screens:
            raise NotConnected(f"{connector}: no such video output")
        return self._screens[connector]

"""Registers of an I²C chip, as data."""

from contextlib import AbstractContextManager
from typing import Literal, NamedTuple

from drivers.buses import I2cBus
from drivers.errors import BadReply


class Register(NamedTuple):
    """`shift` low bits are padding; `size` is in bytes."""

    address: int
    size: int = 2
    shift: int = 0
    signed: bool = False
    order: Literal["big", "little"] = "big"


class Chip:
    """One address on one bus. `name` and the address begin every complaint.

    `command` is or-ed into each register's address: some chips want bits of a command there.
    Raises `ValueError` for addresses that I²C reserves (below 0x08, above 0x77).
    """

    def __init__(self, bus: I2cBus, address: int, name: str, *, command: int = 0) -> None:
        if not 0x08 <= address <= 0x77:
            raise ValueError(f"{name}: {address:#04x} is not a 7-bit I²C address, 0x08…0x77")
        self._bus = bus
        self._address = address
        self._command = command
        self.where = f"{name} at {address:#04x}"

    def hold(self) -> AbstractContextManager[object]:
        """Several registers that belong together; see `I2cBus.hold`."""
        return self._bus.hold()

    def read_bytes(self, register: int, size: int) -> bytes:
        """`size` bytes from `register` on. Raises `BadReply` when another number comes back."""
        data = self._bus.transfer(self._address, bytes([self._command | register]), size)
        if len(data) != size:
            raise BadReply(
                f"{self.where}: register {register:#04x} gave {len(data)} bytes"
                f" ({data.hex(' ')}), not {size}"
            )
        return data

    def write_bytes(self, register: int, data: bytes) -> None:
        self._bus.transfer(self._address, bytes([self._command | register]) + data)

    def read(self, register: Register) -> int:
        data = self.read_bytes(register.address, register.size)
        return int.from_bytes(data, register.order, signed=register.signed) >> register.shift

    def write(self, register: Register, value: int) -> None:
        data = (value << register.shift).to_bytes(
            register.size, register.order, signed=register.signed
        )
        self.write_bytes(register.address, data)

"""Registers of an I²C chip, as data."""

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
    """One address on one bus. `name` and the address begin every complaint."""

    def __init__(self, bus: I2cBus, address: int, name: str) -> None:
        self._bus = bus
        self._address = address
        self.where = f"{name} at {address:#04x}"

    def read_bytes(self, register: int, size: int) -> bytes:
        data = self._bus.transfer(self._address, bytes([register]), size)
        if len(data) != size:
            raise BadReply(
                f"{self.where}: register {register:#04x} gave {len(data)} bytes"
                f" ({data.hex(' ')}), not {size}"
            )
        return data

    def write_bytes(self, register: int, data: bytes) -> None:
        self._bus.transfer(self._address, bytes([register]) + data)

    def read(self, register: Register) -> int:
        data = self.read_bytes(register.address, register.size)
        return int.from_bytes(data, register.order, signed=register.signed) >> register.shift

    def write(self, register: Register, value: int) -> None:
        data = (value << register.shift).to_bytes(
            register.size, register.order, signed=register.signed
        )
        self.write_bytes(register.address, data)

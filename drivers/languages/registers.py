"""Registers of an I²C chip, as data."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple

from drivers.buses import I2cBus
from drivers.errors import BadReply

USABLE_ADDRESSES = range(0x08, 0x78)  # UM10204, table 4: the others are reserved


class Register(NamedTuple):
    """One register: where it is and how its number is written.

    `shift` low bits are padding; `size` is in bytes.
    """

    address: int
    size: int = 2
    shift: int = 0
    signed: bool = False
    order: Literal["big", "little"] = "big"


class Chip:
    """Read and write the registers of one chip. Its name and address begin every complaint.

    `addresses` are those that the chip can have; others are a `ValueError`, and nothing is sent.
    `command` is or-ed into each register's address: some chips want bits of a command there.
    """

    def __init__(
        self,
        bus: I2cBus,
        address: int,
        name: str,
        *,
        addresses: Collection[int] = USABLE_ADDRESSES,
        command: int = 0,
    ) -> None:
        if address not in addresses:
            known = ", ".join(f"{one:#04x}" for one in addresses)
            if isinstance(addresses, range):
                known = f"{addresses[0]:#04x}…{addresses[-1]:#04x}"
            raise ValueError(f"{name}: {address:#04x} is not an address that it can have, {known}")
        self._bus = bus
        self._address = address
        self._command = command
        self.where = f"{name} at {address:#04x}"

    def hold(self) -> AbstractContextManager[object]:
        """Keep others away while registers that belong together are used; see `I2cBus.hold`."""
        return self._bus.hold()

    def read_bytes(self, register: int, size: int) -> bytes:
        """Return `size` bytes from `register` on.

        Raises `BadReply` when another number of bytes comes back.
        """
        data = self._bus.transfer(self._address, bytes([self._command | register]), size)
        if len(data) != size:
            raise BadReply(
                f"{self.where}: register {register:#04x} gave {len(data)} bytes"
                f" ({data.hex(' ')}), not {size}"
            )
        return data

    def write_bytes(self, register: int, data: bytes) -> None:
        """Write `data` from `register` on."""
        self._bus.transfer(self._address, bytes([self._command | register]) + data)

    def read(self, register: Register) -> int:
        """Return the number in a register. Errors as `read_bytes`."""
        data = self.read_bytes(register.address, register.size)
        return int.from_bytes(data, register.order, signed=register.signed) >> register.shift

    def write(self, register: Register, value: int) -> None:
        """Write a number into a register."""
        data = (value << register.shift).to_bytes(
            register.size, register.order, signed=register.signed
        )
        self.write_bytes(register.address, data)

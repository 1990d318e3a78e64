"""The kernel's side of `/dev/i2c-*`, as smbus2 sees it."""

import ctypes
import errno
import os

from smbus2 import I2cFunc, i2c_msg

from drivers.sim.hardware import I2cDevice, Nak

STUB = (  # what i2c-stub offers, Documentation/i2c/i2c-stub.rst
    I2cFunc.SMBUS_QUICK
    | I2cFunc.SMBUS_BYTE
    | I2cFunc.SMBUS_BYTE_DATA
    | I2cFunc.SMBUS_WORD_DATA
    | I2cFunc.SMBUS_I2C_BLOCK
)


class _Message(ctypes.Structure):
    """`struct i2c_msg` of linux/i2c.h, to look into smbus2's with."""

    _fields_ = (
        ("addr", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
        ("len", ctypes.c_uint16),
        ("buf", ctypes.c_void_p),
    )


I2C_M_RD = 0x0001


class KernelAdapter:
    """The kernel's side of `/dev/i2c-1`: messages go to `chips`, and `fault` is what comes back."""

    def __init__(self, chips: dict[int, I2cDevice], functions: I2cFunc = I2cFunc.I2C) -> None:
        self.funcs = functions
        self.chips = chips
        self.fault = 0
        self.no_acknowledge = errno.EREMOTEIO
        self.opened = self.closed = 0

    def _transfer(self, address: int, write: bytes, read_size: int) -> bytes:
        if self.fault:
            raise OSError(self.fault, os.strerror(self.fault))
        try:
            return self.chips[address].transfer(write, read_size)
        except (KeyError, Nak) as error:
            raise OSError(self.no_acknowledge, os.strerror(self.no_acknowledge)) from error

    def i2c_rdwr(self, *messages: i2c_msg) -> None:
        if not self.funcs & I2cFunc.I2C:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        seen = [_Message.from_buffer_copy(message) for message in messages]
        write = b"".join(
            ctypes.string_at(one.buf, one.len) for one in seen if not one.flags & I2C_M_RD
        )
        reads = [one for one in seen if one.flags & I2C_M_RD]
        answer = self._transfer(seen[0].addr, write, sum(one.len for one in reads))
        for one in reads:
            ctypes.memmove(one.buf, answer, one.len)

    def write_quick(self, i2c_addr: int) -> None:
        self._transfer(i2c_addr, b"", 0)

    def read_byte(self, i2c_addr: int) -> int:
        return self._transfer(i2c_addr, b"", 1)[0]

    def write_byte(self, i2c_addr: int, value: int) -> None:
        self._transfer(i2c_addr, bytes([value]), 0)

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        return self._transfer(i2c_addr, bytes([register]), 1)[0]

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        self._transfer(i2c_addr, bytes([register, value]), 0)

    def read_word_data(self, i2c_addr: int, register: int) -> int:
        low, high = self._transfer(i2c_addr, bytes([register]), 2)
        return low | high << 8

    def write_word_data(self, i2c_addr: int, register: int, value: int) -> None:
        self._transfer(i2c_addr, bytes([register, value & 0xFF, value >> 8]), 0)

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        return list(self._transfer(i2c_addr, bytes([register]), length))

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: object) -> None:
        assert isinstance(data, list)
        self._transfer(i2c_addr, bytes([register, *data]), 0)

    def close(self) -> None:
        self.closed += 1

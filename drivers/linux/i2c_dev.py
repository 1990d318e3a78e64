"""One `/dev/i2c-*` through smbus2: combined transfers, and Linux's fault codes in our words.

Sources: Linux Documentation/i2c/fault-codes.rst, functionality.rst and smbus-protocol.rst.
"""

import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from smbus2 import I2cFunc, SMBus, i2c_msg

from drivers.errors import (
    BadReply,
    BusMissing,
    DriverError,
    NoReply,
    NotConnected,
    NotPermitted,
    Refused,
)

_LONGEST_MESSAGE = 8192  # i2c-dev refuses more in one message
_LONGEST_BLOCK = 32  # I2C_SMBUS_BLOCK_MAX

_NO_PERMISSION = (
    "no permission: add this user to the group i2c (sudo adduser $USER i2c, then log in again)"
    " or install the udev rules"
)
_STRETCHED = (
    "the chip may hold the clock longer than the adapter waits, which the Raspberry Pi's own does"
    " badly: try 50 kHz (dtparam=i2c_arm_baudrate=50000) or a software bus (dtoverlay=i2c-gpio)"
)


class Adapter(Protocol):
    """The part of `smbus2.SMBus` that is used here."""

    funcs: I2cFunc

    def i2c_rdwr(self, *messages: i2c_msg) -> None: ...
    def write_quick(self, i2c_addr: int) -> None: ...
    def read_byte(self, i2c_addr: int) -> int: ...
    def write_byte(self, i2c_addr: int, value: int) -> None: ...
    def read_byte_data(self, i2c_addr: int, register: int) -> int: ...
    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None: ...
    def read_word_data(self, i2c_addr: int, register: int) -> int: ...
    def write_word_data(self, i2c_addr: int, register: int, value: int) -> None: ...
    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]: ...
    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None: ...
    def close(self) -> None: ...


def open_smbus2(path: str) -> Adapter:
    """Open a bus with smbus2, and close the file where it turns out to be no bus."""
    adapter = SMBus()
    try:
        adapter.open(path)
    except BaseException:
        adapter.close()
        raise
    return adapter


class I2cDev:
    """Implements `drivers.buses.I2cBus` on an adapter of the kernel's.

    The file is open from the first transfer until no thread holds the bus, and never while the bus
    is idle: the kernel cannot remove a USB adapter that was pulled before every file on it is
    closed (i2c_del_adapter), and serves no port of its hub until then. So an adapter that was
    pulled and plugged in again is used as before. Opening and closing costs 4 µs on a PC
    (measured with a plain file); reading a register of two bytes takes 480 µs at 100 kHz.

    An adapter without plain I²C (a PC's SMBus, i2c-stub) makes those transfers that have the same
    bytes on the wire in SMBus: an address alone, one byte, a register with 1 to 32 bytes. Others
    are `Refused`, and nothing is sent.

    Raises `BusMissing` when there is no such bus, or when too many files are open;
    `NotPermitted` when this user may not open it.
    """

    def __init__(
        self,
        bus: int,
        *,
        folder: Path = Path("/dev"),
        open_adapter: Callable[[str], Adapter] = open_smbus2,
    ) -> None:
        if bus < 0:
            raise ValueError(f"there is no I²C bus {bus}")
        self.path = str(folder / f"i2c-{bus}")
        self._open_adapter = open_adapter
        self._lock = threading.RLock()
        self._holds = 0
        self._open: Adapter | None = None
        self.check()

    def check(self) -> None:
        """Raise as the constructor does when the bus is gone or may not be opened any more."""
        try:
            self._open_adapter(self.path).close()
        except OSError as error:
            raise self._not_opened(error) from error

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        """Write, then after a repeated start read, to the 7-bit `address`, as one transaction.

        With nothing to write or read, the address alone is sent, to see whether it is acknowledged.
        """
        if not 0 <= address <= 0x7F:
            raise ValueError(f"{self.path}: {address:#x} is not a 7-bit address")
        if not 0 <= read_size <= _LONGEST_MESSAGE or len(write) > _LONGEST_MESSAGE:
            raise ValueError(
                f"{self.path}: cannot write {len(write)} and read {read_size} bytes at once,"
                f" {_LONGEST_MESSAGE} are the most"
            )
        with self.hold():
            try:
                adapter = self._adapter()
                if adapter.funcs & I2cFunc.I2C:
                    return _combined(adapter, address, write, read_size)
                return self._as_smbus(adapter, address, write, read_size)
            except OSError as error:
                raise self._failed(error, address, write, read_size) from error

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the bus for several transfers without others between; one thread may nest this."""
        with self._lock:
            self._holds += 1
            try:
                yield
            finally:
                self._holds -= 1
                if not self._holds:
                    self._close()

    def _adapter(self) -> Adapter:
        if self._open is None:
            self._open = self._open_adapter(self.path)
        return self._open

    def _close(self) -> None:
        adapter, self._open = self._open, None
        if adapter is not None:
            with suppress(OSError):
                adapter.close()

    def _as_smbus(self, bus: Adapter, address: int, write: bytes, read_size: int) -> bytes:
        """Make the SMBus transfer with the same bytes on the wire, if there is one."""
        can = I2cFunc(bus.funcs)
        register, data = write[:1], write[1:]
        match len(write), read_size:
            case 0, 0 if can & I2cFunc.SMBUS_QUICK:
                bus.write_quick(address)
            case 1, 0 if can & I2cFunc.SMBUS_WRITE_BYTE:
                bus.write_byte(address, register[0])
            case 2, 0 if can & I2cFunc.SMBUS_WRITE_BYTE_DATA:
                bus.write_byte_data(address, register[0], data[0])
            case 3, 0 if can & I2cFunc.SMBUS_WRITE_WORD_DATA:
                bus.write_word_data(address, register[0], int.from_bytes(data, "little"))
            case _, 0 if 1 <= len(data) <= _LONGEST_BLOCK and can & I2cFunc.SMBUS_WRITE_I2C_BLOCK:
                bus.write_i2c_block_data(address, register[0], list(data))
            case 0, 1 if can & I2cFunc.SMBUS_READ_BYTE:
                return bytes([bus.read_byte(address)])
            case 1, 1 if can & I2cFunc.SMBUS_READ_BYTE_DATA:
                return bytes([bus.read_byte_data(address, register[0])])
            case 1, 2 if can & I2cFunc.SMBUS_READ_WORD_DATA:
                return bus.read_word_data(address, register[0]).to_bytes(2, "little")
            case 1, size if 1 <= size <= _LONGEST_BLOCK and can & I2cFunc.SMBUS_READ_I2C_BLOCK:
                return bytes(bus.read_i2c_block_data(address, register[0], size))
            case _:
                raise Refused(
                    f"{self.path}: this adapter only does SMBus, which has nothing like"
                    f" {_asked(address, write, read_size)}"
                )
        return b""

    def _failed(self, error: OSError, address: int, write: bytes, read_size: int) -> DriverError:
        asked = f"{self.path}: {_asked(address, write, read_size)}"
        match error.errno:
            case _ if not Path(self.path).exists():
                self._close()  # now: another holder of the bus may go on trying
                return BusMissing(f"{asked}: the bus is gone")
            case errno.EACCES | errno.EPERM:
                return NotPermitted(f"{asked}: {_NO_PERMISSION}")
            case _ if self._open is None:
                return BusMissing(f"{asked}: the bus cannot be opened ({error})")
            case errno.ENXIO | errno.EREMOTEIO | errno.ENODEV:
                return NotConnected(f"{asked}: no acknowledge from {address:#04x}")
            case errno.EIO:  # "vague", say the fault codes: on the Raspberry Pi not a plain NAK
                return NotConnected(
                    f"{asked}: input/output error: no acknowledge from {address:#04x}, or"
                    f" {_STRETCHED}"
                )
            case errno.ETIMEDOUT:
                return NoReply(f"{asked}: not done in time: {_STRETCHED}")
            case errno.EAGAIN | errno.EBUSY:
                return NoReply(
                    f"{asked}: the bus is taken: another master, a short to ground, or a driver"
                    f" of the kernel's that owns this chip ({error.strerror})"
                )
            case errno.EBADMSG | errno.EPROTO:
                return BadReply(f"{asked}: not what the protocol allows ({error.strerror})")
            case errno.EINVAL | errno.EOPNOTSUPP:
                return Refused(f"{asked}: this adapter cannot do that ({error.strerror})")
            case _:
                return NoReply(f"{asked}: {error}")

    def _not_opened(self, error: OSError) -> DriverError:
        match error.errno:
            case errno.ENOENT | errno.ENXIO | errno.ENODEV:
                return BusMissing(
                    f"{self.path}: no such bus: on a Raspberry Pi switch it on with raspi-config"
                    f" (or dtparam=i2c_arm=on) and load i2c-dev"
                )
            case errno.EACCES | errno.EPERM:
                return NotPermitted(f"{self.path}: {_NO_PERMISSION}")
            case _:
                return BusMissing(f"{self.path}: cannot be opened ({error})")


def _combined(bus: Adapter, address: int, write: bytes, read_size: int) -> bytes:
    messages = [i2c_msg.write(address, write)] if write or not read_size else []
    if not read_size:
        bus.i2c_rdwr(*messages)
        return b""
    answer: Any = i2c_msg.read(address, read_size)  # its stub denies that bytes() works
    bus.i2c_rdwr(*messages, answer)
    return bytes(answer)


def _asked(address: int, write: bytes, read_size: int) -> str:
    parts = [f"write {write.hex(' ')}"] if write else []
    parts += [f"read {read_size}"] if read_size else []
    return f"{address:#04x} {', '.join(parts) or 'address only'}"

"""TI TCA9548A, eight I²C buses behind one address. Datasheet: TI SCPS207."""

import contextlib
from contextlib import AbstractContextManager

from drivers.buses import I2cBus
from drivers.capabilities import Identity
from drivers.errors import BadReply, DriverError, WrongDevice

CHANNELS = 8


class Tca9548a:
    """Hands out its channels as buses of their own.

    Every transfer selects its channel, reads the selection back, does its work and deselects all,
    while it holds the upstream bus. Deselecting costs two short transactions and keeps three
    traps shut:

    * Devices with one address on two channels, or behind two multiplexers, never hear each other's
      transfers, whichever multiplexer was used last.
    * A PCA9685 that has just been powered also answers to its all-call address 0x70, which is this
      chip's default. Behind a channel that stayed selected it would hear every selection; upstream,
      it spoils the selection read back, which raises `BadReply` here instead of measuring the
      wrong channel. Opening it as `drivers.pca9685.Pca9685` first switches its all-call off; if
      it is behind a channel, give this chip another address.
    * A device whose clock line hangs is off the upstream bus again after its own transfer.

    The chip has no identity register: construction writes and reads back selections, and raises
    `WrongDevice` when they do not come back.
    """

    def __init__(self, bus: I2cBus, address: int = 0x70) -> None:
        if not 0x70 <= address <= 0x77:
            raise ValueError(f"TCA9548A: {address:#04x} is outside 0x70…0x77")
        self._bus = bus
        self._address = address
        self.where = f"TCA9548A at {address:#04x}"
        with bus.hold():
            try:
                for mask in (0x01, 0x80, 0x00):  # bit 7 is what smaller relatives do not have
                    self._select(mask)
            except BadReply as error:
                self._let_go()
                raise WrongDevice(str(error)) from error
        self.identity = Identity("Texas Instruments", "TCA9548A")

    def channel(self, number: int) -> I2cBus:
        """The bus behind channel `number`, 0 to 7. Raises `ValueError` for others."""
        if not 0 <= number < CHANNELS:
            raise ValueError(f"{self.where}: channel {number} is outside 0…{CHANNELS - 1}")
        return _Channel(self, number)

    def transfer(self, channel: int, address: int, write: bytes, read_size: int) -> bytes:
        """One transaction on one channel; see `I2cBus.transfer`.

        Raises `ValueError` for this chip's own address, which no channel can use.
        """
        if address == self._address:
            raise ValueError(f"{self.where}: a device behind it cannot have the same address")
        with self._bus.hold():
            try:
                self._select(1 << channel)
                answer = self._relay(channel, address, write, read_size)
            except BaseException:
                self._let_go()
                raise
            self._select(0)
            return answer

    def hold(self) -> AbstractContextManager[object]:
        return self._bus.hold()

    def _relay(self, channel: int, address: int, write: bytes, read_size: int) -> bytes:
        try:
            return self._bus.transfer(address, write, read_size)
        except DriverError as error:
            raise type(error)(f"{self.where}, channel {channel}: {error}") from error

    def _let_go(self) -> None:
        """Deselects all without a word: the error that is under way says more."""
        with contextlib.suppress(DriverError):
            self._bus.transfer(self._address, b"\x00")

    def _select(self, mask: int) -> None:
        # Two transactions: the channels change on the stop condition that ends the first.
        self._bus.transfer(self._address, bytes([mask]))
        held = self._bus.transfer(self._address, b"", 1)
        if held != bytes([mask]):
            raise BadReply(
                f"{self.where}: selected {mask:02x}, reads back {held.hex() or 'nothing'}: is"
                " something else at this address, such as a PCA9685's all-call?"
            )


class _Channel:
    """Implements `drivers.buses.I2cBus`."""

    def __init__(self, mux: Tca9548a, number: int) -> None:
        self._mux = mux
        self._number = number

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        return self._mux.transfer(self._number, address, write, read_size)

    def hold(self) -> AbstractContextManager[object]:
        return self._mux.hold()

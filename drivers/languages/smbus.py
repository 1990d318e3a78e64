"""SMBus on any I²C adapter, with packet error codes. SMBus 3.1, 6.4 and 6.5; blocks as in 2.0.

A chip's words are little endian, its numbers without a sign. Up to SMBus 2.0 (5.5.7) a block has 1
to 32 bytes; the 0 to 255 that 3.1 allows are not for the chips that we know.
"""

from contextlib import AbstractContextManager

from drivers.buses import I2cBus
from drivers.errors import BadReply
from drivers.languages.registers import USABLE_ADDRESSES

LONGEST_BLOCK = 32
POLYNOMIAL = 0x07  # x⁸ + x² + x + 1, without its highest term


def packet_error_code(message: bytes) -> int:
    """Return the CRC-8 of all bytes on the wire, addresses with their read/write bit too (6.4)."""
    code = 0
    for byte in message:
        code ^= byte
        for _ in range(8):
            code = code << 1 ^ POLYNOMIAL if code & 0x80 else code << 1
        code &= 0xFF
    return code


class SmbusChip:
    """Talk to one chip. Its name and address begin every complaint.

    With `pec`, each message ends with a packet error code. A chip does not acknowledge a wrong one,
    which is `NotConnected`; what a chip sends with a wrong one is `BadReply`, as are fewer bytes
    than were asked for. It is worth its byte on the Raspberry Pi's own adapter, which garbles what
    chips send that hold the clock, as batteries do (50 kHz or i2c-gpio help).

    An adapter that does nothing but SMBus (see `drivers.linux.i2c_dev.I2cDev`) does what it has the
    same bytes on the wire for. The rest is `Refused` there: process calls, `receive_byte` with
    `pec`, blocks of more than 31 bytes (30 with `pec`), and all blocks and reading with `pec` where
    it knows no I²C blocks.

    Raises `ValueError` for addresses that I²C reserves (below 0x08, above 0x77).
    """

    def __init__(self, bus: I2cBus, address: int, name: str, *, pec: bool = False) -> None:
        if address not in USABLE_ADDRESSES:
            raise ValueError(f"{name}: {address:#04x} is not a 7-bit I²C address, 0x08…0x77")
        self._bus = bus
        self._address = address
        self._pec_bytes = 1 if pec else 0
        self.where = f"{name} at {address:#04x}"

    def hold(self) -> AbstractContextManager[object]:
        """Keep others away while messages that belong together are sent; see `I2cBus.hold`."""
        return self._bus.hold()

    def quick(self) -> None:
        """Send the address alone, with the bit for writing: a chip that is there acknowledges."""
        self._bus.transfer(self._address)

    def send_byte(self, value: int) -> None:
        """Send one byte, without a command before it."""
        self._write(bytes([self._checked(value, 1)]))

    def receive_byte(self) -> int:
        """Return one byte that the chip sends without being given a command."""
        return self._read(b"", 1)[0]

    def write_byte(self, command: int, value: int) -> None:
        self._write(bytes([self._checked(command, 1), self._checked(value, 1)]))

    def read_byte(self, command: int) -> int:
        return self._read(bytes([self._checked(command, 1)]), 1)[0]

    def write_word(self, command: int, value: int) -> None:
        self._write(self._command_and_word(command, value))

    def read_word(self, command: int) -> int:
        return int.from_bytes(self._read(bytes([self._checked(command, 1)]), 2), "little")

    def process_call(self, command: int, value: int) -> int:
        """Send a word and receive the chip's answer to it, a word, in the same message."""
        return int.from_bytes(self._read(self._command_and_word(command, value), 2), "little")

    def write_block(self, command: int, data: bytes) -> None:
        """Write 1 to 32 bytes, with their number in front."""
        if not 1 <= len(data) <= LONGEST_BLOCK:
            raise ValueError(
                f"{self.where}: a block of {len(data)} bytes, not 1 to {LONGEST_BLOCK}"
            )
        self._write(bytes([self._checked(command, 1), len(data)]) + data)

    def read_block(self, command: int, *, longest: int = LONGEST_BLOCK) -> bytes:
        """Return a block of 1 to `longest` bytes, without the number that the chip puts before it.

        Raises `BadReply` when that number is 0 or more than `longest`.

        The standard lets the host decide by the first byte how many more it takes. The Raspberry
        Pi's adapter and i2c-tiny-usb cannot do that (no I2C_M_RECV_LEN; the kernel's own block read
        then gives zeros). So all that could come is read, in one message, and cut by the first
        byte: the chip is clocked on past its end. Most then leave the line high (FF), some begin
        anew; none can tell before the last byte that a shorter answer was enough. Where a chip
        minds, say its `longest`.
        """
        if not 1 <= longest <= LONGEST_BLOCK:
            raise ValueError(f"{self.where}: blocks have 1 to {LONGEST_BLOCK} bytes, not {longest}")
        asked = bytes([self._checked(command, 1)])
        received = self._receive(asked, 1 + longest + self._pec_bytes)
        if not 1 <= received[0] <= longest:
            raise BadReply(
                f"{self.where}: {asked.hex()} → {received.hex(' ')}:"
                f" a block of {received[0]} bytes, not 1 to {longest}"
            )
        return self._without_pec(asked, received[: 1 + received[0] + self._pec_bytes])[1:]

    def _write(self, data: bytes) -> None:
        if self._pec_bytes:
            data += bytes([packet_error_code(bytes([self._address << 1]) + data)])
        self._bus.transfer(self._address, data)

    def _read(self, asked: bytes, size: int) -> bytes:
        return self._without_pec(asked, self._receive(asked, size + self._pec_bytes))

    def _receive(self, asked: bytes, size: int) -> bytes:
        received = self._bus.transfer(self._address, asked, size)
        if len(received) != size:
            raise BadReply(
                f"{self.where}: {asked.hex(' ') or 'receive byte'} → {received.hex(' ')}:"
                f" {len(received)} bytes, not {size}"
            )
        return received

    def _without_pec(self, asked: bytes, received: bytes) -> bytes:
        if not self._pec_bytes:
            return received
        answer, code = received[:-1], received[-1]
        question = bytes([self._address << 1]) + asked if asked else b""
        message = question + bytes([self._address << 1 | 1]) + answer
        expected = packet_error_code(message)
        if code != expected:
            raise BadReply(
                f"{self.where}: {message.hex(' ')} ends with PEC {code:02x}, not {expected:02x}"
            )
        return answer

    def _command_and_word(self, command: int, value: int) -> bytes:
        word = self._checked(value, 2).to_bytes(2, "little")
        return bytes([self._checked(command, 1)]) + word

    def _checked(self, value: int, size: int) -> int:
        if not 0 <= value < 1 << 8 * size:
            raise ValueError(f"{self.where}: {value} does not fit into {size} bytes")
        return value

"""A chip on SMBus, for drivers to be tried on. SMBus 3.1, 6.4 (packet error code) and 6.5."""

from collections.abc import Callable, Mapping

from drivers.sim.hardware import Nak

GENERATOR = 0x107  # x⁸ + x² + x + 1
PULLED_UP = 0xFF  # what a host reads that goes on when the chip has said everything


class SimulatedSmbusChip:
    """Knows commands with a byte, a word or a block; anything else is not acknowledged.

    `values` are as on the wire, a word with its low byte first; they can be written with as many
    bytes as they have. `blocks` are without their count, and can be written at any length up to
    255. `calls` answer a word with a word. What `send byte` sends is in `sent`, `receive byte`
    gives `state`.

    As the standard demands, a chip with `pec` also talks to hosts that send none and that do not
    read it.
    """

    wrong_pec = False
    """Fault: its packet error codes are not those of its answers."""

    count_says: int | None = None
    """Fault: what it puts in front of a block, of any length."""

    def __init__(
        self,
        address: int,
        *,
        pec: bool = False,
        values: Mapping[int, bytes] | None = None,
        blocks: Mapping[int, bytes] | None = None,
        calls: Mapping[int, Callable[[int], int]] | None = None,
        state: int = 0,
    ) -> None:
        self.pec = pec
        self.values = dict(values or {})
        self.blocks = dict(blocks or {})
        self.calls = dict(calls or {})
        self.state = state
        self.sent: list[int] = []
        self._to_write = bytes([address * 2])
        self._to_read = bytes([address * 2 + 1])

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if not read_size:
            self._take(write)
            return b""
        answer = self._answer(write)
        if self.pec:
            heard = self._to_write + write if write else b""
            code = remainder(heard + self._to_read + answer)
            answer += bytes([code ^ 0xFF if self.wrong_pec else code])
        return answer[:read_size].ljust(read_size, bytes([PULLED_UP]))

    def _take(self, write: bytes) -> None:
        if not write:
            return  # quick command
        size = self._size(write)
        if self.pec and len(write) == size + 1:
            if remainder(self._to_write + write):
                raise Nak
            write = write[:-1]
        if len(write) != size:
            raise Nak
        if size == 1:
            self.sent.append(write[0])
        elif write[0] in self.values:
            self.values[write[0]] = write[1:]
        else:
            self.blocks[write[0]] = write[2:]

    def _size(self, write: bytes) -> int:
        """Return the size of a message that begins like this, without its packet error code."""
        command, data = write[0], write[1:]
        if command in self.values and data:
            return 1 + len(self.values[command])
        if command in self.blocks and data:
            return 2 + data[0]
        return 1

    def _answer(self, write: bytes) -> bytes:
        if not write:
            return bytes([self.state])
        command, data = write[0], write[1:]
        if command in self.calls and len(data) == 2:
            return self.calls[command](int.from_bytes(data, "little")).to_bytes(2, "little")
        if command in self.values and not data:
            return self.values[command]
        if command in self.blocks and not data:
            block = self.blocks[command]
            return bytes([len(block) if self.count_says is None else self.count_says]) + block
        raise Nak


def remainder(message: bytes) -> int:
    """Return the remainder of `message`, with eight zeros behind it, divided by the generator.

    It is 0 when the last byte already is the remainder of those before it.
    """
    left = int.from_bytes(message, "big") << 8
    while left.bit_length() > 8:
        left ^= GENERATOR << left.bit_length() - 9
    return left

"""The answering end of Modbus RTU, for twins of instruments that speak it.

From MODBUS Application Protocol V1.1b3 (frames, exceptions) and MODBUS over Serial Line V1.02
(CRC, "no response is returned" to a damaged request or to another unit's).
"""

import struct

MOST_BYTES = 256  # "2.5.1 RTU Transmission Mode": the longest frame

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3


def _crc_table() -> tuple[int, ...]:
    table = []
    for low_byte in range(256):
        remainder = low_byte
        for _ in range(8):
            carry, remainder = remainder & 1, remainder >> 1
            remainder ^= 0xA001 * carry
        table.append(remainder)
    return tuple(table)


_TABLE = _crc_table()


def with_crc(frame: bytes) -> bytes:
    """Return the frame with its CRC, by the table in "Appendix B: CRC Generation"."""
    crc = 0xFFFF
    for byte in frame:
        crc = crc >> 8 ^ _TABLE[crc & 0xFF ^ byte]
    return frame + bytes([crc & 0xFF, crc >> 8])


class ModbusException(Exception):
    """The simulated unit says no, with this exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


class SimulatedModbusRtu:
    """Answers as one unit. A twin overrides what its instrument offers; all else is illegal.

    A real unit finds the frames by the silence between them. There is none to be seen here, so a
    frame is what has a right CRC, and what lies before it is skipped. Of an unknown function, whose
    size is not known either, only a frame for this unit counts: others could be a part of one.
    """

    def __init__(self, *units: int) -> None:
        self.units = frozenset(units)
        self._heard = b""

    def read_holding(self, first: int, count: int) -> list[int]:
        raise ModbusException(ILLEGAL_FUNCTION)

    def read_input(self, first: int, count: int) -> list[int]:
        raise ModbusException(ILLEGAL_FUNCTION)

    def write_holding(self, first: int, values: list[int]) -> None:
        raise ModbusException(ILLEGAL_FUNCTION)

    def special(self, function: int, data: bytes) -> bytes:
        """Return the data of the answer to a function of the maker's own."""
        raise ModbusException(ILLEGAL_FUNCTION)

    def special_size(self, function: int) -> int | None:
        """Return the data bytes that follow a maker's own function; None for no such function."""
        return None

    def receive(self, data: bytes) -> bytes:
        self._heard += data
        answers = b""
        while frame := self._next_frame():
            if frame[0] in self.units:
                answers += self._answer(frame)
        self._heard = self._heard[-MOST_BYTES:]
        return answers

    def _next_frame(self) -> bytes:
        for start in range(len(self._heard) - 3):
            size = self._size_at(start)
            if size is None and self._heard[start] not in self.units:
                continue
            frame = self._heard[start:] if size is None else self._heard[start : start + size]
            if len(frame) == (size or len(frame)) and with_crc(frame[:-2]) == frame:
                self._heard = self._heard[start + len(frame) :]
                return frame[:-2]
        return b""

    def _size_at(self, start: int) -> int | None:
        """Return the size of a request with this function; None for one without a known size."""
        function = self._heard[start + 1]
        if function in (1, 2, 3, 4, 5, 6):
            return 8
        if function in (15, 16):
            counted = self._heard[start + 6 : start + 7]
            return 9 + counted[0] if counted else None
        own = self.special_size(function)
        return None if own is None else 4 + own

    def _answer(self, frame: bytes) -> bytes:
        unit, function, data = frame[0], frame[1], frame[2:]
        try:
            answer = self._perform(function, data)
        except ModbusException as no:
            function, answer = function | 0x80, bytes([no.code])
        return with_crc(bytes([unit, function]) + answer)

    def _perform(self, function: int, data: bytes) -> bytes:
        if function in (3, 4):
            first, count = struct.unpack(">HH", data)
            if not 1 <= count <= 125:
                raise ModbusException(ILLEGAL_VALUE)
            values = (self.read_holding if function == 3 else self.read_input)(first, count)
            return struct.pack(f">B{count}H", 2 * count, *values)
        if function == 6:
            register, value = struct.unpack(">HH", data)
            self.write_holding(register, [value])
            return data
        if function == 16:
            first, count, size = struct.unpack(">HHB", data[:5])
            if not 1 <= count <= 123 or size != 2 * count:
                raise ModbusException(ILLEGAL_VALUE)
            self.write_holding(first, list(struct.unpack(f">{count}H", data[5:])))
            return data[:4]
        return self.special(function, data)

"""Modbus RTU, the master's end: one unit on one serial line.

Frames and function codes: MODBUS Application Protocol Specification V1.1b3, section 6. CRC and
silence: MODBUS over Serial Line V1.02, section 2.5.1.
"""

import struct
from collections.abc import Collection, Sequence

from drivers.buses import ByteStream, Time
from drivers.errors import BadReply, NoReply, Refused

READ_HOLDING = 0x03
READ_INPUT = 0x04
WRITE_REGISTER = 0x06
WRITE_REGISTERS = 0x10
EXCEPTION = 0x80  # "7 MODBUS Exception Responses": the function code with its top bit set

EXCEPTION_NAMES = {  # "7 MODBUS Exception Responses"
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}

LAST_UNIT = 247  # MODBUS over Serial Line V1.02, 2.2; 248 to 255 are reserved

MOST_READ = 125  # "6.3 03 Read Holding Registers"
MOST_WRITTEN = 123  # "6.12 16 Write Multiple registers"


def crc16(data: bytes) -> int:
    """Return the CRC-16/MODBUS of `data`. On the wire its low byte goes first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class ModbusRtu:
    """Ask one unit, and check what it answers.

    Every method raises `NoReply` on silence, `BadReply` when the answer is short, has a wrong CRC
    or comes from another unit or to another question, and `Refused` with the name of the exception
    code when the unit says no. A mistake in the arguments is a `ValueError` and sends nothing.

    `silence_s` is kept between the end of an answer and the next question; the default is 3.5
    characters at 9600 baud, 1.75 ms is enough above 19200. `attempts` is how often a question is
    put in all while its answer is damaged or, with `again_after_silence`, missing, as from units
    known to swallow answers. It is for questions that do no harm twice: a read always, a write only
    when its caller says so, because the answer may be lost of a write that was done. Registers in
    `never_written` are refused with a `ValueError`.
    """

    def __init__(
        self,
        line: ByteStream,
        unit: int,
        name: str,
        *,
        time: Time,
        silence_s: float = 0.004,
        attempts: int = 1,
        again_after_silence: bool = True,
        never_written: Collection[int] = (),
    ) -> None:
        if not 1 <= unit <= 255:
            raise ValueError(
                f"{name}: unit {unit} is outside 1…255; to 0, broadcast, nobody answers"
            )
        self._line = line
        self._unit = unit
        self._time = time
        self._silence_s = silence_s
        self._attempts = attempts
        self._again_after = (NoReply, BadReply) if again_after_silence else (BadReply,)
        self._never_written = frozenset(never_written)
        self._quiet_since_s = time.monotonic()
        self.where = f"{name}, unit {unit}"

    def read_holding(self, first: int, count: int) -> tuple[int, ...]:
        """Return `count` holding registers from `first` on, as unsigned 16-bit numbers."""
        return self._read(READ_HOLDING, first, count)

    def read_input(self, first: int, count: int) -> tuple[int, ...]:
        """Return `count` input registers from `first` on, as unsigned 16-bit numbers."""
        return self._read(READ_INPUT, first, count)

    def write_register(self, register: int, value: int, *, repeatable: bool = False) -> None:
        """Write one register. `repeatable`: a second time does what once does."""
        self._check_written(register, [value])
        data = struct.pack(">HH", register, value)
        self._expect_echo(WRITE_REGISTER, data, data, attempts=self._attempts if repeatable else 1)

    def write_registers(
        self, first: int, values: Sequence[int], *, repeatable: bool = False
    ) -> None:
        """Write consecutive registers in one go. `repeatable` as for `write_register`."""
        self._check_written(first, values)
        echo = struct.pack(">HH", first, len(values))
        data = echo + struct.pack(f">B{len(values)}H", 2 * len(values), *values)
        self._expect_echo(WRITE_REGISTERS, data, echo, attempts=self._attempts if repeatable else 1)

    def command(self, function: int) -> None:
        """Send a function of the maker's own, without data, that is answered by its echo."""
        if not 1 <= function < EXCEPTION:
            raise ValueError(f"{self.where}: function {function} is outside 1…127")
        self._expect_echo(function, b"", b"", attempts=1)

    def _read(self, function: int, first: int, count: int) -> tuple[int, ...]:
        self._check_registers(first, count, MOST_READ)
        question = struct.pack(">HH", first, count)
        data = self._ask(function, question, 1 + 2 * count, attempts=self._attempts)
        if data[0] != 2 * count:
            raise BadReply(
                f"{self.where}: {count} registers from {first} → {data[0]} bytes: {data.hex(' ')}"
            )
        return struct.unpack(f">{count}H", data[1:])

    def _expect_echo(self, function: int, data: bytes, echo: bytes, *, attempts: int) -> None:
        answer = self._ask(function, data, len(echo), attempts=attempts)
        if answer != echo:
            raise BadReply(
                f"{self.where}: function {function:#04x}, {data.hex(' ')}"
                f" → {answer.hex(' ')}, not its echo"
            )

    def _ask(self, function: int, data: bytes, answer_size: int, *, attempts: int) -> bytes:
        for _ in range(attempts - 1):
            try:
                return self._ask_once(function, data, answer_size)
            except self._again_after:
                continue
        return self._ask_once(function, data, answer_size)

    def _ask_once(self, function: int, data: bytes, answer_size: int) -> bytes:
        question = bytes([self._unit, function]) + data
        question += crc16(question).to_bytes(2, "little")
        self._keep_silence()
        self._line.reset_input_buffer()  # an answer that came too late is not the answer to this
        self._line.write(question)
        answer = self._line.read(2)
        refused = answer[1:] == bytes([function | EXCEPTION])
        size = 5 if refused else 4 + answer_size
        if len(answer) == 2:
            answer += self._line.read(size - 2)
        self._quiet_since_s = self._time.monotonic()

        dialogue = f"{self.where}: {question.hex(' ')} → {answer.hex(' ') or 'nothing'}"
        if not answer:
            raise NoReply(dialogue)
        if len(answer) < size:
            raise BadReply(f"{dialogue}: {len(answer)} bytes, not {size}")
        if crc16(answer[:-2]) != int.from_bytes(answer[-2:], "little"):
            raise BadReply(f"{dialogue}: wrong CRC, computed {crc16(answer[:-2]):#06x}")
        if answer[0] != self._unit:
            raise BadReply(f"{dialogue}: from unit {answer[0]}")
        if refused:
            name = EXCEPTION_NAMES.get(answer[2], "unknown exception")
            raise Refused(f"{dialogue}: exception {answer[2]}, {name}")
        if answer[1] != function:
            raise BadReply(f"{dialogue}: to function {answer[1]:#04x}")
        return answer[2:-2]

    def _keep_silence(self) -> None:
        passed_s = self._time.monotonic() - self._quiet_since_s
        if passed_s < self._silence_s:
            self._time.sleep(self._silence_s - passed_s)

    def _check_registers(self, first: int, count: int, most: int) -> None:
        if not 1 <= count <= most:
            raise ValueError(f"{self.where}: {count} registers at once, not 1…{most}")
        if not 0 <= first <= 0x10000 - count:
            raise ValueError(f"{self.where}: registers {first}…{first + count - 1} do not exist")

    def _check_written(self, first: int, values: Sequence[int]) -> None:
        self._check_registers(first, len(values), MOST_WRITTEN)
        for register, value in enumerate(values, first):
            if register in self._never_written:
                raise ValueError(f"{self.where}: register {register} must never be written")
            if not 0 <= value <= 0xFFFF:
                raise ValueError(f"{self.where}: {value} does not fit into register {register}")

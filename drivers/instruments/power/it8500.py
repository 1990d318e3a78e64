"""ITECH IT8500 and IT8500+, B&K Precision 8500 electronic loads: 26-byte frames.

"8500 DC Load Series" user manual (B&K Precision, February 2009), "Command details"; "IT8500+ Series
Frame Format" (ITECH, 2008) for the limits, 0x01, and for what the status bytes mean.

The TTL port wants the maker's isolated adapter (IT-E131 or IT-E132), which DTR and RTS power.
"""

import re
import struct
from typing import Annotated, NamedTuple

from drivers.buses import ByteStream
from drivers.capabilities import ElectronicLoad, Identity, Power, PowerMeter
from drivers.errors import BadReply, NoReply, Refused, WrongDevice
from drivers.formats.text import clean
from drivers.wiring import Between

START = 0xAA
FRAME_SIZE = 26
DATA_SIZE = 22
MOST_ADDRESS = 0xFE  # 0xFF is for all loads on the line, and none answers to it

READ_LIMITS = 0x01
STATUS = 0x12
SET_REMOTE = 0x20
SET_INPUT = 0x21
READ_MAX_VOLTAGE = 0x23
READ_MAX_CURRENT = 0x25
READ_MAX_POWER = 0x27
SET_MODE = 0x28
READ_MODE = 0x29
SET_FUNCTION = 0x5D
READ_STATE = 0x5F
READ_MODEL = 0x6A

DONE = 0x80  # "Status packets"
REFUSALS = {
    0x90: "checksum incorrect",
    0xA0: "parameter incorrect or out of range",
    0xB0: "not executed: unrecognised, or not in remote operation",
    0xC0: "invalid command",
}

FIXED = 0  # "0x5D Select FIXED/SHORT/TRAN/LIST/BATTERY function"

INPUT_ON = 1 << 3  # operation state register
FAULTS = {  # demand state register
    "RV": 1 << 0,  # reverse voltage at the terminals
    "OV": 1 << 1,
    "OC": 1 << 2,
    "OP": 1 << 3,
    "OT": 1 << 4,
}

SAFE_ATTEMPTS = 3

VOLTS = 1000  # counts in a volt; the manual's "1 represents 1 mV"
AMPERES = 10_000
WATTS = 1000
OHMS = 1000


class Mode(NamedTuple):
    """One way to sink: its number for 0x28, the commands for its value, counts in its unit."""

    number: int
    set_value: int
    read_value: int
    counts: int


CURRENT = Mode(0, 0x2A, 0x2B, AMPERES)
VOLTAGE = Mode(1, 0x2C, 0x2D, VOLTS)
POWER = Mode(2, 0x2E, 0x2F, WATTS)
RESISTANCE = Mode(3, 0x30, 0x31, OHMS)


class Limits(NamedTuple):
    """The values that the load can be set to."""

    max_current_a: float
    max_voltage_v: float
    min_voltage_v: float
    max_power_w: float
    max_resistance_ohm: float
    min_resistance_ohm: float


class State(NamedTuple):
    power: Power
    input_on: bool
    faults: frozenset[str]


class It8500(ElectronicLoad, PowerMeter):
    """Drives a load with its own meter. It is in remote operation and off after construction.

    Values, modes and the input are read back; `Refused` says what was kept instead, or with which
    status the load declined. A question whose answer is damaged is asked once more. Raises
    `WrongDevice` on construction when something else speaks the 26-byte frames, as the makers'
    power supplies do.
    """

    BAUDRATE = 9600  # as delivered; 4800, 19200 and 38400 can be chosen at the panel

    resolution_v = 1 / VOLTS
    resolution_a = 1 / AMPERES

    def __init__(
        self,
        line: ByteStream,
        *,
        address: Annotated[int, Between(0, MOST_ADDRESS), "of the load in its own menu"] = 0,
    ) -> None:
        if not 0 <= address <= MOST_ADDRESS:
            raise ValueError(f"IT8500: address {address} is outside 0…{MOST_ADDRESS}")
        self._line = line
        self._address = address
        self._where = f"IT8500, address {address}"
        self.identity = self._read_identity()
        self.limits = self._read_limits()
        self.max_v, self.max_a = self.limits.max_voltage_v, self.limits.max_current_a
        self.make_safe()
        self._command(SET_FUNCTION, FIXED)

    def sink_current(self, current_a: float) -> None:
        """Hold this current. `ValueError` outside the load's limits, as with the others."""
        if not 0 <= current_a <= self.limits.max_current_a:
            raise ValueError(f"{current_a} A is outside 0…{self.limits.max_current_a} A")
        self._sink(CURRENT, current_a)

    def sink_power(self, power_w: float) -> None:
        """Hold this power."""
        if not 0 <= power_w <= self.limits.max_power_w:
            raise ValueError(f"{power_w} W is outside 0…{self.limits.max_power_w} W")
        self._sink(POWER, power_w)

    def sink_resistance(self, resistance_ohm: float) -> None:
        """Behave like this resistance."""
        least, most = self.limits.min_resistance_ohm, self.limits.max_resistance_ohm
        if not least <= resistance_ohm <= most:
            raise ValueError(f"{resistance_ohm} Ω is outside {least}…{most} Ω")
        self._sink(RESISTANCE, resistance_ohm)

    def hold_voltage(self, voltage_v: float) -> None:
        """Draw as much as it takes to hold this voltage."""
        least, most = self.limits.min_voltage_v, self.limits.max_voltage_v
        if not least <= voltage_v <= most:
            raise ValueError(f"{voltage_v} V is outside {least}…{most} V")
        self._sink(VOLTAGE, voltage_v)

    def switch(self, *, on: bool) -> None:
        """Switch the input. Raises `Refused`, with the faults, when it does not follow."""
        self._command(SET_INPUT, int(on))
        state = self._read_state()
        if state.input_on != on:
            raise Refused(
                f"{self._where}: input {'on' if on else 'off'}"
                f" → {'on' if state.input_on else 'off'}, faults {sorted(state.faults)}"
            )

    def make_safe(self) -> None:
        """Switch the input off, in three attempts: an answer may have gone astray."""
        for _ in range(SAFE_ATTEMPTS - 1):
            try:
                return self._let_go()
            except (NoReply, BadReply, Refused):
                continue
        return self._let_go()

    def _let_go(self) -> None:
        # Local may have been pressed, or the load may have lost its power meanwhile: then it
        # is not in remote operation and would refuse to be switched off.
        self._command(SET_REMOTE, 1)
        self.switch(on=False)

    def read(self) -> Power:
        """Return volts at the terminals, amperes and watts, all of one sample."""
        return self._read_state().power

    def read_faults(self) -> frozenset[str]:
        """Return the faults that the load reports now: any of RV, OV, OC, OP, OT.

        Reverse voltage; over-voltage and over-temperature, which switch the input off;
        over-current and over-power, at which it only limits.
        """
        return self._read_state().faults

    def _sink(self, mode: Mode, value: float) -> None:
        counts = round(value * mode.counts)
        was_on = self._read_state().input_on
        # The value before the mode: an input that is on never sinks what this mode was last told.
        self._command(mode.set_value, counts)
        self._command(SET_MODE, mode.number)
        (kept,) = struct.unpack_from("<I", self._ask(mode.read_value))
        if kept != counts:
            raise Refused(f"{self._where}: {mode.set_value:#04x} {counts} counts → kept {kept}")
        if (number := self._ask(READ_MODE)[0]) != mode.number:
            raise Refused(f"{self._where}: mode {mode.number} → stayed in {number}")
        if was_on and not self._read_state().input_on:
            # Some of the family switch off with a change of mode ("8500B Series", 6.1).
            self.switch(on=True)

    def _read_identity(self) -> Identity:
        try:
            data = self._ask(READ_MODEL)
        except Refused as refused:
            raise WrongDevice(f"expected an IT8500 load: {refused}") from refused
        model = _text(data[:5])
        if not re.fullmatch(r"85[0-9]{2}.?", model):
            raise WrongDevice(
                f"{self._where}: expected a load of the 8500 family, found {data.hex(' ')}"
            )
        return Identity("ITECH", model, _text(data[7:17]), f"{data[6]:x}.{data[5]:02x}")

    def _read_limits(self) -> Limits:
        try:
            data = self._ask(READ_LIMITS)
        except Refused:
            return self._read_maxima()  # 0x01 is not in the manual of the first 8500s
        max_a, max_v, min_v, max_w, max_ohm, min_ohm = struct.unpack("<IIIIIH", data)
        return Limits(
            max_a / AMPERES,
            max_v / VOLTS,
            min_v / VOLTS,
            max_w / WATTS,
            max_ohm / OHMS,
            min_ohm / OHMS,
        )

    def _read_maxima(self) -> Limits:
        """Return what the first 8500s can tell, with the rest from their "Specifications"."""
        maxima = [
            struct.unpack_from("<I", self._ask(command))[0] / counts
            for command, counts in (
                (READ_MAX_CURRENT, AMPERES),
                (READ_MAX_VOLTAGE, VOLTS),
                (READ_MAX_POWER, WATTS),
            )
        ]
        return Limits(
            max_current_a=maxima[0],
            max_voltage_v=maxima[1],
            min_voltage_v=0.1,
            max_power_w=maxima[2],
            max_resistance_ohm=4000.0,
            min_resistance_ohm=0.1,
        )

    def _read_state(self) -> State:
        data = self._ask(READ_STATE)
        voltage, current, power, operation, demand = struct.unpack_from("<IIIBH", data)
        return State(
            self.lift_power(voltage / VOLTS, current / AMPERES, power / WATTS),
            operation & INPUT_ON != 0,
            frozenset(name for name, bit in FAULTS.items() if demand & bit),
        )

    def _command(self, command: int, value: int) -> None:
        """Send a command, which is answered by a status alone."""
        answer, dialogue = self._exchange(command, value.to_bytes(4, "little"))
        if answer[0] != STATUS:
            raise BadReply(f"{dialogue}: no status")

    def _ask(self, command: int) -> bytes:
        """Return the 22 bytes of data that are the answer to a question.

        It is asked once more where the answer is damaged. An answer to another question is not:
        then one came late, and the next would, too.
        """
        try:
            answer, dialogue = self._exchange(command, b"")
        except BadReply:
            answer, dialogue = self._exchange(command, b"")
        if answer[0] != command:
            raise BadReply(f"{dialogue}: no answer to {command:#04x}")
        return answer[1:]

    def _exchange(self, command: int, data: bytes) -> tuple[bytes, str]:
        """Return the answer's command and data, and the dialogue for complaints about them."""
        question = bytes([START, self._address, command]) + data.ljust(DATA_SIZE, b"\0")
        question += bytes([sum(question) & 0xFF])
        self._line.reset_input_buffer()  # an answer that came too late is not the answer to this
        self._line.write(question)
        answer = self._line.read(FRAME_SIZE)

        dialogue = f"{self._where}: {question.hex(' ')} → {answer.hex(' ') or 'nothing'}"
        if not answer:
            raise NoReply(dialogue)
        if len(answer) < FRAME_SIZE:
            raise BadReply(f"{dialogue}: {len(answer)} bytes, not {FRAME_SIZE}")
        if answer[0] != START:
            raise BadReply(f"{dialogue}: does not start with {START:#04x}")
        if answer[-1] != (checksum := sum(answer[:-1]) & 0xFF):
            raise BadReply(f"{dialogue}: wrong checksum, computed {checksum:#04x}")
        if answer[1] != self._address:
            raise BadReply(f"{dialogue}: from address {answer[1]}")
        if answer[2] == STATUS and answer[3] != DONE:
            raise Refused(f"{dialogue}: {REFUSALS.get(answer[3], 'unknown status')}")
        return answer[2:-1], dialogue


def _text(data: bytes) -> str:
    """Return the text of a field that is filled up with zeros or blanks."""
    return clean(data.split(b"\0")[0])

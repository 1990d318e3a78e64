"""Korad KEL102/KEL103 and RND 320-KEL10x electronic loads, "Communication Commands with Computer".

Text over USB serial, values with their units both ways. There is no error queue: the load ignores
what it does not understand and clips what is above a limit, so everything that is set is read back.
The forms of commands and answers are those of firmware V3.30.
"""

import re
from typing import NamedTuple

from drivers.buses import ByteStream
from drivers.capabilities import ElectronicLoad, Identity, Power, PowerMeter
from drivers.errors import Refused, WrongDevice
from drivers.languages.scpi import Scpi

IDENTITY = re.compile(
    r"(?P<maker>KORAD|RND|RS|TENMA)[- ](?P<model>(320-|RS-)?KEL10[23])"
    r" V(?P<firmware>[\d.]+)( SN:(?P<serial>\d{8}))?",  # all that were published have eight
    re.ASCII,
)
BEGINNING = re.compile(r"(KORAD|RND|RS|TENMA)[- ](320-|RS-)?KEL10", re.ASCII)
QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)([A-Z]+)", re.ASCII)

STEP = 1e-4  # V, A, Ω, W: it keeps five digits
ACCURACY = 1e-4
SECONDS_PER_MINUTE = 60.0
SLOTS = range(1, 11)  # ":RCL:BATT 1" to 10
MOST_AH = 1000.0  # sanity: what five digits with a fraction hold
MOST_S = 1000.0 * SECONDS_PER_MINUTE


class Limits(NamedTuple):
    """The least and the most that may be set, both included."""

    low: float
    high: float


class BatteryProgress(NamedTuple):
    """The progress of the battery test in the instrument."""

    running: bool
    duration_s: float
    capacity_ah: float


class Kel103(ElectronicLoad, PowerMeter):
    """Drives a load with its own read-back. Its input is off after construction.

    Limits are the instrument's own, read once. Raises `WrongDevice` when another instrument
    answers, `BadReply` when an identity is that of a KEL10x and incomplete.
    """

    BAUDRATE = 115200
    PLAIN_TEXT = True

    resolution_v = 0.001  # it tells five digits, of which two may be before the point
    resolution_a = 0.001

    def __init__(self, line: ByteStream) -> None:
        self._scpi = Scpi(line, "KEL103", error_query="")
        self.identity = self._identify()
        self._scpi.name = f"{self.identity.maker} {self.identity.model}"
        self.switch(on=False)
        self._limits_a = self._ask_limits(":CURR", "A")
        self._limits_v = self._ask_limits(":VOLT", "V")
        self._limits_w = self._ask_limits(":POW", "W")
        self._limits_ohm = self._ask_limits(":RES", "OHM")
        self.max_v, self.max_a = self._limits_v.high, self._limits_a.high

    def sink_current(self, current_a: float) -> None:
        """Hold this current. `ValueError` outside the load's limits, as with the others."""
        _check(current_a, self._limits_a, "A")
        self._hold("CC", ":CURR", current_a, "A")

    def sink_power(self, power_w: float) -> None:
        """Hold this power."""
        _check(power_w, self._limits_w, "W")
        self._hold("CW", ":POW", power_w, "W")

    def sink_resistance(self, resistance_ohm: float) -> None:
        """Behave like this resistance."""
        _check(resistance_ohm, self._limits_ohm, "OHM")
        self._hold("CR", ":RES", resistance_ohm, "OHM")

    def hold_voltage(self, voltage_v: float) -> None:
        """Draw as much as it takes to hold this voltage."""
        _check(voltage_v, self._limits_v, "V")
        self._hold("CV", ":VOLT", voltage_v, "V")

    def switch(self, *, on: bool) -> None:
        """Switch the input. Raises `Refused` when it does not follow."""
        self._scpi.command(f":INP {on:d}")
        if self._read_switch() is not on:
            raise Refused(f"{self._scpi.name}: ':INP {on:d}' did not switch it")

    def read(self) -> Power:
        """Return volts at the terminals, amperes and watts, asked one after the other."""
        return self.lift_power(
            voltage_v=self._ask(":MEAS:VOLT?", "V"),
            current_a=self._ask(":MEAS:CURR?", "A"),
            power_w=self._ask(":MEAS:POW?", "W"),
        )

    def prepare_battery_test(
        self,
        *,
        current_a: float,
        cutoff_v: float,
        capacity_ah: float,
        duration_s: float,
        slot: int = 1,
    ) -> None:
        """Discharge with `current_a` until the first of voltage, charge (Ah) and time is reached.

        Stores the test in `slot` (1 to 10) and selects it; `switch(on=True)` starts it, and the
        instrument ends it by itself. Raises `Refused` when it kept something else.
        """
        _check(current_a, self._limits_a, "A")
        _check(cutoff_v, Limits(0.0, self._limits_v.high), "V")
        if slot not in SLOTS:
            raise ValueError(f"slot {slot} is not one of 1…10")
        if not (0 < capacity_ah < MOST_AH and 0 < duration_s < MOST_S):
            raise ValueError(f"{capacity_ah} Ah in {duration_s} s is not a test it could end")
        wanted = {
            "range": (self._limits_a.high, "A"),
            "current": (current_a, "A"),
            "voltage": (cutoff_v, "V"),
            "charge": (capacity_ah, "AH"),
            "time": (duration_s / SECONDS_PER_MINUTE, "M"),
        }
        given = ",".join(f"{value:.3f}{unit}" for value, unit in wanted.values())
        self._scpi.command(f":BATT {slot},{given}")
        self._scpi.command(f":RCL:BATT {slot}")
        reply = self._scpi.query(question := ":RCL:BATT?")
        kept = reply.split(",")
        if len(kept) != len(wanted):
            raise self._scpi.nonsense(question, reply, "not five values")
        for (value, unit), text in zip(wanted.values(), kept, strict=True):
            if abs(self._quantity(question, text.strip(), unit) - value) > 0.001 + value / 1000:
                raise Refused(f"{self._scpi.name}: ':BATT {slot},{given}', but kept {reply!r}")
        self._check_function("BATTERY")

    def read_battery_test(self) -> BatteryProgress:
        """Return whether the test runs, for how long, and what it has taken out so far."""
        return BatteryProgress(
            running=self._read_switch(),
            duration_s=self._ask(":BATT:TIM?", "M") * SECONDS_PER_MINUTE,
            capacity_ah=self._ask(":BATT:CAP?", "AH"),
        )

    def _identify(self) -> Identity:
        answer = self._scpi.ask_identity(lambda text: IDENTITY.fullmatch(text) is not None)
        match = IDENTITY.fullmatch(answer)
        if match is None and BEGINNING.match(answer):
            raise self._scpi.nonsense("*IDN?", answer, "an incomplete identity")
        if match is None:
            raise WrongDevice(f"expected a KEL102 or KEL103, but '*IDN?' → {answer!r}")
        return Identity(match["maker"], match["model"], match["serial"] or "", match["firmware"])

    def _ask_limits(self, header: str, unit: str) -> Limits:
        return Limits(self._ask(f"{header}:LOW?", unit), self._ask(f"{header}:UPP?", unit))

    def _hold(self, function: str, header: str, value: float, unit: str) -> None:
        # Setting the value selects the mode on firmware V3.30. Selecting the mode first would sink
        # the value that was set there before.
        self._scpi.command(f"{header} {value:.4f}{unit}")
        kept = self._ask(f"{header}?", unit)
        if abs(kept - value) > STEP + ACCURACY * value:
            raise Refused(f"{self._scpi.name}: set to {value} {unit}, but '{header}?' → {kept}")
        self._scpi.command(f":FUNC {function}")
        self._check_function(function)

    def _check_function(self, function: str) -> None:
        if (answer := self._scpi.query(":FUNC?")) != function:
            raise Refused(f"{self._scpi.name}: {function} was selected, but ':FUNC?' → {answer!r}")

    def _read_switch(self) -> bool:
        if (answer := self._scpi.query(":INP?")) not in ("ON", "OFF"):
            raise self._scpi.nonsense(":INP?", answer, "neither ON nor OFF")
        return answer == "ON"

    def _ask(self, question: str, unit: str) -> float:
        return self._quantity(question, self._scpi.query(question), unit)

    def _quantity(self, question: str, answer: str, unit: str) -> float:
        match = QUANTITY.fullmatch(answer)
        if match is None or match[2] != unit:
            raise self._scpi.nonsense(question, answer, f"not a number and {unit}")
        return self._scpi.number(question, match[1])


def _check(value: float, limits: Limits, unit: str) -> None:
    if not limits.low <= value <= limits.high:
        raise ValueError(f"{value} {unit} is outside {limits.low}…{limits.high} {unit}")

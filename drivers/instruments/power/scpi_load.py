"""Electronic loads that speak SCPI, their dialects as data.

Sources: Rigol DL3000 programming guide; Siglent SDL1000X programming guide (E02B).
"""

import re
import time
from collections.abc import Mapping
from typing import NamedTuple

from drivers.buses import ByteStream, Time
from drivers.capabilities import ElectronicLoad, Identity, Power, PowerMeter
from drivers.errors import Refused, WrongDevice
from drivers.languages.scpi import Scpi

STEP = 0.001  # V, A, W, Ω: the coarsest step of a set value at the low end
ACCURACY = 1e-4  # and above


class LoadRating(NamedTuple):
    """What a model takes. `model` is a regular expression on the model in `*IDN?`."""

    model: str
    max_v: float
    max_a: float
    max_w: float
    min_ohm: float
    max_ohm: float


class Mode(NamedTuple):
    """How one quantity is held: the function that selects it and what `FUNC?` then says."""

    function: str
    answer: str
    level: str
    ask_level: str


class LoadDialect(NamedTuple):
    """How a family of loads is spoken to. `{value}` and `{state}` are filled in.

    Optional texts are empty where the family has no such words.
    """

    identity: str
    """Regular expression on maker and model in `*IDN?`."""
    ratings: tuple[LoadRating, ...]
    current: Mode
    voltage: Mode
    resistance: Mode
    power: Mode
    switch: str
    ask_switch: str
    measure_voltage: str = ":MEAS:VOLT?"
    measure_current: str = ":MEAS:CURR?"
    measure_power: str = ":MEAS:POW?"
    ask_function: str = ""
    prepare: tuple[str, ...] = ()
    """What brings a load that somebody else has used into plain operation, in its widest range."""
    error_query: str = ""
    trailing_s: float = 0.0
    """Rubbish follows some answers: how long the line takes to be quiet again."""
    baudrate: int = 9600


# A DL3021 answers `0.000067\n0`: after the end of a line comes a piece of another. Text before the
# first LF counts. 20 ms are 20 characters at 9600 baud, or one latency timer of an FTDI adapter.
# `:SOUR:FUNC?` is not asked: firmware 00.01.05 does not answer it reliably.
RIGOL_DL3000 = LoadDialect(
    identity=r"RIGOL TECHNOLOGIES,DL30[23]1A?",
    ratings=(
        LoadRating("DL3021A?", 150.0, 40.0, 200.0, 0.08, 15000.0),
        LoadRating("DL3031A?", 150.0, 60.0, 350.0, 0.08, 15000.0),
    ),
    current=Mode(":SOUR:FUNC CURR", "CC", ":SOUR:CURR:LEV:IMM {value:.4f}", ":SOUR:CURR:LEV:IMM?"),
    voltage=Mode(":SOUR:FUNC VOLT", "CV", ":SOUR:VOLT:LEV:IMM {value:.4f}", ":SOUR:VOLT:LEV:IMM?"),
    resistance=Mode(":SOUR:FUNC RES", "CR", ":SOUR:RES:LEV:IMM {value:.4f}", ":SOUR:RES:LEV:IMM?"),
    power=Mode(":SOUR:FUNC POW", "CP", ":SOUR:POW:LEV:IMM {value:.4f}", ":SOUR:POW:LEV:IMM?"),
    switch=":SOUR:INP:STAT {state}",
    ask_switch=":SOUR:INP:STAT?",
    prepare=(":SOUR:FUNC:MODE FIX", ":SOUR:CURR:RANG MAX", ":SOUR:VOLT:RANG MAX"),
    error_query=":SYST:ERR?",
    trailing_s=0.02,
)

# "The command is invalid if the parameter value beyond the scope": it says nothing, reading back
# does.
SIGLENT_SDL1000 = LoadDialect(
    identity=r"Siglent( Technologies)?,SDL10[23]0X(-E)?",
    ratings=(
        LoadRating("SDL1020X(-E)?", 150.0, 30.0, 200.0, 0.03, 10000.0),
        LoadRating("SDL1030X(-E)?", 150.0, 30.0, 300.0, 0.03, 10000.0),
    ),
    current=Mode(":FUNC CURRENT", "CURRENT", ":CURR:LEV:IMM {value:.3f}", ":CURR:LEV:IMM?"),
    voltage=Mode(":FUNC VOLTAGE", "VOLTAGE", ":VOLT:LEV:IMM {value:.3f}", ":VOLT:LEV:IMM?"),
    resistance=Mode(":FUNC RESISTANCE", "RESISTANCE", ":RES:LEV:IMM {value:.3f}", ":RES:LEV:IMM?"),
    power=Mode(":FUNC POWER", "POWER", ":POW:LEV:IMM {value:.3f}", ":POW:LEV:IMM?"),
    switch=":INP {state}",
    ask_switch=":INP?",
    measure_voltage="MEAS:VOLT?",
    measure_current="MEAS:CURR?",
    measure_power="MEAS:POW?",
    ask_function=":FUNC?",
    prepare=(":CURR:IRANG 30",),
)

DIALECTS: Mapping[str, LoadDialect] = {
    "rigol-dl3000": RIGOL_DL3000,
    "siglent-sdl1000": SIGLENT_SDL1000,
}


class ScpiLoad(ElectronicLoad, PowerMeter):
    """A load with its own read-back. Its input is off after construction.

    A value is set before the mode that uses it is selected, and read back. Raises `WrongDevice`
    when `*IDN?` does not fit the dialect. `time` is what it waits with, where it must.
    """

    BAUDRATE = 9600

    resolution_v = resolution_a = STEP

    def __init__(self, line: ByteStream, dialect: LoadDialect, *, time: Time = time) -> None:
        self._dialect = dialect
        self._scpi = Scpi(
            line,
            "SCPI load",
            error_query=dialect.error_query,
            trailing_s=dialect.trailing_s,
            time=time,
        )
        self.identity = self._identify()
        self._scpi.name = f"{self.identity.maker} {self.identity.model}"
        self._rating = self._find_rating()
        self.max_v, self.max_a = self._rating.max_v, self._rating.max_a
        self._scpi.read_errors()  # of somebody before us
        self.switch(on=False)
        for text in dialect.prepare:
            self._scpi.command(text)

    def sink_current(self, current_a: float) -> None:
        if not 0 <= current_a <= self._rating.max_a:
            raise ValueError(f"{current_a} A is outside 0…{self._rating.max_a} A")
        self._hold(self._dialect.current, current_a)

    def sink_power(self, power_w: float) -> None:
        if not 0 <= power_w <= self._rating.max_w:
            raise ValueError(f"{power_w} W is outside 0…{self._rating.max_w} W")
        self._hold(self._dialect.power, power_w)

    def sink_resistance(self, resistance_ohm: float) -> None:
        least, most = self._rating.min_ohm, self._rating.max_ohm
        if not least <= resistance_ohm <= most:
            raise ValueError(f"{resistance_ohm} Ω is outside {least}…{most} Ω")
        self._hold(self._dialect.resistance, resistance_ohm)

    def hold_voltage(self, voltage_v: float) -> None:
        if not 0 <= voltage_v <= self._rating.max_v:
            raise ValueError(f"{voltage_v} V is outside 0…{self._rating.max_v} V")
        self._hold(self._dialect.voltage, voltage_v)

    def switch(self, *, on: bool) -> None:
        question = self._dialect.ask_switch
        self._scpi.command(self._dialect.switch.format(state="ON" if on else "OFF"))
        answer = self._scpi.query(question).upper()
        if answer not in ("0", "1", "OFF", "ON"):
            raise self._scpi.nonsense(question, answer, "neither ON nor OFF")
        if (answer in ("1", "ON")) is not on:
            raise Refused(
                f"{self._scpi.name}: switched {'on' if on else 'off'}, but {question!r} → {answer}"
            )

    def read(self) -> Power:
        return Power(
            voltage_v=self._scpi.query_number(self._dialect.measure_voltage),
            current_a=self._scpi.query_number(self._dialect.measure_current),
            power_w=self._scpi.query_number(self._dialect.measure_power),
        )

    def _hold(self, mode: Mode, value: float) -> None:
        self._scpi.command(mode.level.format(value=value))
        kept = self._scpi.query_number(mode.ask_level)
        if abs(kept - value) > STEP + ACCURACY * value:
            raise Refused(f"{self._scpi.name}: set to {value}, but {mode.ask_level!r} → {kept}")
        self._scpi.command(mode.function)
        if question := self._dialect.ask_function:
            answer = self._scpi.query(question)
            if answer.upper() != mode.answer:
                raise Refused(f"{self._scpi.name}: {mode.function!r}, but {question!r} → {answer}")

    def _identify(self) -> Identity:
        answer = self._scpi.ask_identity()
        maker, model, serial_number, firmware, *_ = *answer.split(","), "", "", ""
        if not re.fullmatch(self._dialect.identity, f"{maker},{model}", re.IGNORECASE):
            raise WrongDevice(f"expected {self._dialect.identity!r}, but '*IDN?' → {answer!r}")
        return Identity(maker, model, serial_number, firmware)

    def _find_rating(self) -> LoadRating:
        for rating in self._dialect.ratings:
            if re.fullmatch(rating.model, self.identity.model, re.IGNORECASE):
                return rating
        raise WrongDevice(f"{self._scpi.name}: its rating is not known")

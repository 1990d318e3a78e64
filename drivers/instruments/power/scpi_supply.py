"""Bench supplies that speak SCPI, their dialects as data.

Sources: Rigol DP800 programming guide (Dec 2015); Siglent SPD3303X/SPD3303X-E quick start
(EN_02A), "SCPI Commands"; OWON SP/SPE series programming manual; SCPI-1999 for the generic ones.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from drivers.buses import ByteStream
from drivers.capabilities import Identity, Power, PowerMeter, PowerSupply
from drivers.errors import Refused, WrongDevice
from drivers.languages.scpi import Scpi

ROUNDING = 1e-9


class Protection(NamedTuple):
    """How one protection is set, switched, and asked for both."""

    set_level: str
    ask_level: str
    switch: str
    ask_switch: str


class Rating(NamedTuple):
    """What an output delivers, where the instrument does not tell."""

    model: str
    """Regular expression on the model in `*IDN?`."""
    max_v: float
    max_a: float


class SupplyDialect(NamedTuple):
    """How a family of supplies is spoken to.

    In the texts `{channel}`, `{value}` and `{state}` are filled in. Optional ones are empty where
    the family has no such words.
    """

    identity: str
    """Regular expression on maker and model in `*IDN?`, such as `RIGOL TECHNOLOGIES,DP832`."""
    set_voltage: str
    set_current: str
    ask_voltage: str
    ask_current: str
    switch: str
    ask_switch: str
    measure: tuple[str, ...]
    """Questions that are answered with volts, amperes and, if three numbers come, watts."""
    states: tuple[str, str] = ("OFF", "ON")
    switch_bits: tuple[int, ...] = ()
    """If `ask_switch` is answered with a register: the bit of each channel."""
    ask_max_voltage: str = ""
    ask_max_current: str = ""
    ratings: tuple[Rating, ...] = ()
    resolution_v: float = 0.01
    """The coarsest step of a set value in the family: how far off it may read back."""
    resolution_a: float = 0.01
    channels: int = 1
    remote: str = ""
    error_query: str = "SYST:ERR?"
    terminator: str = "\n"
    baudrate: int = 9600
    over_voltage: Protection | None = None
    over_current: Protection | None = None


GENERIC = SupplyDialect(
    identity="[^,]+,[^,]+",
    set_voltage=":SOUR:VOLT {value:.3f}",
    set_current=":SOUR:CURR {value:.3f}",
    ask_voltage=":SOUR:VOLT?",
    ask_current=":SOUR:CURR?",
    switch=":OUTP {state}",
    ask_switch=":OUTP?",
    states=("0", "1"),
    measure=(":MEAS:VOLT?", ":MEAS:CURR?"),
    remote="SYST:REM",
    error_query=":SYST:ERR?",
    over_voltage=Protection(
        ":SOUR:VOLT:PROT {value:.3f}",
        ":SOUR:VOLT:PROT?",
        ":SOUR:VOLT:PROT:STAT {state}",
        ":SOUR:VOLT:PROT:STAT?",
    ),
)

# Several outputs behind one set of words: each line selects its own first, in case somebody chose
# another at the front panel. One line, so that nothing comes in between.
CHANNELS = GENERIC._replace(
    set_voltage=":INST:NSEL {channel};:SOUR:VOLT {value:.3f}",
    set_current=":INST:NSEL {channel};:SOUR:CURR {value:.3f}",
    ask_voltage=":INST:NSEL {channel};:SOUR:VOLT?",
    ask_current=":INST:NSEL {channel};:SOUR:CURR?",
    switch=":INST:NSEL {channel};:OUTP {state}",
    ask_switch=":INST:NSEL {channel};:OUTP?",
    measure=(":INST:NSEL {channel};:MEAS:VOLT?", ":INST:NSEL {channel};:MEAS:CURR?"),
    channels=4,
    over_voltage=None,
)

RIGOL_DP800 = SupplyDialect(
    identity=r"RIGOL TECHNOLOGIES,DP8\d\dA?",
    set_voltage=":SOUR{channel}:VOLT {value:.3f}",
    set_current=":SOUR{channel}:CURR {value:.3f}",
    ask_voltage=":SOUR{channel}:VOLT?",
    ask_current=":SOUR{channel}:CURR?",
    switch=":OUTP CH{channel},{state}",
    ask_switch=":OUTP? CH{channel}",
    measure=(":MEAS:ALL? CH{channel}",),
    ask_max_voltage=":SOUR{channel}:VOLT? MAX",
    ask_max_current=":SOUR{channel}:CURR? MAX",
    resolution_a=0.001,
    channels=3,
    error_query=":SYST:ERR?",
    terminator="\r\n",  # on RS-232; USB and LAN take it too
    over_voltage=Protection(
        ":OUTP:OVP:VAL CH{channel},{value:.3f}",
        ":OUTP:OVP:VAL? CH{channel}",
        ":OUTP:OVP CH{channel},{state}",
        ":OUTP:OVP? CH{channel}",
    ),
    over_current=Protection(
        ":OUTP:OCP:VAL CH{channel},{value:.4f}",
        ":OUTP:OCP:VAL? CH{channel}",
        ":OUTP:OCP CH{channel},{state}",
        ":OUTP:OCP? CH{channel}",
    ),
)

# Firmware 1.01.01.02.05 complains about a value out of range, 1.01.01.02.07R2 ignores it: only
# reading back tells. `SYST:STAT?` answers a register, "SYSTem:STATus?".
SIGLENT_SPD3303X = SupplyDialect(
    identity=r"Siglent( Technologies)?,SPD3303X(-E)?",
    set_voltage="CH{channel}:VOLT {value:.3f}",
    set_current="CH{channel}:CURR {value:.3f}",
    ask_voltage="CH{channel}:VOLT?",
    ask_current="CH{channel}:CURR?",
    switch="OUTP CH{channel},{state}",
    ask_switch="SYST:STAT?",
    switch_bits=(0x10, 0x20),
    measure=("MEAS:VOLT? CH{channel}", "MEAS:CURR? CH{channel}", "MEAS:POWE? CH{channel}"),
    ratings=(Rating("SPD3303X(-E)?", 32.0, 3.2),),
    channels=2,  # the third is set by a switch at the front
)

OWON_SPE = SupplyDialect(
    identity=r"(OWON,SPE|KIPRIM,DC)\w+",
    set_voltage="VOLT {value:.3f}",
    set_current="CURR {value:.3f}",
    ask_voltage="VOLT?",
    ask_current="CURR?",
    switch="OUTP {state}",
    ask_switch="OUTP?",
    measure=("MEAS:ALL?",),
    ratings=(
        Rating(r"SPE305\d", 30.0, 5.0),
        Rating(r"SPE310\d", 30.0, 10.0),
        Rating(r"SPE605\d", 60.0, 5.0),
        Rating(r"SPE610\d", 60.0, 10.0),
    ),
    resolution_a=0.001,
    baudrate=115200,
)

DIALECTS: Mapping[str, SupplyDialect] = {
    "generic": GENERIC,
    "generic-channels": CHANNELS,
    "rigol-dp800": RIGOL_DP800,
    "siglent-spd3303x": SIGLENT_SPD3303X,
    "owon-spe": OWON_SPE,
}


class ScpiSupply(PowerSupply, PowerMeter):
    """One output of a supply, with its own read-back. It is off after construction.

    `max_v` and `max_a` are ceilings of the bench's own. Without them counts what the instrument
    says or its model is rated for; where neither is known they must be given. Raises `WrongDevice`
    when `*IDN?` does not fit the dialect.
    """

    BAUDRATE = 9600
    """What most are delivered with; the dialect's own is in `SupplyDialect.baudrate`."""

    def __init__(
        self,
        line: ByteStream,
        dialect: SupplyDialect,
        *,
        channel: int = 1,
        max_v: float | None = None,
        max_a: float | None = None,
    ) -> None:
        if not 1 <= channel <= dialect.channels:
            raise ValueError(f"channel {channel} is not one of 1…{dialect.channels}")
        for ceiling in (max_v, max_a):
            if ceiling is not None and not 0 < ceiling < float("inf"):
                raise ValueError(f"a ceiling of {ceiling} is not above 0")
            if ceiling is None and not (dialect.ask_max_voltage or dialect.ratings):
                raise ValueError("this dialect does not tell its limits: give max_v and max_a")
        self._dialect = dialect
        self._channel = channel
        self.resolution_v, self.resolution_a = dialect.resolution_v, dialect.resolution_a
        self._scpi = Scpi(
            line,
            "SCPI supply",
            error_query=dialect.error_query,
            terminator=dialect.terminator,
        )
        self.identity = self._identify()
        self._scpi.name = f"{self.identity.maker} {self.identity.model} output {channel}"
        self._scpi.read_errors()  # of somebody before us
        if dialect.remote:
            self._scpi.command(dialect.remote)
        self.max_v, self.max_a = self._find_limits(max_v, max_a)
        self.switch(on=False)

    def set_voltage(self, voltage_v: float) -> None:
        if not 0 <= voltage_v <= self.max_v:
            raise ValueError(f"{voltage_v} V is outside 0…{self.max_v} V")
        self._set(self._dialect.set_voltage, voltage_v)
        self._verify(self._dialect.ask_voltage, voltage_v, self._dialect.resolution_v)

    def set_current_limit(self, current_a: float) -> None:
        if not 0 < current_a <= self.max_a:
            raise ValueError(f"{current_a} A is outside 0…{self.max_a} A")
        self._set(self._dialect.set_current, current_a)
        self._verify(self._dialect.ask_current, current_a, self._dialect.resolution_a)

    def switch(self, *, on: bool) -> None:
        self._switch(self._dialect.switch, on=on)
        if self._read_switch() is not on:
            raise Refused(f"{self._scpi.name}: switched {'on' if on else 'off'}, but it is not")

    def read(self) -> Power:
        questions = [self._filled(question) for question in self._dialect.measure]
        values = [value for question in questions for value in self._scpi.query_numbers(question)]
        match values:
            case [voltage_v, current_a]:
                return Power(voltage_v, current_a, voltage_v * current_a)
            case [voltage_v, current_a, power_w]:
                return Power(voltage_v, current_a, power_w)
        raise self._scpi.nonsense("; ".join(questions), str(values), "not volts, amperes and watts")

    def set_over_voltage_protection(self, voltage_v: float, *, on: bool = True) -> None:
        """Switch off by itself when the output is above `voltage_v`.

        Raises `ValueError` when the dialect has no words for it, `Refused` when it cannot.
        """
        if not voltage_v > 0:
            raise ValueError(f"{voltage_v} V is not above 0 V")
        self._protect(self._dialect.over_voltage, voltage_v, self._dialect.resolution_v, on=on)

    def set_over_current_protection(self, current_a: float, *, on: bool = True) -> None:
        """Switch off by itself when more than `current_a` flows; errors as above."""
        if not current_a > 0:
            raise ValueError(f"{current_a} A is not above 0 A")
        self._protect(self._dialect.over_current, current_a, self._dialect.resolution_a, on=on)

    def _protect(
        self, protection: Protection | None, level: float, resolution: float, *, on: bool
    ) -> None:
        if protection is None:
            raise ValueError(f"{self.identity.model}: this dialect has no such protection")
        self._set(protection.set_level, level)
        self._verify(protection.ask_level, level, resolution)
        self._switch(protection.switch, on=on)
        if self._is_on(question := self._filled(protection.ask_switch)) is not on:
            raise Refused(f"{self._scpi.name}: {question!r} says it was not switched")

    def _identify(self) -> Identity:
        answer = self._scpi.ask_identity()
        maker, model, serial_number, firmware, *_ = *answer.split(","), "", "", ""
        if not re.fullmatch(self._dialect.identity, f"{maker},{model}", re.IGNORECASE):
            raise WrongDevice(f"expected {self._dialect.identity!r}, but '*IDN?' → {answer!r}")
        return Identity(maker, model, serial_number, firmware)

    def _find_limits(self, max_v: float | None, max_a: float | None) -> tuple[float, float]:
        dialect = self._dialect
        limits_v = [] if max_v is None else [max_v]
        limits_a = [] if max_a is None else [max_a]
        for rating in dialect.ratings:
            if re.fullmatch(rating.model, self.identity.model, re.IGNORECASE):
                limits_v.append(rating.max_v)
                limits_a.append(rating.max_a)
        if dialect.ask_max_voltage:
            limits_v.append(self._scpi.query_number(self._filled(dialect.ask_max_voltage)))
            limits_a.append(self._scpi.query_number(self._filled(dialect.ask_max_current)))
        if not (limits_v and limits_a):
            raise ValueError(f"{self.identity.model}: limits unknown, give max_v and max_a")
        return min(limits_v), min(limits_a)

    def _filled(self, text: str, **values: object) -> str:
        return text.format(channel=self._channel, **values)

    def _set(self, text: str, value: float) -> None:
        self._scpi.command(self._filled(text, value=value))

    def _switch(self, text: str, *, on: bool) -> None:
        self._scpi.command(self._filled(text, state=self._dialect.states[on]))

    def _verify(self, question: str, wanted: float, resolution: float) -> None:
        question = self._filled(question)
        kept = self._scpi.query_number(question)
        if abs(kept - wanted) > resolution + ROUNDING:
            raise Refused(f"{self._scpi.name}: set to {wanted}, but {question!r} → {kept}")

    def _read_switch(self) -> bool:
        question = self._filled(self._dialect.ask_switch)
        if not self._dialect.switch_bits:
            return self._is_on(question)
        answer = self._scpi.query(question)
        if not re.fullmatch("0x[0-9a-f]+", answer, re.IGNORECASE):
            raise self._scpi.nonsense(question, answer, "not a register")
        return bool(int(answer, 16) & self._dialect.switch_bits[self._channel - 1])

    def _is_on(self, question: str) -> bool:
        answer = self._scpi.query(question)
        if answer.upper() not in ("0", "1", "OFF", "ON"):
            raise self._scpi.nonsense(question, answer, "neither ON nor OFF")
        return answer.upper() in ("1", "ON")

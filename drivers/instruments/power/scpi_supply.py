"""Bench supplies that speak SCPI, their dialects as data.

Sources stand with each dialect in `scpi_supplies.toml`.
"""

import re
import time
from typing import Annotated

from drivers.buses import ByteStream, Time
from drivers.capabilities import Power, PowerMeter, PowerSupply
from drivers.errors import BadReply, Refused
from drivers.instruments.power.scpi_dialects import (
    MOST_A,
    MOST_CHANNELS,
    MOST_V,
    SUPPLIES,
    OutputRange,
    Protection,
    SupplyDialect,
    spoken_to_alike,
)
from drivers.instruments.power.scpi_speaker import ScpiSpeaker
from drivers.wiring import Between, Named

DIALECTS = SUPPLIES
LEAST_CEILING = 0.001


class ScpiSupply(PowerSupply, PowerMeter):
    """One output of a supply, with its own read-back. It is off after construction.

    `max_v` and `max_a` are ceilings of the bench's own. Without them counts what the instrument
    says or its model is rated for; where neither is known they must be given. Raises `WrongDevice`
    when `*IDN?` does not fit the dialect.

    A supply with several ranges is told the first that holds both what was set last; while the
    output is on it stays in its range, because a change of range interrupts it.
    """

    BAUDRATE = 9600
    """The usual baud rate on delivery; the dialect's own is in `SupplyDialect.baudrate`."""
    PLAIN_TEXT = True

    def __init__(
        self,
        line: ByteStream,
        dialect: Annotated[
            SupplyDialect, Named(DIALECTS, spoken_to_alike), "the family that it is of; see below"
        ],
        *,
        channel: Annotated[int, Between(1, MOST_CHANNELS), "the output that feeds the device"] = 1,
        max_v: Annotated[
            float | None, Between(LEAST_CEILING, MOST_V), "where the dialect does not know it"
        ] = None,
        max_a: Annotated[
            float | None, Between(LEAST_CEILING, MOST_A), "where the dialect does not know it"
        ] = None,
        time: Time = time,
    ) -> None:
        for ceiling in (max_v, max_a):
            if ceiling is not None and not 0 < ceiling < float("inf"):
                raise ValueError(f"a ceiling of {ceiling} is not above 0")
            if ceiling is None and not _tells_limits(dialect):
                raise ValueError("this dialect does not tell its limits: give max_v and max_a")
        self._dialect = dialect
        self.resolution_v, self.resolution_a = dialect.resolution_v, dialect.resolution_a
        self._speaker = ScpiSpeaker(line, dialect, "SCPI supply", channel=channel, time=time)
        self.identity = self._speaker.identity
        self._ranges = [
            one
            for one in dialect.ranges
            if re.fullmatch(one.model, self.identity.model, re.IGNORECASE)
        ]
        self._range: OutputRange | None = None
        self._set_v: float | None = None
        self._set_a: float | None = None
        self.max_v, self.max_a = self._find_limits(max_v, max_a)
        self.switch(on=False)

    def set_voltage(self, voltage_v: float) -> None:
        if not 0 <= voltage_v <= self.max_v:
            raise ValueError(f"{voltage_v} V is outside 0…{self.max_v} V")
        self._select_range(voltage_v, self._set_a)
        dialect, speaker = self._dialect, self._speaker
        speaker.say(dialect.set_voltage, value=voltage_v)
        speaker.verify(dialect.ask_voltage, dialect.answers_v, voltage_v, dialect.resolution_v)
        self._set_v = voltage_v

    def set_current_limit(self, current_a: float) -> None:
        if not 0 < current_a <= self.max_a:
            raise ValueError(f"{current_a} A is outside 0…{self.max_a} A")
        self._select_range(self._set_v, current_a)
        dialect, speaker = self._dialect, self._speaker
        speaker.say(dialect.set_current, value=current_a)
        speaker.verify(dialect.ask_current, dialect.answers_a, current_a, dialect.resolution_a)
        self._set_a = current_a

    def switch(self, *, on: bool) -> None:
        self._speaker.switch(self._dialect.switch, on=on)
        if self._is_on() is not on:
            name = self._speaker.scpi.name
            raise Refused(f"{name}: switched {'on' if on else 'off'}, but it is not")

    def read(self) -> Power:
        dialect, speaker = self._dialect, self._speaker
        if dialect.measure_all:
            forms = (dialect.answers_v, dialect.answers_a, dialect.answers_w)
            values = speaker.ask_numbers(dialect.measure_all, forms)
            if len(values) < 2:
                raise self._not_power(values)
            voltage_v, current_a = values[:2]
            return self.lift_power(*values)
        voltage_v = speaker.ask_number(dialect.measure_voltage, dialect.answers_v)
        current_a = speaker.ask_number(dialect.measure_current, dialect.answers_a)
        power_w = None
        if dialect.measure_power:
            power_w = speaker.ask_number(dialect.measure_power, dialect.answers_w)
        return self.lift_power(voltage_v, current_a, power_w)

    def set_over_voltage_protection(self, voltage_v: float, *, on: bool = True) -> None:
        """Switch off by itself when the output is above `voltage_v`.

        Raises `ValueError` when the dialect has no words for it, `Refused` when it cannot.
        """
        if not voltage_v > 0:
            raise ValueError(f"{voltage_v} V is not above 0 V")
        self._protect(self._dialect.over_voltage, voltage_v, volts=True, on=on)

    def set_over_current_protection(self, current_a: float, *, on: bool = True) -> None:
        """Switch off by itself when more than `current_a` flows; errors as above."""
        if not current_a > 0:
            raise ValueError(f"{current_a} A is not above 0 A")
        self._protect(self._dialect.over_current, current_a, volts=False, on=on)

    def _protect(
        self, protection: Protection | None, level: float, *, volts: bool, on: bool
    ) -> None:
        if protection is None:
            raise ValueError(f"{self.identity.model}: this dialect has no such protection")
        dialect, speaker = self._dialect, self._speaker
        speaker.say(protection.set_level, value=level)
        forms = dialect.answers_v if volts else dialect.answers_a
        resolution = dialect.resolution_v if volts else dialect.resolution_a
        speaker.verify(protection.ask_level, forms, level, resolution)
        speaker.switch(protection.switch, on=on)
        if speaker.is_on(protection.ask_switch) is not on:
            question = speaker.filled(protection.ask_switch)
            raise Refused(f"{speaker.scpi.name}: {question!r} says it was not switched")

    def _find_limits(self, max_v: float | None, max_a: float | None) -> tuple[float, float]:
        dialect, speaker = self._dialect, self._speaker
        limits_v = [] if max_v is None else [max_v]
        limits_a = [] if max_a is None else [max_a]
        for rating in dialect.ratings:
            fits = re.fullmatch(rating.model, self.identity.model, re.IGNORECASE)
            if fits and speaker.channel in (rating.channels or (speaker.channel,)):
                limits_v.append(rating.max_v)
                limits_a.append(rating.max_a)
        if self._ranges:
            limits_v.append(max(one.max_v for one in self._ranges))
            limits_a.append(max(one.max_a for one in self._ranges))
        if dialect.ask_max_voltage:
            limits_v.append(speaker.ask_number(dialect.ask_max_voltage, dialect.answers_v))
            limits_a.append(speaker.ask_number(dialect.ask_max_current, dialect.answers_a))
        if not (limits_v and limits_a):
            raise ValueError(f"{self.identity.model}: limits unknown, give max_v and max_a")
        return min(limits_v), min(limits_a)

    def _select_range(self, voltage_v: float | None, current_a: float | None) -> None:
        """Select a range that holds both; None is what has not been set yet.

        Raises `ValueError`, with nothing changed, when no range does, or another one would have to
        be selected while the output is on.
        """
        if not self._ranges:
            return
        holding = [
            one
            for one in self._ranges
            if (voltage_v or 0.0) <= one.max_v and (current_a or 0.0) <= one.max_a
        ]
        if not holding:
            raise ValueError(f"{self.identity.model}: no range has {voltage_v} V and {current_a} A")
        if self._range in holding:
            return
        if self._is_on():
            raise ValueError(
                f"{self.identity.model}: range {holding[0].name} has {voltage_v} V and"
                f" {current_a} A; the output is on, switch it off first"
            )
        speaker, ask_range = self._speaker, self._dialect.ask_range
        self._range = None
        speaker.say(self._dialect.select_range, range=holding[0].name)
        if (answer := speaker.ask(ask_range)).upper() != holding[0].name.upper():
            question = speaker.filled(ask_range)
            raise Refused(
                f"{speaker.scpi.name}: range {holding[0].name}, but {question!r} → {answer}"
            )
        self._range = holding[0]

    def _is_on(self) -> bool:
        question, bits = self._dialect.ask_switch, self._dialect.switch_bits
        if bits:
            return self._speaker.is_on_in_register(question, bits)
        return self._speaker.is_on(question)

    def _not_power(self, values: list[float]) -> BadReply:
        question = self._speaker.filled(self._dialect.measure_all)
        return self._speaker.scpi.nonsense(question, str(values), "not volts, amperes and watts")


def _tells_limits(dialect: SupplyDialect) -> bool:
    return bool(dialect.ask_max_voltage or dialect.ratings or dialect.ranges)

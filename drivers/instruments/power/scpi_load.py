"""Electronic loads that speak SCPI, their dialects as data.

Sources stand with each dialect in `scpi_loads.toml`.
"""

import re
import time
from typing import Annotated

from drivers.buses import ByteStream, Time
from drivers.capabilities import ElectronicLoad, Power, PowerMeter
from drivers.errors import Refused, WrongDevice
from drivers.instruments.power.scpi_dialects import (
    LOADS,
    MOST_CHANNELS,
    Forms,
    LoadDialect,
    LoadRating,
    Mode,
    spoken_to_alike,
)
from drivers.instruments.power.scpi_speaker import ScpiSpeaker
from drivers.wiring import Between, Named

DIALECTS = LOADS
STEP = 0.001  # V, A: the coarsest step in which a load tells what it reads
ACCURACY = 1e-4  # of a set value that reads back, beside the dialect's resolution


class ScpiLoad(ElectronicLoad, PowerMeter):
    """A load with its own read-back. Its input is off after construction.

    A value is set before the mode that uses it is selected, and read back. Raises `WrongDevice`
    when `*IDN?` does not fit the dialect. `time` is what it waits with, where it must.
    """

    BAUDRATE = 9600
    PLAIN_TEXT = True

    resolution_v = resolution_a = STEP

    def __init__(
        self,
        line: ByteStream,
        dialect: Annotated[
            LoadDialect, Named(DIALECTS, spoken_to_alike), "the family that it is of; see below"
        ],
        *,
        channel: Annotated[int, Between(1, MOST_CHANNELS), "the input that loads the device"] = 1,
        time: Time = time,
    ) -> None:
        self._dialect = dialect
        self._speaker = ScpiSpeaker(line, dialect, "SCPI load", channel=channel, time=time)
        self.identity = self._speaker.identity
        rating = None if dialect.limits else self._find_rating()
        self.switch(on=False)
        for text in dialect.prepare:
            self._speaker.say(text)
        self._rating = rating or self._ask_limits()
        self.max_v, self.max_a = self._rating.max_v, self._rating.max_a

    def sink_current(self, current_a: float) -> None:
        if not 0 <= current_a <= self._rating.max_a:
            raise ValueError(f"{current_a} A is outside 0…{self._rating.max_a} A")
        dialect = self._dialect
        self._hold(dialect.current, dialect.answers_a, current_a, dialect.resolution_a)

    def sink_power(self, power_w: float) -> None:
        if not 0 <= power_w <= self._rating.max_w:
            raise ValueError(f"{power_w} W is outside 0…{self._rating.max_w} W")
        dialect = self._dialect
        self._hold(dialect.power, dialect.answers_w, power_w, dialect.resolution_w)

    def sink_resistance(self, resistance_ohm: float) -> None:
        least, most = self._rating.min_ohm, self._rating.max_ohm
        if not least <= resistance_ohm <= most:
            raise ValueError(f"{resistance_ohm} Ω is outside {least}…{most} Ω")
        dialect = self._dialect
        self._hold(dialect.resistance, dialect.answers_ohm, resistance_ohm, dialect.resolution_ohm)

    def hold_voltage(self, voltage_v: float) -> None:
        if not 0 <= voltage_v <= self._rating.max_v:
            raise ValueError(f"{voltage_v} V is outside 0…{self._rating.max_v} V")
        dialect = self._dialect
        self._hold(dialect.voltage, dialect.answers_v, voltage_v, dialect.resolution_v)

    def switch(self, *, on: bool) -> None:
        self._speaker.switch(self._dialect.switch, on=on)
        if self._speaker.is_on(self._dialect.ask_switch) is not on:
            name, question = self._speaker.scpi.name, self._speaker.filled(self._dialect.ask_switch)
            raise Refused(
                f"{name}: switched {'on' if on else 'off'}, but {question!r} says it is not"
            )

    def read(self) -> Power:
        dialect, speaker = self._dialect, self._speaker
        voltage_v = speaker.ask_number(dialect.measure_voltage, dialect.answers_v)
        current_a = speaker.ask_number(dialect.measure_current, dialect.answers_a)
        power_w = None
        if dialect.measure_power:
            power_w = speaker.ask_number(dialect.measure_power, dialect.answers_w)
        return self.lift_power(voltage_v, current_a, power_w)

    def _hold(self, mode: Mode, forms: Forms, value: float, resolution: float) -> None:
        speaker = self._speaker
        speaker.say(mode.level, value=value)
        speaker.verify(mode.ask_level, forms, value, resolution + ACCURACY * value)
        speaker.say(mode.function)
        if question := self._dialect.ask_function:
            answer = speaker.ask(question)
            if answer.upper() not in {word.upper() for word in mode.answers}:
                function, question = speaker.filled(mode.function), speaker.filled(question)
                raise Refused(f"{speaker.scpi.name}: {function!r}, but {question!r} → {answer}")

    def _find_rating(self) -> LoadRating:
        for rating in self._dialect.ratings:
            if re.fullmatch(rating.model, self.identity.model, re.IGNORECASE):
                return rating
        raise WrongDevice(f"{self._speaker.scpi.name}: its rating is not known")

    def _ask_limits(self) -> LoadRating:
        """Ask the instrument what it takes, after it was brought into its widest range."""
        dialect, speaker, limits = self._dialect, self._speaker, self._dialect.limits
        if limits is None:
            raise ValueError(f"{self.identity.model}: neither ratings nor limits")
        return LoadRating(
            model=re.escape(self.identity.model),
            max_v=speaker.ask_number(limits.max_voltage, dialect.answers_v),
            max_a=speaker.ask_number(limits.max_current, dialect.answers_a),
            max_w=speaker.ask_number(limits.max_power, dialect.answers_w),
            min_ohm=speaker.ask_number(limits.min_resistance, dialect.answers_ohm),
            max_ohm=speaker.ask_number(limits.max_resistance, dialect.answers_ohm),
        )

"""Zero, span, stray light, fingers and relays of one slot, guided by questions.

Each finding says what was read and the limit that it is held to. A reading whose accuracy is not
known is no finding against an instrument: `good` is then None, as for a span that was left out.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec

from drivers.buses import Hardware
from drivers.capabilities import (
    Actuator,
    Instrument,
    KeyActuator,
    LightArray,
    LightMeter,
    MainsMeter,
    PortPower,
    PowerMeter,
)
from drivers.errors import DriverError
from drivers.uncertain import largest_error
from station.rig.config import StationConfig

STRAY_LUX = 1.0
"""Light in a darkened room that black pictures are still measured in."""

ZERO = ("voltage_v", "current_a")
SPAN = (*ZERO, "power_w")

Ask = Callable[[str], str]
"""Returns the line that a person typed."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the record. Value and limit are in the unit that `quantity` ends in."""

    check: str
    role: str
    good: bool | None
    quantity: str = ""
    value: float | None = None
    limit: float | None = None
    reason: str = ""

    def __str__(self) -> str:
        word = {True: "good", False: "NOT GOOD", None: "not known"}[self.good]
        figures = f", {self.quantity} {self.value:.6g}" if self.value is not None else ""
        limit = f", limit {self.limit:.6g}" if self.limit is not None else ""
        return f"{self.check}, {self.role}{figures}{limit}: {word}" + (
            f" ({self.reason})" if self.reason else ""
        )


class Check:
    """The check of one slot. `reference_percent` is the uncertainty of typed references (k = 2)."""

    def __init__(
        self,
        config: StationConfig,
        slot: str,
        hardware: Hardware,
        shared: Hardware,
        ask: Ask,
        reference_percent: float,
    ) -> None:
        self._config = config
        self._slot = slot
        self._hardware = hardware
        self._shared = shared
        self._ask = ask
        self._reference_percent = reference_percent

    def findings(self) -> Iterator[Finding]:
        """Yield what is found, as it is found. An instrument that does not answer is a finding."""
        for name, check in (
            ("zero", self._zero),
            ("stray light", self._stray),
            ("span", self._span),
            ("fingers", self._fingers),
            ("relays", self._relays),
        ):
            for role in self._roles(*KINDS[name]):
                try:
                    yield from check(role)
                except DriverError as error:
                    yield Finding(check=name, role=role, good=False, reason=str(error))

    def _roles(self, *kinds: type) -> Iterator[str]:
        its = self._config.slots[self._slot]
        for role in (*its.roles, *its.shared):
            table = self._config.instrument(self._slot, role)
            if issubclass(table.kind, kinds) and not table.device:
                yield role

    @contextmanager
    def _open(self, role: str) -> Iterator[Any]:
        """Open an instrument with the accuracy that its table states, and let go in the end."""
        table = self._config.instrument(self._slot, role)
        is_shared = role in self._config.slots[self._slot].shared
        with ExitStack() as closing:
            instrument = table.open(self._shared if is_shared else self._hardware, closing)
            instrument.rate(table.accuracies())
            if isinstance(instrument, Actuator):
                closing.callback(instrument.make_safe)
            yield instrument

    def _zero(self, role: str) -> Iterator[Finding]:
        self._ask(f"Zero: nothing is plugged in at {self._slot}, {role} is off. Enter: ")
        with self._open(role) as meter:
            read = meter.read()
        for quantity in ZERO:
            yield _held("zero", role, quantity, getattr(read, quantity), 0.0, 0.0)

    def _stray(self, role: str) -> Iterator[Finding]:
        self._ask(f"Stray light: dark as for a test, no display lit, before {role}. Enter: ")
        with self._open(role) as meter:
            lux = max(_illuminances(meter))
        good = lux <= STRAY_LUX
        yield Finding(
            check="stray light",
            role=role,
            good=good,
            quantity="illuminance_lux",
            value=float(lux),
            limit=STRAY_LUX,
        )

    def _span(self, role: str) -> Iterator[Finding]:
        with self._open(role) as meter:
            for quantity in _quantities(meter):
                text = self._ask(f"Span: {quantity} of the reference at {role}, or Enter: ").strip()
                if not text:
                    continue
                try:
                    reference = float(text)
                except ValueError:
                    reference = math.nan
                if not math.isfinite(reference):
                    yield Finding(check="span", role=role, good=None, reason=f"{text!r}: no number")
                    continue
                own = abs(reference) * self._reference_percent / 100
                for value in _values(meter, quantity):
                    yield _held("span", role, quantity, value, reference, own)

    def _fingers(self, role: str) -> Iterator[Finding]:
        self._ask(f"Fingers: the keyboard lies under {role}, hands off. Enter: ")
        failed: list[str] = []
        felt = False
        with self._open(role) as actuator:
            for usage in sorted(actuator.keys):
                try:
                    actuator.press([usage])
                    told = getattr(actuator, "felt", None)
                finally:
                    actuator.release([usage])
                felt = felt or told is not None
                if told is not None and told.word != "moved":
                    failed.append(f"{usage:#04x} {told.word}")
        if felt:
            yield Finding(check="fingers", role=role, good=not failed, reason=", ".join(failed))
        else:
            yield self._seen("fingers", role, "Did each finger move once, alone, and come back?")

    def _relays(self, role: str) -> Iterator[Finding]:
        with self._open(role) as port:
            for on in (False, True):
                port.switch(on=on)
                good = port.read_state().powered is on
                reason = "" if good else f"told to be {'on' if on else 'off'}, and is not"
                yield Finding(check="relays", role=role, good=good, reason=reason)

    def _seen(self, check: str, role: str, question: str) -> Finding:
        answer = self._ask(f"{question} y or n: ").strip().lower()
        good = {"y": True, "n": False}.get(answer[:1])
        return Finding(check=check, role=role, good=good, reason="as a person saw it")


KINDS: dict[str, tuple[type, ...]] = {
    "zero": (PowerMeter,),
    "stray light": (LightArray, LightMeter),
    "span": (PowerMeter, MainsMeter, LightArray, LightMeter),
    "fingers": (KeyActuator,),
    "relays": (PortPower,),
}
"""The capabilities that each check concerns."""


def _held(
    check: str, role: str, quantity: str, value: float, reference: float, own: float
) -> Finding:
    """Hold a reading to its reference: within the limits of both."""
    error = largest_error(value)
    limit = None if error is None else error + own
    good = None if limit is None else abs(value - reference) <= limit
    return Finding(
        check=check,
        role=role,
        good=good,
        quantity=quantity,
        value=float(value),
        limit=limit,
        reason="its accuracy is not known" if limit is None else "",
    )


def _quantities(meter: Instrument) -> tuple[str, ...]:
    light = isinstance(meter, LightArray | LightMeter)
    return ("illuminance_lux",) if light else SPAN


def _values(meter: Any, quantity: str) -> tuple[float, ...]:
    if isinstance(meter, LightArray | LightMeter):
        return _illuminances(meter)
    read = meter.read_mains() if isinstance(meter, MainsMeter) else meter.read()
    return (getattr(read, quantity),)


def _illuminances(meter: Any) -> tuple[float, ...]:
    if isinstance(meter, LightArray):
        return meter.read_illuminances_lux()
    return (meter.read_illuminance_lux(),)

"""The physics that simulated instruments share: time, and circuits of sources and sinks."""

import math
import threading
import time
from typing import Protocol, runtime_checkable


class SimulatedTime:
    """Time that runs `speed` times faster than real time; at `math.inf` only sleeping moves it.

    Each slot has its own: a slot that waits does not delay another.
    """

    def __init__(self, speed: float = math.inf) -> None:
        self._speed = speed
        self._slept_s = 0.0
        self._start_s = time.monotonic()
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        if math.isinf(self._speed):
            return self._slept_s
        return (time.monotonic() - self._start_s) * self._speed

    def sleep(self, seconds: float, /) -> None:
        if not math.isinf(self._speed):
            time.sleep(seconds / self._speed)
            return
        with self._lock:
            self._slept_s += max(0.0, seconds)


class Source(Protocol):
    """A source of a circuit: an adapter, a bench supply."""

    def voltage_at(self, current_a: float) -> float:
        """Return the terminal voltage while `current_a` flows; it never rises with the current."""


@runtime_checkable
class SettlingSource(Source, Protocol):
    """A source that changes with its load: it warms up, or its protection trips."""

    def settle(self, voltage_v: float, current_a: float) -> None:
        """Take note of where the circuit has come to rest."""


class Sink(Protocol):
    """A sink of a circuit: an electronic load, a monitor, a keyboard."""

    def current_at(self, voltage_v: float) -> float:
        """Return the current at this voltage; it never falls with rising voltage."""


class Circuit:
    """One source and any number of sinks, at the voltage and current that satisfy all of them."""

    MOST_CURRENT_A = 200.0

    def __init__(self, source: Source | None = None, *sinks: Sink) -> None:
        self._source = source
        self._sinks = list(sinks)

    @property
    def source(self) -> Source | None:
        """Return the source of the circuit; None while there is none."""
        return self._source

    @source.setter
    def source(self, source: Source | None) -> None:
        self._source = source

    @property
    def sinks(self) -> list[Sink]:
        """Return the sinks of the circuit, to be changed in place."""
        return self._sinks

    @sinks.setter
    def sinks(self, sinks: list[Sink]) -> None:
        self._sinks = sinks

    def solve(self) -> tuple[float, float]:
        """Return `(voltage_v, current_a)` at the terminals, by bisection on the current.

        A source that changes with its load hears where the circuit has come to rest.
        """
        source = self.source
        if source is None:
            return 0.0, 0.0
        low_a, high_a = 0.0, self.MOST_CURRENT_A
        for _ in range(60):
            current_a = (low_a + high_a) / 2
            wanted_a = sum(sink.current_at(source.voltage_at(current_a)) for sink in self.sinks)
            if wanted_a > current_a:
                low_a = current_a
            else:
                high_a = current_a
        current_a = (low_a + high_a) / 2
        if current_a < 1e-9:
            current_a = 0.0
        voltage_v = max(0.0, source.voltage_at(current_a))
        if isinstance(source, SettlingSource):
            source.settle(voltage_v, current_a)
        return voltage_v, current_a

    @property
    def voltage_v(self) -> float:
        return self.solve()[0]

    @property
    def current_a(self) -> float:
        return self.solve()[1]


class Resistor:
    """A sink with one resistance."""

    def __init__(self, resistance_ohm: float) -> None:
        self.resistance_ohm = resistance_ohm

    def current_at(self, voltage_v: float) -> float:
        return max(0.0, voltage_v) / self.resistance_ohm


class StiffSource:
    """The plainest source: a fixed voltage behind a resistance."""

    def __init__(self, voltage_v: float, resistance_ohm: float = 0.0) -> None:
        self.open_voltage_v = voltage_v
        self.resistance_ohm = resistance_ohm

    def voltage_at(self, current_a: float) -> float:
        return self.open_voltage_v - self.resistance_ohm * current_a

"""The physics that simulated instruments share: time, and circuits of sources and sinks."""

import math
import threading
import time
from typing import Protocol


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


class Sink(Protocol):
    """A sink of a circuit: an electronic load, a monitor, a keyboard."""

    def current_at(self, voltage_v: float) -> float:
        """Return the current at this voltage; it never falls with rising voltage."""


class Circuit:
    """One source and any number of sinks, at the voltage and current that satisfy all of them."""

    MOST_CURRENT_A = 200.0

    def __init__(self, source: Source | None = None, *sinks: Sink) -> None:
        self.source = source
        self.sinks = list(sinks)

    def solve(self) -> tuple[float, float]:
        """Return `(voltage_v, current_a)` at the terminals, by bisection on the current."""
        if self.source is None:
            return 0.0, 0.0
        low_a, high_a = 0.0, self.MOST_CURRENT_A
        for _ in range(60):
            current_a = (low_a + high_a) / 2
            wanted_a = sum(
                sink.current_at(self.source.voltage_at(current_a)) for sink in self.sinks
            )
            if wanted_a > current_a:
                low_a = current_a
            else:
                high_a = current_a
        current_a = (low_a + high_a) / 2
        if current_a < 1e-9:
            current_a = 0.0
        return max(0.0, self.source.voltage_at(current_a)), current_a

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

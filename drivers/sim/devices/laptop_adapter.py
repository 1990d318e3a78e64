"""A laptop adapter as a device under test: a voltage with limits, losses and a temperature."""

import math

from drivers.buses import Time
from drivers.sim.mains import MainsLoad
from drivers.sim.world import Circuit

WARM_UP_S = 90.0  # time constant of its case
CUT_OFF_V = 1.0  # below this the output counts as collapsed


class SimulatedAdapter:
    """Feeds a `Circuit` from the mains. Defects are keyword arguments and combine.

    The output is `open_voltage_v` less `resistance_ohm` times the current, and falls to nothing
    at `limit_a` (`math.inf`: it has no protection). `hot_drop_v` is what it loses at full load
    when it is warm. `latches_off` is an adapter that does not come back after an overload before
    it is unplugged; `recovery_s` how long a good one takes. The losses are `idle_w` and the
    given efficiency of what goes through.
    """

    def __init__(
        self,
        time: Time,
        *,
        rated_voltage_v: float,
        rated_current_a: float,
        open_voltage_v: float | None = None,
        resistance_ohm: float = 0.05,
        limit_a: float | None = None,
        efficiency: float = 0.91,
        idle_w: float = 0.08,
        hot_drop_v: float = 0.05,
        latches_off: bool = False,
        recovery_s: float = 0.8,
        dead: bool = False,
    ) -> None:
        self.open_voltage_v = rated_voltage_v if open_voltage_v is None else open_voltage_v
        self.resistance_ohm = resistance_ohm
        self.limit_a = 1.3 * rated_current_a if limit_a is None else limit_a
        self.efficiency = efficiency
        self.idle_w = idle_w
        self.hot_drop_v = hot_drop_v
        self.latches_off = latches_off
        self.recovery_s = recovery_s
        self.dead = dead
        self._rated_current_a = rated_current_a
        self._time = time
        self._warmth = 0.0
        self._current_a = 0.0
        self._off_until_s = -math.inf
        self._settled_s = time.monotonic()

    def voltage_at(self, current_a: float) -> float:
        """Return the output's voltage, as a `drivers.sim.world.Source`."""
        if self.dead or self._time.monotonic() < self._off_until_s:
            return 0.0
        sagging_v = self.resistance_ohm * current_a + self.hot_drop_v * self._warmth
        over_a = max(0.0, current_a - self.limit_a)
        return max(0.0, self.open_voltage_v - sagging_v - 400.0 * over_a)

    def settle(self, voltage_v: float, current_a: float) -> None:
        """Warm up, or trip, as the world has come to rest at this point."""
        now_s = self._time.monotonic()
        target = min(1.0, self._current_a / self._rated_current_a)
        share = 1.0 - math.exp(-(now_s - self._settled_s) / WARM_UP_S)
        self._warmth += (target - self._warmth) * share
        self._settled_s, self._current_a = now_s, current_a
        if voltage_v < CUT_OFF_V and current_a > self.limit_a * 0.99:
            self._off_until_s = math.inf if self.latches_off else now_s + self.recovery_s

    def load_at(self, voltage_v: float) -> MainsLoad:
        """Return the load of the current that flows now, as a `drivers.sim.mains.MainsConsumer`."""
        output_w = self.voltage_at(self._current_a) * self._current_a
        losses_w = 0.0 if self.dead else self.idle_w
        power_w = output_w / self.efficiency + losses_w
        return MainsLoad(power_w, 0.5 if power_w < 20 else 0.93)


class AdapterCircuit(Circuit):
    """A circuit whose adapter hears where the world came to rest."""

    def solve(self) -> tuple[float, float]:
        voltage_v, current_a = super().solve()
        if isinstance(self.source, SimulatedAdapter):
            self.source.settle(voltage_v, current_a)
        return voltage_v, current_a

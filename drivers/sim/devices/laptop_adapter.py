"""A laptop adapter as a device under test: a voltage with limits, losses and a temperature."""

import math
from collections.abc import Mapping
from typing import Annotated

from drivers.buses import Time
from drivers.sim.mains import MainsLine, MainsLoad
from drivers.sim.place import Place
from drivers.wiring import Between

WARM_UP_S = 90.0  # time constant of its case
CUT_OFF_V = 1.0  # below this the output counts as collapsed
SHORT_OHM = 400.0  # how steeply the output falls beyond its limit
JUMP_S = 0.37
LOADS_PERCENT = (0, 25, 50, 75, 100)


class SimulatedAdapter:
    """Feeds a `Circuit` from the mains. Defects are keyword arguments and combine.

    The output is `open_voltage_v` less `resistance_ohm` times the current, and falls to nothing
    at `limit_a` (`math.inf`: it has no protection). `hot_drop_v` is what it loses at full load
    when it is warm. `latches_off` is an adapter that does not come back after an overload before
    it is unplugged; `recovery_s` how long a good one takes. The losses are `idle_w` and the
    given efficiency of what goes through. `jump_v` is how far its voltage jumps, up and down
    in turn each `JUMP_S`: a dry capacitor, a control loop that hunts. Below `lowest_mains_v` it
    gives nothing. All of these may be changed at any time.
    """

    def __init__(
        self,
        time: Time,
        *,
        rated_voltage_v: Annotated[float, Between(0.1, 1000)],
        rated_current_a: Annotated[float, Between(0.001, 1000)],
        open_voltage_v: Annotated[float, Between(-1000, 1000)] | None = None,
        resistance_ohm: float = 0.05,
        limit_a: float | None = None,
        efficiency: Annotated[float, Between(0.01, 1)] = 0.91,
        idle_w: float = 0.08,
        hot_drop_v: float = 0.05,
        latches_off: bool = False,
        recovery_s: float = 0.8,
        dead: bool = False,
        jump_v: float = 0.0,
        lowest_mains_v: float = 85.0,
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
        self.jump_v = jump_v
        self.lowest_mains_v = lowest_mains_v
        self._mains: MainsLine | None = None
        self._rated_voltage_v = rated_voltage_v
        self._rated_current_a = rated_current_a
        self._time = time
        self._warmth = 0.0
        self._current_a = 0.0
        self._off_until_s = -math.inf
        self._settled_s = time.monotonic()

    def voltage_at(self, current_a: float) -> float:
        """Return the output's voltage, as a `drivers.sim.world.Source`."""
        if not self._has_mains() or self._time.monotonic() < self._off_until_s:
            return 0.0
        if self.dead:
            return 0.0
        return self._output_v(current_a, self._warmth, self._jumped_v())

    def _jumped_v(self) -> float:
        up = self._time.monotonic() // JUMP_S % 2 == 0
        return self.jump_v if up else -self.jump_v

    def _output_v(self, current_a: float, warmth: float, jump_v: float) -> float:
        sagging_v = self.resistance_ohm * current_a + self.hot_drop_v * warmth
        over_a = max(0.0, current_a - self.limit_a)
        return max(0.0, self.open_voltage_v + jump_v - sagging_v - SHORT_OHM * over_a)

    def _has_mains(self) -> bool:
        return self._mains is None or self._mains.voltage_v >= self.lowest_mains_v

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
        losses_w = 0.0 if self.dead or not self._has_mains() else self.idle_w
        power_w = output_w / self.efficiency + losses_w
        return MainsLoad(power_w, 0.5 if power_w < 20 else 0.93)

    # A device under test

    def plug(self, place: Place) -> None:
        """Put the mains plug into the outlet, and the output plug into the bench."""
        place.circuit.source = self
        place.mains.consumer = self
        self._mains = place.mains

    @property
    def seen(self) -> Mapping[str, bool]:
        """Return nothing: an adapter is a closed box."""
        return {}

    def truth(
        self,
        *,
        soak_percent: float = 50.0,
        soak_s: float = 240.0,
        full_s: float = 60.0,
        overload_percent: float = 180.0,
    ) -> Mapping[str, float | tuple[float, float]]:
        """Return its figures at the loads of the external power supply test, cold but where said.

        `hot_…` are those in `full_s` at full load after `soak_s` at `soak_percent`, `soaked_v`
        those before. `unsteady_v` is the span over which it jumps, `regulation_v` that of the four
        loaded voltages, `overload_w` the power at `overload_percent` of rated current,
        `recovery_s` the time until the output is back after that.
        """
        found: dict[str, float | tuple[float, float]] = {}
        loaded: list[float] = []
        efficiencies: list[float] = []
        jump_v = abs(self.jump_v)
        for percent in LOADS_PERCENT:
            current_a = self._rated_current_a * percent / 100
            voltage_v = self._true_v(current_a, 0.0)
            found[f"output_{percent}_v"] = (max(0.0, voltage_v - jump_v), voltage_v + jump_v)
            if percent:
                loaded.append(voltage_v)
                given_w = voltage_v * current_a
                taken_w = given_w / self.efficiency + self.idle_w if given_w else 0.0
                efficiencies.append(100 * given_w / taken_w if taken_w else 0.0)
                found[f"efficiency_{percent}_percent"] = efficiencies[-1]
        found["average_efficiency_percent"] = sum(efficiencies) / len(efficiencies)
        span_v = max(loaded) - min(loaded)
        found["regulation_v"] = (span_v, span_v + 2 * jump_v)
        share = soak_percent / 100
        soaked = share * (1 - math.exp(-soak_s / WARM_UP_S))
        warmth = 1 - (1 - soaked) * math.exp(-full_s / WARM_UP_S)
        cold_v, hot_v = (self._true_v(self._rated_current_a, one) for one in (0.0, warmth))
        first_v = self._true_v(self._rated_current_a, soaked)
        found["hot_v"] = (max(0.0, min(first_v, hot_v) - jump_v), max(first_v, hot_v) + jump_v)
        ends_v = [self._true_v(self._rated_current_a * share, one) for one in (0.0, soaked)]
        found["soaked_v"] = (max(0.0, min(ends_v) - jump_v), max(ends_v) + jump_v)
        found["warm_up_v"] = hot_v - cold_v
        found["unsteady_v"] = 2 * jump_v
        found["no_load_w"] = self.idle_w if not self.dead else 0.0
        overload_a = self._rated_current_a * overload_percent / 100
        overload_v = self._true_v(overload_a, warmth)
        found["overload_w"] = overload_v * overload_a
        trips = overload_v < CUT_OFF_V
        found["recovery_s"] = (math.inf if self.latches_off else self.recovery_s) if trips else 0.0
        found["recovered_v"] = 0.0 if trips and self.latches_off else self._true_v(0.0, warmth)
        return found

    def _true_v(self, current_a: float, warmth: float) -> float:
        """Return the mean voltage on good mains at a load that takes no more than it can get."""
        if self.dead:
            return 0.0
        voltage_v = self._output_v(current_a, warmth, 0.0)
        return voltage_v if voltage_v >= CUT_OFF_V else 0.0

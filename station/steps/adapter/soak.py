"""Full load after a soak, logged each second: tired parts show when they are warm."""

from typing import Any

from drivers.capabilities import ElectronicLoad, MainsMeter, PowerMeter
from records import Reading
from records.run import LONGEST_SERIES, Series
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import BenchFault, NotNegative, Positive, Yields, step
from station.engine.witness import must_stay_silent
from station.steps.adapter.bench import COMES_BACK_S, CONFIRM_S, LOOKS, POLL_S, LoadBench, Sample
from station.steps.adapter.idle import unsteadiness_on_paper
from station.steps.adapter.meters import OUTPUT
from station.steps.adapter.samples import (
    deviation_percent,
    jumps,
    middle,
    twice_highest,
    twice_lowest,
    worst_deviation_percent,
)

LOG_S = 1.0
GOLDEN = (5**0.5 - 1) / 2
"""Spreads the samples within their seconds: what comes again each few seconds is not missed."""

FAILS_AT = 2
"""Dropouts: what happens once is seen twice."""


class _Log:
    """The voltage of a soak, each second, and how often it dropped out."""

    def __init__(self, bench: LoadBench, settle_s: float) -> None:
        self._bench = bench
        self._settle_s = settle_s
        self._start_s = bench.clock.monotonic()
        self._all: list[tuple[float, float]] = []
        self.dropouts = 0
        self.is_dead = False
        """It is dead, and the operator has confirmed that it is plugged in."""

    @property
    def has_failed(self) -> bool:
        return self.is_dead or self.dropouts >= FAILS_AT

    def soak(self, current_a: float, seconds: float) -> list[float]:
        """Load the adapter for a time, and return its voltages but those of dropouts.

        Ends early when it has failed. Raises `BenchFault` when the meters contradict each other.
        """
        clock = self._bench.clock
        self._on(current_a)
        found: list[float] = []
        part: list[Sample] = []
        left = max(1, round(seconds / LOG_S))
        due_s = clock.monotonic()
        for number in range(left):
            due_s += LOG_S * (0.5 + number * GOLDEN % 1)
            clock.sleep(max(0.0, due_s - clock.monotonic()))
            sample = self._bench.sample()
            self._all.append((clock.monotonic() - self._start_s, float(sample.meter.voltage_v)))
            if sample.is_dead:
                self._drop(current_a)
                due_s = clock.monotonic()
                part.clear()
                if self.has_failed:
                    break
                continue
            part.append(sample)
            found.append(sample.meter.voltage_v)
            if len(part) == LOOKS or number == left - 1:
                self._bench.agree(part, current_a)
                part.clear()
        if not self.has_failed and _is_odd_once(found):
            found += self._bench.watch(current_a, int(CONFIRM_S / POLL_S)).voltages_v
        return found

    def _on(self, current_a: float) -> None:
        self._bench.load.sink_current(current_a)
        self._bench.load.switch(on=True)
        self._bench.clock.sleep(self._settle_s)

    def _drop(self, current_a: float) -> None:
        """Take note of a dropout. At the first the operator is asked what it may come from."""
        self.dropouts += 1
        if self.has_failed:
            return
        self._bench.load.switch(on=False)
        self._bench.clock.sleep(COMES_BACK_S)
        idle = self._bench.watch()
        if idle.is_dead:
            self._bench.must_stay_dead(idle)
            self.is_dead = True
            return
        self._bench.ask_left_alone()
        self._on(current_a)

    def confirm(self, current_a: float) -> None:
        """Watch an adapter that dropped out once. Raises `BenchFault` when it does not again."""
        if self.dropouts == 1 and not self.is_dead:
            watch = self._bench.watch(current_a, int(CONFIRM_S / POLL_S))
            if not watch.dies:
                raise BenchFault("adapter.dropped_once", roles=OUTPUT)
            self.dropouts += 1

    def series(self, rated_voltage_v: float) -> Series:
        """Return the course of the voltage; of a long one, of each group the worst."""
        each = -(-len(self._all) // LONGEST_SERIES) or 1
        groups = [self._all[at : at + each] for at in range(0, len(self._all), each)]
        kept = [max(group, key=lambda one: abs(one[1] - rated_voltage_v)) for group in groups]
        return Series(
            name="soak_voltage",
            at_s=tuple(round(at_s, 1) for at_s, _ in kept),
            values=tuple(round(voltage_v, 3) for _, voltage_v in kept),
            unit="V",
        )


def _is_odd_once(voltages_v: list[float]) -> bool:
    """Tell whether one voltage alone is worse than all others by more than a meter's noise."""
    if len(voltages_v) < 3:
        return False
    apart_v = 0.01 * middle(voltages_v)
    return (
        twice_lowest(voltages_v) - min(voltages_v) > apart_v
        or max(voltages_v) - twice_highest(voltages_v) > apart_v
    )


@step(
    soak_deviation="%",
    hot_deviation="%",
    warm_up_change="%",
    unsteadiness="%",
    dropouts="",
)
def hot(
    load: ElectronicLoad,
    meter: PowerMeter,
    mains_meter: MainsMeter,
    operator: Operator,
    clock: Clock,
    *,
    rated_voltage_v: Positive,
    rated_current_a: Positive,
    soak_percent: Positive = 50.0,
    soak_s: NotNegative = 240.0,
    full_s: NotNegative = 60.0,
    settle_s: NotNegative = 5.0,
) -> Yields:
    """Full load again after a soak, both logged each second and judged by the worst of it.

    A dropout is a sample without a voltage. At the first the operator is asked; at the second, or
    when it stays dead although it is plugged in, it is the adapter's. `warm_up_change` is from the
    cold full load to the end.
    """
    bench = LoadBench(load, meter, mains_meter, operator, clock)
    cold = bench.look_after(bench.sink(rated_current_a, settle_s), rated_current_a, settle_s)
    soak_a = rated_current_a * soak_percent / 100
    if cold.dies:
        load.sink_current(soak_a)
        clock.sleep(soak_s)
        warm = bench.sink(rated_current_a, settle_s)
        must_stay_silent(not warm.dies, "adapter.came_back_warm", roles=OUTPUT)
        yield Reading("hot_deviation", warm.worst_percent(rated_voltage_v))
        return
    cold_v = middle(cold.voltages_v)
    log = _Log(bench, settle_s)
    full_v: list[float] = []
    try:
        soaked_v = log.soak(soak_a, soak_s)
        if not log.has_failed:
            full_v = log.soak(rated_current_a, full_s)
        log.confirm(rated_current_a)
    except BenchFault:
        yield log.series(rated_voltage_v)
        raise
    yield log.series(rated_voltage_v)
    yield Reading("dropouts", log.dropouts)
    if soaked_v:
        yield Reading("soak_deviation", worst_deviation_percent(soaked_v, rated_voltage_v))
    if log.has_failed and not full_v:
        return
    yield Reading("hot_deviation", worst_deviation_percent(full_v, rated_voltage_v))
    change_v = middle(full_v[-LOOKS:]) - cold_v
    yield Reading("warm_up_change", 100 * change_v / rated_voltage_v)
    jump_v = max(jumps(one) for one in (cold.voltages_v, soaked_v, full_v))
    yield Reading("unsteadiness", 100 * jump_v / rated_voltage_v)


@hot.on_paper
def _hot(told: Paper, *, rated_voltage_v: float, **others: Any) -> dict[str, float]:
    cold_v = told("meter", "voltage_v", rated_voltage_v)
    warm_v = told("meter", "voltage_v", 0.98 * rated_voltage_v)
    return {
        "soak_deviation": deviation_percent(warm_v, rated_voltage_v),
        "hot_deviation": deviation_percent(warm_v, rated_voltage_v),
        "warm_up_change": 100 * (warm_v - cold_v) / rated_voltage_v,
        "unsteadiness": unsteadiness_on_paper(told, rated_voltage_v),
    }

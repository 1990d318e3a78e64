"""An adapter that is asked for far too much: it protects itself, and comes back by itself."""

from typing import Any

from drivers.capabilities import ElectronicLoad, MainsMeter, PowerMeter
from drivers.uncertain import ROOT_12, spread
from records import Reading
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import NotNegative, Positive, Yields, step
from station.steps.adapter.bench import POLL_S, LoadBench
from station.steps.adapter.samples import deviation_percent


@step(overload_power="%", recovery_time="s", recovered_deviation="%")
def overload(
    load: ElectronicLoad,
    meter: PowerMeter,
    mains_meter: MainsMeter,
    operator: Operator,
    clock: Clock,
    *,
    rated_voltage_v: Positive,
    rated_current_a: Positive,
    overload_percent: Positive = 180.0,
    hold_s: NotNegative = 2.0,
    recovery_s: NotNegative = 10.0,
) -> Yields:
    """Ask for far too much, then let go: it protects itself, and comes back by itself.

    `overload_power` is in per cent of rated power. `recovery_time` is how long it took after the
    load let go until the voltage was within 5 %; one that never came back shows `recovery_s`.
    """
    bench = LoadBench(load, meter, mains_meter, operator, clock)
    abused = bench.sink(rated_current_a * overload_percent / 100, hold_s).lowest
    rated_w = rated_voltage_v * rated_current_a
    yield Reading("overload_power", 100 * abused.voltage_v * abused.current_a / rated_w)
    load.switch(on=False)
    start_s = clock.monotonic()
    back_s = recovery_s
    while (elapsed_s := clock.monotonic() - start_s) < recovery_s:
        bench.mains_power_w()
        if abs(deviation_percent(meter.read().voltage_v, rated_voltage_v)) <= 5.0:
            back_s = elapsed_s
            break
        clock.sleep(POLL_S)
    watch = bench.watch()
    bench.must_stay_dead(watch)
    yield Reading("recovery_time", _polled(back_s))
    yield Reading("recovered_deviation", watch.worst_percent(rated_voltage_v))


@overload.on_paper
def _overload(
    told: Paper, *, rated_voltage_v: float, rated_current_a: float, **others: Any
) -> dict[str, float]:
    voltage_v = told("meter", "voltage_v", rated_voltage_v)
    share = told.edge("overload_power", 160.0) / 100
    current_a = told("meter", "current_a", rated_current_a * share)
    return {
        "overload_power": 100 * voltage_v * current_a / (rated_voltage_v * rated_current_a),
        "recovery_time": _polled(told.edge("recovery_time", 5.0)),
        "recovered_deviation": deviation_percent(voltage_v, rated_voltage_v),
    }


def _polled(seconds: float) -> float:
    """Return a time that was found by looking every `POLL_S`."""
    return spread(seconds, POLL_S / ROOT_12, "polling")

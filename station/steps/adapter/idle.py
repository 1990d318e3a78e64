"""An adapter without a load: the mains that it is judged on, its voltage, and what it takes."""

from typing import Any

from drivers.capabilities import ElectronicLoad, MainsMeter, PowerMeter
from drivers.uncertain import repeated
from records import Reading
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import (
    BenchFault,
    Count,
    NotApplicable,
    NotNegative,
    Positive,
    Yields,
    step,
)
from station.steps.adapter.bench import LoadBench
from station.steps.adapter.meters import MainsWitness
from station.steps.adapter.samples import deviation_percent, middle


@step(mains_voltage="V", mains_frequency="Hz")
def mains(
    mains_meter: MainsMeter, *, nominal_v: Positive = 230.0, tolerance_percent: NotNegative = 15.0
) -> Yields:
    """Check the mains that the adapter is about to be judged on. Bad mains is the bench's fault."""
    sample = mains_meter.read_mains()
    if abs(sample.voltage_v - nominal_v) > nominal_v * tolerance_percent / 100:
        raise BenchFault(
            "adapter.mains_bad",
            roles={"mains_meter"},
            mains_v=sample.voltage_v,
            tolerance_percent=tolerance_percent,
            nominal_v=nominal_v,
        )
    yield Reading("mains_voltage", sample.voltage_v)
    yield Reading("mains_frequency", sample.frequency_hz)


@step(no_load_voltage="V", no_load_deviation="%", unsteadiness="%")
def no_load(
    load: ElectronicLoad,
    meter: PowerMeter,
    operator: Operator,
    clock: Clock,
    *,
    rated_voltage_v: Positive,
    settle_s: NotNegative = 2.0,
) -> Yields:
    """Output voltage with nothing connected, its worst deviation from the rating, and its jumps.

    Where there is none at all, the operator is asked whether both plugs are in and whether there is
    mains: a bench without a mains meter can do this test, too. `unsteadiness` is
    the span over which the voltage jumps about, in per cent of the rating.
    """
    load.switch(on=False)
    clock.sleep(settle_s)
    bench = LoadBench(load, meter, None, operator, clock)
    watch = bench.ask_when_dead(bench.watch())
    if watch.has_died and not watch.is_dead:
        watch = bench.dropped_out(0.0)
    yield Reading("no_load_voltage", middle(watch.voltages_v))
    yield Reading("no_load_deviation", watch.worst_percent(rated_voltage_v))
    yield Reading("unsteadiness", watch.jumps_percent(rated_voltage_v))


@no_load.on_paper
def _no_load(told: Paper, *, rated_voltage_v: float, **others: Any) -> dict[str, float]:
    voltage_v = told("meter", "voltage_v", rated_voltage_v)
    return {
        "no_load_voltage": voltage_v,
        "no_load_deviation": deviation_percent(voltage_v, rated_voltage_v),
        "unsteadiness": unsteadiness_on_paper(told, rated_voltage_v),
    }


def unsteadiness_on_paper(told: Paper, rated_voltage_v: float) -> float:
    """Return the difference of two readings that are as far apart as the limit allows."""
    low_v = told("meter", "voltage_v", rated_voltage_v)
    apart_v = rated_voltage_v * told.edge("unsteadiness", 2.0) / 100
    return 100 * (told("meter", "voltage_v", rated_voltage_v + apart_v) - low_v) / rated_voltage_v


@step(no_load_power="W")
def no_load_power(
    load: ElectronicLoad,
    mains_meter: MainsMeter,
    clock: Clock,
    *,
    resolution_needed_w: Positive = 0.02,
    settle_s: NotNegative = 30.0,
    samples: Count = 10,
) -> Yields:
    """Mains power with nothing connected, where the meter is fine enough to tell."""
    if mains_meter.power_resolution_w > resolution_needed_w:
        raise NotApplicable(
            "adapter.meter_too_coarse",
            resolution_w=mains_meter.power_resolution_w,
            needed_w=resolution_needed_w,
        )
    load.switch(on=False)
    clock.sleep(settle_s)
    witness = MainsWitness()
    taken = []
    for _ in clock.every(1.0, samples):
        sample = mains_meter.read_mains()
        witness.hear(sample)
        taken.append(sample.power_w)
    yield Reading("no_load_power", repeated(taken))


@no_load_power.on_paper
def _no_load_power(told: Paper, *, samples: int, **others: Any) -> dict[str, float]:
    power_w = told.edge("no_load_power", 0.1)
    taken = [told("mains_meter", "power_w", power_w) for _ in range(samples)]
    return {"no_load_power": repeated(taken)}

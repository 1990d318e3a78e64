"""An adapter at the load points of the external power supply efficiency test."""

from typing import Any

from drivers.capabilities import ElectronicLoad, MainsMeter, PowerMeter
from drivers.extremes import span
from drivers.uncertain import mean, repeated
from records import Reading
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import NotNegative, Positive, Yields, step
from station.engine.witness import must_stay_silent
from station.steps.adapter.bench import LoadBench
from station.steps.adapter.idle import unsteadiness_on_paper
from station.steps.adapter.meters import OUTPUT, less_out_than_in, mains_must_follow
from station.steps.adapter.samples import deviation_percent, is_steady, middle

LOAD_POINTS_PERCENT = (25, 50, 75, 100)
"""Of rated current: the points of the external power supply efficiency test."""


@step(
    deviation_25="%",
    deviation_50="%",
    deviation_75="%",
    deviation_100="%",
    efficiency_25="%",
    efficiency_50="%",
    efficiency_75="%",
    efficiency_100="%",
    average_efficiency="%",
    regulation="%",
    unsteadiness="%",
)
def load_points(
    load: ElectronicLoad,
    meter: PowerMeter,
    mains_meter: MainsMeter,
    operator: Operator,
    clock: Clock,
    *,
    rated_voltage_v: Positive,
    rated_current_a: Positive,
    settle_s: NotNegative = 5.0,
) -> Yields:
    """Voltage and efficiency at 25, 50, 75 and 100 % of rated current.

    Each deviation is the worst of a watch, up or down, that was seen twice. `regulation` is the
    span of the four middle voltages, `unsteadiness` the span over which the voltage jumps about at
    one load, both in per cent of the rating.
    """
    bench = LoadBench(load, meter, mains_meter, operator, clock)
    voltages_v: list[float] = []
    efficiencies: list[float] = []
    jumps: list[float] = []
    before: tuple[float, float] | None = None
    is_dead = False
    for percent in LOAD_POINTS_PERCENT:
        current_a = rated_current_a * percent / 100
        watch = bench.sink(current_a, settle_s)
        if not is_dead:  # the operator is asked once
            watch = bench.look_after(watch, current_a, settle_s)
        else:
            must_stay_silent(
                not watch.is_dead, "adapter.came_back_loaded", roles=OUTPUT, load_percent=percent
            )
        is_dead = watch.is_dead
        out_w = repeated([one.power_w for one in watch.samples])
        in_w = repeated(watch.mains_w)
        if is_steady(watch.samples):  # the mains meter is too slow for one that jumps about
            less_out_than_in(out_w, in_w)
            if before is not None:
                mains_must_follow(before, (out_w, in_w))
            before = (out_w, in_w)
        efficiencies.append(100 * out_w / in_w if in_w > 0 else 0.0)
        voltages_v.append(middle(watch.voltages_v))
        jumps.append(watch.jumps_percent(rated_voltage_v))
        yield Reading(f"deviation_{percent}", watch.worst_percent(rated_voltage_v))
        yield Reading(f"efficiency_{percent}", efficiencies[-1])
    yield Reading("average_efficiency", mean(efficiencies))
    yield Reading("regulation", 100 * span(voltages_v) / rated_voltage_v)
    yield Reading("unsteadiness", max(jumps))


@load_points.on_paper
def _load_points(
    told: Paper, *, rated_voltage_v: float, rated_current_a: float, **others: Any
) -> dict[str, float]:
    """Take the voltage as it may fall, and the least efficiency that passes."""
    found, voltages_v, efficiencies = dict[str, float](), [], []
    for number, percent in enumerate(LOAD_POINTS_PERCENT):
        fallen = told.edge("regulation", 5.0) / 100 * number / 3
        voltage_v = told("meter", "voltage_v", rated_voltage_v * (1 - fallen))
        drawn_a = rated_current_a * percent / 100
        out_w = voltage_v * told("meter", "current_a", drawn_a)
        in_w = rated_voltage_v * (1 - fallen) * drawn_a / told.edge("average_efficiency", 85) * 100
        efficiencies.append(100 * out_w / told("mains_meter", "power_w", in_w))
        voltages_v.append(voltage_v)
        found[f"deviation_{percent}"] = deviation_percent(voltage_v, rated_voltage_v)
        found[f"efficiency_{percent}"] = efficiencies[-1]
    found["average_efficiency"] = mean(efficiencies)
    found["regulation"] = 100 * span(voltages_v) / rated_voltage_v
    found["unsteadiness"] = unsteadiness_on_paper(told, rated_voltage_v)
    return found

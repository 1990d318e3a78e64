"""Mains adapters: what they deliver, at what cost, cold, hot and abused."""

from typing import Any, NamedTuple

from drivers.capabilities import ElectronicLoad, MainsMeter, Power, PowerMeter
from drivers.extremes import span
from drivers.uncertain import ROOT_12, mean, repeated, spread
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
from station.engine.witness import Doubt, may_differ, must_confirm, must_stay_silent

LOAD_POINTS_PERCENT = (25, 50, 75, 100)
"""Of rated current: the points of the external power supply efficiency test."""

OUTPUT = frozenset({"load", "meter"})
"""The roles at the output plug: what one of them says of the adapter, both have to agree on."""

PLUGGED = Doubt("adapter.plugged", "adapter.not_plugged", OUTPUT)

DEAD_V = 1.0
POLL_S = 0.1
LEAD_OHM = 0.05  # proposal: two leads of a metre and their plugs, between meter and load
COMES_BACK_S = 5.0  # Delta ADP-40 data sheet: turn-on within 2 to 5 s


class _Sample(NamedTuple):
    """A sample of the meter. An output that jumps about is not `steady`: a protection at work."""

    power: Power
    steady: bool


class _LoadBench(NamedTuple):
    """An adapter between two meters. The load's own meter keeps the other honest."""

    load: ElectronicLoad
    meter: PowerMeter
    operator: Operator
    clock: Clock

    def sink(self, current_a: float, settle_s: float) -> _Sample:
        self.load.sink_current(current_a)
        self.load.switch(on=True)
        self.clock.sleep(settle_s)
        return self.read(current_a)

    def read(self, wanted_a: float = 0.0) -> _Sample:
        """Return a sample that both ends of the cable agree on, or raise `BenchFault`.

        Only two equal samples with the load's between them can convict a lead or a meter, or an
        output that jumps about for the meter alone. Of an output that jumps about for both, the
        lowest sample is returned.
        """
        seen, seen_by_load = [self.meter.read()], []
        for _ in range(5):
            if isinstance(self.load, PowerMeter):
                seen_by_load.append(self.load.read())
            seen.append(self.meter.read())
            if _alike(seen[-2], seen[-1], 0.05, 0.01):
                if seen_by_load:
                    _compare(
                        Power(*map(repeated, zip(*seen[-2:], strict=True))),
                        seen_by_load[-1],
                        wanted_a,
                    )
                return _Sample(seen[-1], steady=True)
            self.clock.sleep(0.2)
        if seen_by_load and all(_alike(seen_by_load[0], one, 0.05, 0.01) for one in seen_by_load):
            raise BenchFault(
                "adapter.lead_loose",
                roles=OUTPUT,
                load_v=seen_by_load[0].voltage_v,
                low_v=min(seen).voltage_v,
                high_v=max(seen).voltage_v,
            )
        return _Sample(min(seen), steady=False)

    def look_after(self, sample: Power) -> None:
        """Ask about an output that is dead without a load, too: its plug may have come out."""
        if sample.voltage_v < DEAD_V:
            self.load.switch(on=False)
            self.clock.sleep(COMES_BACK_S)
            self.must_stay_dead(self.read().power)

    def must_stay_dead(self, sample: Power) -> None:
        """Ask about an adapter that gives no voltage any more.

        Raises `BenchFault` when it gives some after the question: a plug may have been out.
        """
        if sample.voltage_v < DEAD_V:
            must_stay_silent(
                self.ask_when_dead(sample).voltage_v >= DEAD_V, "adapter.came_back", roles=OUTPUT
            )

    def ask_when_dead(self, sample: Power) -> Power:
        """Return what the adapter gives, also after the operator was asked about its plugs.

        Dead or not plugged in, only a person can tell. Raises `BenchFault` when it was not. The
        plug may be in only since the question.
        """
        if sample.voltage_v >= DEAD_V:
            return sample
        must_confirm(self.operator, PLUGGED)
        self.clock.sleep(COMES_BACK_S)
        return self.read().power


def _alike(a: Power, b: Power, absolute: float, relative: float) -> bool:
    return all(
        abs(one - other) <= absolute + relative * max(abs(one), abs(other))
        for one, other in ((a.voltage_v, b.voltage_v), (a.current_a, b.current_a))
    )


def _compare(meter: Power, load: Power, wanted_a: float) -> None:
    near_v = may_differ(meter.voltage_v, load.voltage_v, 0.3 + 0.03 * meter.voltage_v)
    if abs(load.voltage_v - meter.voltage_v) > near_v + LEAD_OHM * meter.current_a:
        raise BenchFault(
            "adapter.lead_broken", roles=OUTPUT, meter_v=meter.voltage_v, load_v=load.voltage_v
        )
    near_a = may_differ(meter.current_a, load.current_a, 0.05 + 0.03 * meter.current_a)
    if abs(load.current_a - meter.current_a) > near_a:
        raise BenchFault(
            "adapter.current_differs", roles=OUTPUT, meter_a=meter.current_a, load_a=load.current_a
        )
    if load.voltage_v > 3.0 and load.current_a < 0.95 * wanted_a - 0.02:
        raise BenchFault(
            "adapter.load_weak",
            roles={"load"},
            wanted_a=wanted_a,
            load_a=load.current_a,
            load_v=load.voltage_v,
        )


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


@step(no_load_voltage="V", no_load_deviation="%")
def no_load(
    load: ElectronicLoad,
    meter: PowerMeter,
    operator: Operator,
    clock: Clock,
    *,
    rated_voltage_v: Positive,
    settle_s: NotNegative = 2.0,
) -> Yields:
    """Output voltage with nothing connected, and its deviation from the rating.

    Where there is none at all, the operator is asked whether both plugs are in.
    """
    load.switch(on=False)
    clock.sleep(settle_s)
    bench = _LoadBench(load, meter, operator, clock)
    sample = bench.ask_when_dead(bench.read().power)
    yield Reading("no_load_voltage", sample.voltage_v)
    yield Reading("no_load_deviation", _deviation_percent(sample.voltage_v, rated_voltage_v))


@no_load.on_paper
def _no_load(told: Paper, *, rated_voltage_v: float, **others: Any) -> dict[str, float]:
    voltage_v = told("meter", "voltage_v", rated_voltage_v)
    return {
        "no_load_voltage": voltage_v,
        "no_load_deviation": _deviation_percent(voltage_v, rated_voltage_v),
    }


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
    taken = [mains_meter.read_mains().power_w for _ in clock.every(1.0, samples)]
    yield Reading("no_load_power", repeated(taken))


@no_load_power.on_paper
def _no_load_power(told: Paper, *, samples: int, **others: Any) -> dict[str, float]:
    power_w = told.edge("no_load_power", 0.1)
    taken = [told("mains_meter", "power_w", power_w) for _ in range(samples)]
    return {"no_load_power": repeated(taken)}


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

    `regulation` is the span of the four voltages in per cent of the rating.
    """
    bench = _LoadBench(load, meter, operator, clock)
    voltages_v: list[float] = []
    efficiencies: list[float] = []
    for percent in LOAD_POINTS_PERCENT:
        sample, steady = bench.sink(rated_current_a * percent / 100, settle_s)
        mains_w = mains_meter.read_mains().power_w
        if steady and sample.power_w > mains_w * 1.02 + 0.5:
            raise BenchFault(
                "adapter.more_out_than_in",
                roles={"meter", "mains_meter"},
                out_w=sample.power_w,
                in_w=mains_w,
            )
        if not voltages_v or voltages_v[-1] >= DEAD_V:  # the operator is asked once
            bench.look_after(sample)
        else:
            must_stay_silent(
                sample.voltage_v >= DEAD_V,
                "adapter.came_back_loaded",
                roles=OUTPUT,
                load_percent=percent,
            )
        efficiency = 100 * sample.power_w / mains_w if mains_w > 0 else 0.0
        voltages_v.append(sample.voltage_v)
        efficiencies.append(efficiency)
        deviation = _deviation_percent(sample.voltage_v, rated_voltage_v)
        yield Reading(f"deviation_{percent}", deviation)
        yield Reading(f"efficiency_{percent}", efficiency)
    yield Reading("average_efficiency", mean(efficiencies))
    yield Reading("regulation", 100 * span(voltages_v) / rated_voltage_v)


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
        found[f"deviation_{percent}"] = _deviation_percent(voltage_v, rated_voltage_v)
        found[f"efficiency_{percent}"] = efficiencies[-1]
    found["average_efficiency"] = mean(efficiencies)
    found["regulation"] = 100 * span(voltages_v) / rated_voltage_v
    return found


@step(hot_deviation="%", warm_up_change="%")
def hot(
    load: ElectronicLoad,
    meter: PowerMeter,
    operator: Operator,
    clock: Clock,
    *,
    rated_voltage_v: Positive,
    rated_current_a: Positive,
    soak_percent: Positive = 50.0,
    soak_s: NotNegative = 300.0,
    settle_s: NotNegative = 5.0,
) -> Yields:
    """Full load again after a soak: tired parts show when they are warm."""
    bench = _LoadBench(load, meter, operator, clock)
    cold, _ = bench.sink(rated_current_a, settle_s)
    bench.look_after(cold)
    load.sink_current(rated_current_a * soak_percent / 100)
    clock.sleep(soak_s)
    warm, _ = bench.sink(rated_current_a, settle_s)
    if cold.voltage_v >= DEAD_V:  # the operator is asked once
        bench.look_after(warm)
    else:
        must_stay_silent(warm.voltage_v >= DEAD_V, "adapter.came_back_warm", roles=OUTPUT)
    yield Reading("hot_deviation", _deviation_percent(warm.voltage_v, rated_voltage_v))
    change = 100 * (warm.voltage_v - cold.voltage_v) / rated_voltage_v
    yield Reading("warm_up_change", change)


@hot.on_paper
def _hot(told: Paper, *, rated_voltage_v: float, **others: Any) -> dict[str, float]:
    cold_v, warm_v = (told("meter", "voltage_v", part * rated_voltage_v) for part in (1.0, 0.98))
    return {
        "hot_deviation": _deviation_percent(warm_v, rated_voltage_v),
        "warm_up_change": 100 * (warm_v - cold_v) / rated_voltage_v,
    }


@step(overload_power="%", recovery_time="s", recovered_deviation="%")
def overload(
    load: ElectronicLoad,
    meter: PowerMeter,
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
    bench = _LoadBench(load, meter, operator, clock)
    abused, _ = bench.sink(rated_current_a * overload_percent / 100, hold_s)
    rated_w = rated_voltage_v * rated_current_a
    yield Reading("overload_power", 100 * abused.voltage_v * abused.current_a / rated_w)
    load.switch(on=False)
    start_s = clock.monotonic()
    back_s = recovery_s
    while (elapsed_s := clock.monotonic() - start_s) < recovery_s:
        if abs(_deviation_percent(meter.read().voltage_v, rated_voltage_v)) <= 5.0:
            back_s = elapsed_s
            break
        clock.sleep(POLL_S)
    sample, _ = bench.read()
    bench.must_stay_dead(sample)
    yield Reading("recovery_time", _polled(back_s))
    yield Reading("recovered_deviation", _deviation_percent(sample.voltage_v, rated_voltage_v))


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
        "recovered_deviation": _deviation_percent(voltage_v, rated_voltage_v),
    }


def _polled(seconds: float) -> float:
    """Return a time that was found by looking every `POLL_S`."""
    return spread(seconds, POLL_S / ROOT_12, "polling")


def _deviation_percent(voltage_v: float, rated_voltage_v: float) -> float:
    return 100 * (voltage_v - rated_voltage_v) / rated_voltage_v

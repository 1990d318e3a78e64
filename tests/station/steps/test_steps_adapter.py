"""Adapters: what is the adapter's fault is a failure, what is the bench's is an error."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.capabilities import (
    ElectronicLoad,
    Identity,
    MainsMeter,
    MainsPower,
    Power,
    PowerMeter,
)
from drivers.errors import NoReply
from drivers.sim.world import SimulatedTime
from drivers.uncertain import Accuracy, Channel, Term
from records import Phrase, RunRecord, StepRecord, Verdict
from station.engine.clock import Clock
from station.engine.plan import PlannedStep
from station.steps import adapter
from tests.station.benches import Answers, Socketed, finish, make_bench, planned, said
from tests.station.engine.libraries import key_function_plan, of_plain_numbers

RATED_V, RATED_A = 19.5, 3.33
RATED = {"rated_voltage_v": RATED_V, "rated_current_a": RATED_A}
PLUGGED = "adapter.plugged"
LEFT_ALONE = "adapter.left_alone"


class Adapter:
    """An adapter's output: `law` gives volts for the amperes that are asked of it."""

    def __init__(self) -> None:
        self.law: Callable[[float], float] = lambda amperes: 19.6 - 0.05 * amperes
        self.limit_a = 4.4
        self.unplugged = False
        self.trips = False
        self.tripped = False
        self.efficiency = 0.9

    def volts(self, amperes: float) -> float:
        if self.unplugged or self.tripped:
            return 0.0
        if amperes > self.limit_a:
            self.tripped = self.trips
            return 0.3
        return self.law(amperes)

    def mains_w(self, amperes: float) -> float:
        return self.volts(amperes) * min(amperes, self.limit_a) / self.efficiency + 0.1


class Load(ElectronicLoad, PowerMeter):
    """Sinks what it is told, or `share` of it; its own meter reads `gain` times what is there."""

    def __init__(self, device: Adapter) -> None:
        self.identity = Identity("ACME", "Load")
        self.device = device
        self.on = False
        self.wanted_a = 0.0
        self.share = 1.0
        self.gain = 1.0
        self.is_mute = False

    @property
    def flowing_a(self) -> float:
        if not self.on or self.device.unplugged or self.device.tripped:
            return 0.0
        return min(self.wanted_a * self.share, self.device.limit_a)

    @property
    def terminal_v(self) -> float:
        return self.device.volts(self.wanted_a * self.share if self.on else 0.0)

    def read(self) -> Power:
        if self.is_mute:
            raise NoReply("the load is mute")
        volts, amperes = self.terminal_v * self.gain, self.flowing_a
        return Power(volts, amperes, volts * amperes)

    def sink_current(self, current_a: float) -> None:
        if not current_a >= 0:
            raise ValueError(f"{current_a} A")
        self.wanted_a = current_a

    def sink_power(self, power_w: float) -> None:
        raise NotImplementedError

    def sink_resistance(self, resistance_ohm: float) -> None:
        raise NotImplementedError

    def hold_voltage(self, voltage_v: float) -> None:
        raise NotImplementedError

    def switch(self, *, on: bool) -> None:
        self.on = on


class Meter(PowerMeter):
    """On the same cable. `gains` go round, reading by reading: a lead that makes and breaks."""

    def __init__(self, load: Load) -> None:
        self.identity = Identity("ACME", "Meter")
        self.load = load
        self.gains = [1.0]
        self.readings = 0

    def read(self) -> Power:
        gain = self.gains[self.readings % len(self.gains)]
        self.readings += 1
        volts, amperes = self.load.terminal_v * gain, self.load.flowing_a
        return Power(volts, amperes, volts * amperes)


class Mains(MainsMeter):
    def __init__(self, load: Load) -> None:
        self.identity = Identity("ACME", "Mains")
        self.power_resolution_w = 0.1
        self.load = load
        self.voltage_v = 230.0
        self.gain = 1.0

    def read_mains(self) -> MainsPower:
        amperes = self.load.wanted_a * self.load.share if self.load.on else 0.0
        power_w = self.load.device.mains_w(amperes) * self.gain
        return MainsPower(self.voltage_v, power_w / 230, power_w, 50.0, 0.9)


class Alarm(Clock):
    """Something happens when so much has been slept."""

    def __init__(self) -> None:
        super().__init__(SimulatedTime())
        self.at: list[tuple[float, Callable[[], None]]] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        due = [one for one in self.at if one[0] <= self.monotonic()]
        for one in due:
            self.at.remove(one)
            one[1]()


class Rig:
    """An adapter on a bench of which everything can be broken."""

    def __init__(self) -> None:
        self.adapter = Adapter()
        self.load = Load(self.adapter)
        self.meter = Meter(self.load)
        self.mains = Mains(self.load)
        self.clock = Alarm()
        self.operator = Answers(adapter_plugged="y", adapter_left_alone="y")

    def run(self, *steps: PlannedStep) -> RunRecord:
        bench = make_bench(
            self.clock,
            load=Socketed(self.load).place(),
            meter=Socketed(self.meter).place(),
            mains_meter=Socketed(self.mains).place(),
        )
        bench.operator = self.operator
        record = finish(bench, *steps)
        assert not self.load.on
        return record

    def measure(self, one: PlannedStep) -> StepRecord:
        return self.run(one).steps[1]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def values(record: StepRecord) -> dict[str, Any]:
    return {m.name: m.value for m in record.measurements}


SHIPPED = of_plain_numbers(key_function_plan("laptop-adapter-65w"))
BY_NAME = {one.use.partition(".")[2]: one for one in SHIPPED.steps}
NO_LOAD, LOAD_POINTS, HOT, OVERLOAD = (
    BY_NAME[name] for name in ("no_load", "load_points", "hot", "overload")
)


# A good one


def test_a_good_adapter_passes_the_whole_plan_without_a_question(rig: Rig) -> None:
    record = rig.run(*SHIPPED.steps)
    assert record.verdict is Verdict.PASS, record.steps
    assert rig.operator.asked == []
    assert not record.marginal


def test_the_figures_are_those_of_the_adapter(rig: Rig) -> None:
    told = values(rig.measure(LOAD_POINTS))
    at_100_v = 19.6 - 0.05 * RATED_A
    assert told["deviation_100"] == pytest.approx(100 * (at_100_v - 19.5) / 19.5)
    assert told["regulation"] == pytest.approx(100 * 0.05 * RATED_A * 0.75 / 19.5)
    assert told["efficiency_100"] == pytest.approx(90.0, abs=0.2)
    mean = sum(told[f"efficiency_{percent}"] for percent in (25, 50, 75, 100)) / 4
    assert told["average_efficiency"] == pytest.approx(mean)


@given(
    st.floats(12.0, 26.0),
    st.floats(0.0, 1.0),
    st.floats(0.5, 0.99),
)
def test_the_verdict_at_the_load_points_is_what_the_figures_call_for(
    open_v: float, resistance_ohm: float, efficiency: float
) -> None:
    rig = Rig()
    rig.adapter.law = lambda amperes: open_v - resistance_ohm * amperes
    rig.adapter.efficiency = efficiency
    record = rig.measure(LOAD_POINTS)
    volts = [open_v - resistance_ohm * RATED_A * share for share in (0.25, 0.5, 0.75, 1.0)]
    deviations = [100 * (one - RATED_V) / RATED_V for one in volts]
    regulation = 100 * (volts[0] - volts[3]) / RATED_V
    figures = [abs(one) - 5.0 for one in deviations] + [regulation - 5.0]
    efficiencies = [one * 0.25 * n * RATED_A for n, one in enumerate(volts, start=1)]
    mean = sum(100 * w / (w / efficiency + 0.1) for w in efficiencies) / 4
    figures.append(85.0 - mean)
    if min(abs(one) for one in figures) < 1e-6:
        return  # too near a limit for floating point
    assert record.verdict is (Verdict.FAIL if max(figures) > 0 else Verdict.PASS)


# The adapter's faults


@pytest.mark.parametrize("volts", [18.0, 21.0, 5.0])
def test_a_wrong_voltage_fails_without_load(rig: Rig, volts: float) -> None:
    rig.adapter.law = lambda amperes: volts
    assert rig.measure(NO_LOAD).verdict is Verdict.FAIL


def test_a_dead_adapter_fails_once_the_operator_has_looked(rig: Rig) -> None:
    rig.adapter.law = lambda amperes: 0.0
    assert rig.measure(NO_LOAD).verdict is Verdict.FAIL
    assert rig.operator.asked == [PLUGGED]


def test_an_adapter_that_collapses_under_load_fails_and_nobody_is_asked(rig: Rig) -> None:
    rig.adapter.limit_a = 3.0
    record = rig.measure(LOAD_POINTS)
    assert record.verdict is Verdict.FAIL
    assert rig.operator.asked == []


def test_an_adapter_that_trips_under_load_fails_once_the_operator_has_looked(rig: Rig) -> None:
    rig.adapter.limit_a, rig.adapter.trips = 3.0, True
    record = rig.measure(LOAD_POINTS)
    assert record.verdict is Verdict.FAIL
    assert rig.operator.asked == [PLUGGED]


def test_an_adapter_without_protection_fails(rig: Rig) -> None:
    rig.adapter.limit_a = math.inf
    record = rig.measure(OVERLOAD)
    assert record.verdict is Verdict.FAIL
    assert values(record)["overload_power"] > 170


def test_an_adapter_that_stays_off_fails_once_the_operator_has_looked(rig: Rig) -> None:
    rig.adapter.trips = True
    record = rig.measure(OVERLOAD)
    assert record.verdict is Verdict.FAIL
    assert values(record)["recovery_time"] == 10.0
    assert rig.operator.asked == [PLUGGED]


def test_an_adapter_that_comes_back_in_time_passes(rig: Rig) -> None:
    rig.adapter.trips = True

    def recover() -> None:
        rig.adapter.tripped = False

    rig.clock.at.append((6.5, recover))
    record = rig.measure(OVERLOAD)
    assert record.verdict is Verdict.PASS
    assert 2.0 < values(record)["recovery_time"] < 3.0


def test_an_adapter_that_sags_when_warm_fails(rig: Rig) -> None:
    def tire() -> None:
        rig.adapter.law = lambda amperes: 18.0

    rig.clock.at.append((100.0, tire))
    assert rig.measure(HOT).verdict is Verdict.FAIL


def test_an_output_that_jumps_about_at_both_meters_is_the_adapters_fault(rig: Rig) -> None:
    chance = Random(1)
    rig.adapter.law = lambda amperes: chance.uniform(2.0, 19.5)
    record = rig.measure(LOAD_POINTS)
    assert record.verdict is Verdict.FAIL, record.reason


# Time


def _drops(rig: Rig, from_s: float, to_s: float) -> None:
    for at_s, is_out in ((from_s, True), (to_s, False)):
        rig.clock.at.append((at_s, partial(setattr, rig.adapter, "unplugged", is_out)))


@pytest.mark.parametrize("step", [LOAD_POINTS, HOT], ids=lambda one: one.use)
@pytest.mark.parametrize(
    ("answer", "reason"), [("y", "adapter.dropped_once"), ("n", "adapter.touched")]
)
def test_an_output_that_is_gone_for_a_moment_once_condemns_nothing(
    rig: Rig, step: PlannedStep, answer: str, reason: str
) -> None:
    rig.operator.answers["adapter_left_alone"] = answer
    _drops(rig, 4.0, 10.0)
    record = rig.measure(step)
    assert record.verdict is Verdict.ERROR
    assert said(record) == reason
    assert rig.operator.asked == [LEFT_ALONE]


@pytest.mark.parametrize("at_s", [100.0, 270.0])
@pytest.mark.parametrize("again_s", [12.0, 18.0])
def test_a_second_dropout_fails_the_adapter_and_the_first_is_asked_about(
    rig: Rig, at_s: float, again_s: float
) -> None:
    """In the soak and at full load after it."""
    _drops(rig, at_s, at_s + 2)
    _drops(rig, at_s + again_s, at_s + again_s + 2)
    record = rig.measure(HOT)
    assert record.verdict is Verdict.FAIL, record.reason
    assert values(record)["dropouts"] == 2
    assert rig.operator.asked == [LEFT_ALONE]


def test_one_dropout_in_the_soak_fails_nothing_and_passes_nothing(rig: Rig) -> None:
    _drops(rig, 100.0, 102.0)
    record = rig.measure(HOT)
    assert record.verdict is Verdict.ERROR
    assert said(record) == "adapter.dropped_once"
    assert min(record.series[0].values) == 0.0  # what was seen is kept


def test_an_output_that_is_off_for_a_minute_in_the_soak_fails(rig: Rig) -> None:
    _drops(rig, 100.0, 160.0)
    assert rig.measure(HOT).verdict is Verdict.FAIL
    assert rig.operator.asked == [PLUGGED]


def test_the_soak_is_in_the_record_second_by_second(rig: Rig) -> None:
    (series,) = rig.measure(HOT).series
    assert (series.name, series.unit, len(series.values)) == ("soak_voltage", "V", 300)
    apart_s = [b - a for a, b in itertools.pairwise(series.at_s)]
    assert max(apart_s) < 2 or apart_s.index(max(apart_s)) == 239  # it settles at full load
    assert series.at_s[-1] - series.at_s[0] == pytest.approx(304, abs=3)


@pytest.mark.parametrize("phase_s", [0.0, 0.3, 0.6, 0.9])
def test_a_burst_in_each_fifth_second_is_found_whenever_it_begins(rig: Rig, phase_s: float) -> None:
    """Half a second long: samples exactly a second apart would miss it for ever, or never."""
    _while(rig, lambda at_s: 30.0 if at_s > 20 and (at_s - phase_s) % 5 < 0.5 else 19.4)
    record = rig.measure(HOT)
    assert record.verdict is Verdict.FAIL


def test_a_soak_of_hours_keeps_the_worst_of_each_group(rig: Rig) -> None:
    """A record stays bounded, and a burst stays in it."""
    rig.clock.at.append((2000.0, partial(setattr, rig.adapter, "law", lambda amperes: 30.0)))
    rig.clock.at.append((2003.0, partial(setattr, rig.adapter, "law", lambda amperes: 19.5)))
    long = replace(HOT, settings={**HOT.settings, "soak_s": 5000.0})
    record = rig.measure(long)
    assert record.verdict is Verdict.FAIL
    assert len(record.series[0].values) <= 1200
    assert max(record.series[0].values) == 30.0


def _while(rig: Rig, volts: Callable[[float], float]) -> None:
    rig.adapter.law = lambda amperes: volts(rig.clock.monotonic())


@pytest.mark.parametrize("burst_v", [12.0, 30.0])
def test_bursts_in_the_soak_fail_up_and_down(rig: Rig, burst_v: float) -> None:
    _while(rig, lambda at_s: burst_v if at_s > 20 and at_s % 31 < 1 else 19.4)
    record = rig.measure(HOT)
    assert record.verdict is Verdict.FAIL
    assert abs(values(record)["soak_deviation"]) > 35


def test_one_burst_that_a_longer_look_does_not_find_again_fails_nothing(rig: Rig) -> None:
    _while(rig, lambda at_s: 30.0 if 100 < at_s < 101 else 19.4)
    record = rig.measure(HOT)
    assert record.verdict is Verdict.PASS
    assert max(record.series[0].values) == 30.0


@pytest.mark.parametrize("step", [NO_LOAD, LOAD_POINTS, HOT], ids=lambda one: one.use)
def test_an_output_that_hunts_within_its_limits_is_not_steady(rig: Rig, step: PlannedStep) -> None:
    _while(rig, lambda at_s: 19.5 + 0.5 * (1 if at_s % 0.7 < 0.35 else -1))
    record = rig.measure(step)
    assert record.verdict is Verdict.FAIL
    failed = {one.name for one in record.measurements if one.verdict is Verdict.FAIL}
    assert failed == {"unsteadiness"}
    assert values(record)["unsteadiness"] == pytest.approx(100 / 19.5, abs=1.0)


def test_a_slow_drift_within_its_limit_is_not_unsteady(rig: Rig) -> None:
    _while(rig, lambda at_s: 19.6 - 0.3 * min(1.0, at_s / 250))
    record = rig.measure(HOT)
    assert record.verdict is Verdict.PASS
    assert values(record)["unsteadiness"] < 0.1


# Witnesses


@pytest.mark.parametrize("step", [LOAD_POINTS, HOT, OVERLOAD], ids=lambda one: one.use)
@pytest.mark.parametrize(("mains_v", "at_s"), [(60.0, 1.0), (0.0, 2.05), (300.0, 0.0), (150, 0.0)])
def test_a_mains_that_dips_round_a_judged_sample_is_an_error(
    rig: Rig, step: PlannedStep, mains_v: float, at_s: float
) -> None:
    rig.clock.at.append((at_s, partial(setattr, rig.mains, "voltage_v", mains_v)))
    rig.clock.at.append((at_s, partial(setattr, rig.adapter, "unplugged", mains_v < 85)))
    record = rig.measure(step)
    assert record.verdict is Verdict.ERROR
    assert said(record) == "adapter.mains_bad"


@pytest.mark.parametrize("volts", [100.0, 120.0, 230.0, 240.0])
def test_the_mains_of_any_country_is_good_while_it_stays(rig: Rig, volts: float) -> None:
    rig.mains.voltage_v = volts
    assert rig.measure(LOAD_POINTS).verdict is Verdict.PASS


def _promise(meter: PowerMeter) -> None:
    """Let a meter read with a data sheet of 0.5 % and 10 mV or 5 mA."""
    channels = [
        Channel(name, (Accuracy("sheet", (Term("gain", gain=0.005, offset=offset),)),), meter)
        for name, offset in (("voltage_v", 0.01), ("current_a", 0.005))
    ]
    read = meter.read

    def known() -> Power:
        plain = read()
        volts, amperes = (one.lift(n) for one, n in zip(channels, plain[:2], strict=True))
        return Power(volts, amperes, volts * amperes)

    meter.read = known  # type: ignore[method-assign]


@pytest.mark.parametrize("open_v", [19.6, 20.9])
@pytest.mark.parametrize("gain", [0.97, 1.03])
def test_a_meter_that_is_3_percent_off_decides_nothing_beside_another(
    rig: Rig, open_v: float, gain: float
) -> None:
    rig.adapter.law = lambda amperes: open_v - 0.05 * amperes
    rig.meter.gains = [gain]
    for meter in (rig.meter, rig.load):
        _promise(meter)
    record = rig.measure(NO_LOAD)
    assert record.verdict is Verdict.ERROR
    assert said(record) == "adapter.lead_broken"


@pytest.mark.parametrize("step", [NO_LOAD, OVERLOAD], ids=lambda one: one.use)
@pytest.mark.parametrize("role", ["meter", "load"])
def test_a_meter_that_sees_a_current_without_one_is_an_error(
    rig: Rig, step: PlannedStep, role: str
) -> None:
    place = rig.meter if role == "meter" else rig.load
    read = place.read

    def off() -> Power:
        return read()._replace(current_a=read().current_a + 0.05)

    place.read = off  # type: ignore[method-assign]
    record = rig.measure(step)
    assert record.verdict is Verdict.ERROR
    assert record.at_fault in ((role,), ("load", "meter"))


@pytest.mark.parametrize("from_s", [7.0, 13.0])
def test_a_mains_meter_that_freezes_between_two_loads_is_an_error(rig: Rig, from_s: float) -> None:
    """Half of what goes in would be plausible for a while, and never follows the load."""
    rig.adapter.efficiency = 0.4
    read = rig.mains.read_mains

    def freeze() -> None:
        held = read()
        rig.mains.read_mains = lambda: held  # type: ignore[method-assign]

    rig.clock.at.append((from_s, freeze))
    record = rig.measure(LOAD_POINTS)
    assert record.verdict is Verdict.ERROR
    assert record.at_fault == ("mains_meter",)


@pytest.mark.parametrize("gain", [0.88, 0.85])
def test_an_efficiency_above_100_percent_is_an_error(rig: Rig, gain: float) -> None:
    rig.mains.gain = gain
    record = rig.measure(LOAD_POINTS)
    assert record.verdict is Verdict.ERROR
    assert said(record) == "adapter.more_out_than_in"


# The bench's faults


@pytest.mark.parametrize("step", [NO_LOAD, LOAD_POINTS, HOT, OVERLOAD], ids=lambda one: one.use)
@pytest.mark.parametrize("gain", [0.0, 0.4, 0.9, 1.1])
def test_two_meters_that_disagree_are_an_error_in_every_step(
    rig: Rig, step: PlannedStep, gain: float
) -> None:
    rig.meter.gains = [gain]
    assert rig.measure(step).verdict is Verdict.ERROR


@pytest.mark.parametrize("step", [NO_LOAD, LOAD_POINTS, HOT, OVERLOAD], ids=lambda one: one.use)
@pytest.mark.parametrize("gains", [[1.0, 0.5], [1.0, 0.0], [1.0, 0.9, 0.6], [0.5, 0.7, 0.9]])
def test_a_loose_lead_that_makes_and_breaks_is_an_error_and_never_a_failure(
    rig: Rig, step: PlannedStep, gains: list[float]
) -> None:
    """The load's own meter sees a steady output: it is not the adapter that jumps about."""
    rig.meter.gains = gains
    record = rig.measure(step)
    assert record.verdict is not Verdict.FAIL, record
    assert record.verdict is Verdict.ERROR


@pytest.mark.parametrize("step", [LOAD_POINTS, HOT, OVERLOAD], ids=lambda one: one.use)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
def test_a_load_that_does_not_load_passes_nothing(
    rig: Rig, step: PlannedStep, share: float
) -> None:
    rig.load.share = share
    record = rig.measure(step)
    assert record.verdict is Verdict.ERROR
    assert said(record) == "adapter.load_weak"


def test_a_load_that_gives_up_during_the_overload_proves_no_protection(rig: Rig) -> None:
    rig.adapter.limit_a = math.inf

    def overheat() -> None:
        rig.load.share = 0.0

    rig.clock.at.append((1.0, overheat))
    assert rig.measure(OVERLOAD).verdict is Verdict.ERROR


@pytest.mark.parametrize("step", [LOAD_POINTS, HOT, OVERLOAD], ids=lambda one: one.use)
def test_a_mute_load_is_an_error(rig: Rig, step: PlannedStep) -> None:
    rig.load.is_mute = True
    assert rig.measure(step).verdict is Verdict.ERROR


@pytest.mark.parametrize(
    ("step", "at_s"),
    [(NO_LOAD, 0.0), (LOAD_POINTS, 0.0), (LOAD_POINTS, 7.0), (LOAD_POINTS, 16.0), (HOT, 100.0),
     (HOT, 2.0), (HOT, 4.0), (OVERLOAD, 1.0)],
    ids=lambda one: one.use if isinstance(one, PlannedStep) else str(one),
)  # fmt: skip
@pytest.mark.parametrize(("answer", "verdict"), [("n", Verdict.ERROR), ("y", Verdict.FAIL)])
def test_an_adapter_pulled_out_in_the_middle_is_condemned_by_the_operator_only(
    rig: Rig, step: PlannedStep, at_s: float, answer: str, verdict: Verdict
) -> None:
    """Dead, or pulled out: only a person can tell."""

    def pull() -> None:
        rig.adapter.unplugged = True

    rig.operator.answers["adapter_plugged"] = answer
    rig.clock.at.append((at_s, pull))
    record = rig.measure(step)
    assert record.verdict is verdict
    assert rig.operator.asked == [PLUGGED]


@pytest.mark.parametrize(
    ("step", "at_s", "verdict"),
    [
        (NO_LOAD, 0.0, Verdict.PASS),  # nothing had been measured yet
        (LOAD_POINTS, 7.0, Verdict.ERROR),
        (HOT, 100.0, Verdict.ERROR),
        (OVERLOAD, 1.0, Verdict.ERROR),
    ],
    ids=lambda one: one.use if isinstance(one, PlannedStep) else str(one),
)
def test_an_adapter_that_is_put_back_before_yes_is_said_does_not_fail(
    rig: Rig, step: PlannedStep, at_s: float, verdict: Verdict
) -> None:
    def plug(*, into: bool) -> None:
        rig.adapter.unplugged = not into

    rig.clock.at.append((at_s, partial(plug, into=False)))
    rig.operator.at[PLUGGED] = partial(plug, into=True)
    record = rig.measure(step)
    assert record.verdict is verdict, record.reason
    assert rig.operator.asked == [PLUGGED]
    if verdict is Verdict.ERROR:
        assert said(record) == "adapter.came_back"


def test_an_output_that_is_dead_at_a_small_load_and_not_at_a_larger_condemns_nothing(
    rig: Rig,
) -> None:
    for at_s, is_out in ((4.0, True), (19.0, False)):
        rig.clock.at.append((at_s, partial(setattr, rig.adapter, "unplugged", is_out)))
    record = rig.measure(LOAD_POINTS)
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("adapter.came_back_loaded", {"load_percent": 50})


@pytest.mark.parametrize("back_s", [25.0, 200.0])
def test_a_cord_that_was_out_before_the_soak_and_is_in_after_it_condemns_nothing(
    rig: Rig, back_s: float
) -> None:
    for at_s, is_out in ((4.0, True), (back_s, False)):
        rig.clock.at.append((at_s, partial(setattr, rig.adapter, "unplugged", is_out)))
    record = rig.measure(HOT)
    assert record.verdict is Verdict.ERROR
    assert said(record) == "adapter.came_back_warm"


@pytest.mark.parametrize("volts", [0.0, 150.0, 190.0, 270.0])
def test_bad_mains_is_an_error(rig: Rig, volts: float) -> None:
    rig.mains.voltage_v = volts
    assert rig.measure(BY_NAME["mains"]).verdict is Verdict.ERROR


def test_mains_of_another_country_is_a_matter_of_the_plan(rig: Rig) -> None:
    rig.mains.voltage_v = 120.0
    american = planned(adapter.mains, settings={"nominal_v": 120.0})
    assert rig.measure(american).verdict is Verdict.PASS


def test_more_out_than_in_is_an_error(rig: Rig) -> None:
    rig.mains.gain = 0.7
    record = rig.measure(LOAD_POINTS)
    assert record.verdict is Verdict.ERROR
    assert said(record) == "adapter.more_out_than_in"


def test_a_mains_meter_that_sees_nothing_is_an_error(rig: Rig) -> None:
    """The adapter is in another outlet."""
    rig.mains.gain = 0.0
    assert rig.measure(LOAD_POINTS).verdict is Verdict.ERROR


# Mains power without load


def test_a_mains_meter_that_is_too_coarse_judges_nothing(rig: Rig) -> None:
    record = rig.measure(BY_NAME["no_load_power"])
    assert record.verdict is Verdict.SKIPPED
    needs = {"resolution_w": 0.1, "needed_w": 0.02}
    assert record.reason == Phrase("adapter.meter_too_coarse", dict(needs))


@pytest.mark.parametrize(("idle_w", "verdict"), [(1.0, Verdict.PASS), (3.0, Verdict.FAIL)])
def test_a_fine_mains_meter_judges_it(rig: Rig, idle_w: float, verdict: Verdict) -> None:
    rig.mains.power_resolution_w = 0.01
    rig.mains.gain = idle_w
    record = rig.measure(BY_NAME["no_load_power"])
    assert record.verdict is verdict
    assert values(record)["no_load_power"] == pytest.approx(0.1 * idle_w)


def test_the_load_is_off_while_nothing_is_to_be_drawn(rig: Rig) -> None:
    rig.load.on = True
    rig.load.wanted_a = 3.0
    assert values(rig.measure(NO_LOAD))["no_load_voltage"] == pytest.approx(19.6)

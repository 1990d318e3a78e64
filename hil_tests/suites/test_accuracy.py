"""Set values and readings, over the range that QA states, each against a second instrument."""

import pytest

from drivers.capabilities import (
    ColourMeter,
    DcInstrument,
    ElectronicLoad,
    LightArray,
    MainsMeter,
    Monitor,
    PatternSource,
    PowerMeter,
    PowerSupply,
)
from hil_tests.plugin import RecordValue
from hil_tests.rigs.measuring import (
    HEADROOM,
    feed,
    limit_a,
    reach_a,
    reach_v,
    show_white,
    tolerance_a,
    tolerance_v,
    usual_v,
)
from hil_tests.rigs.qa import SlotQa
from hil_tests.rigs.rig import RigBench

PERCENT = (2, 10, 25, 50, 75, 100)
CENTRE = 4  # of nine zones

MAINS_BUDGET = 0.02  # of apparent power: volts, amperes and power factor are rounded apart
LIGHT_BUDGET = 0.30  # colour probes differ by ±20 %, light meters by ±10 % (see their drivers)


@pytest.mark.needs("supply", "meter", stated="max_voltage_v")
@pytest.mark.parametrize("percent", PERCENT)
def test_a_supply_gives_the_volts_it_is_told(
    bench: RigBench, stated: SlotQa, record_value: RecordValue, percent: int
) -> None:
    volts = reach_v(stated, bench) * percent / 100
    feed(bench, stated, volts, limit_a(stated))
    seen = bench.get("meter", PowerMeter).read().voltage_v
    record_value("set_voltage", volts, "V")
    record_value("metered_voltage", seen, "V")
    both = bench.get("supply", DcInstrument), bench.get("meter", PowerMeter)
    assert seen == pytest.approx(volts, rel=0, abs=tolerance_v(stated, volts, *both))


@pytest.mark.needs("meter", stated="max_voltage_v")
@pytest.mark.parametrize("percent", PERCENT)
def test_a_supply_reads_the_volts_that_the_meter_reads(
    bench: RigBench,
    stated: SlotQa,
    supply: PowerSupply,
    record_value: RecordValue,
    percent: int,
) -> None:
    if not isinstance(supply, PowerMeter):
        pytest.skip(f"a {supply.identity.model} does not read back")
    volts = reach_v(stated, bench) * percent / 100
    feed(bench, stated, volts, limit_a(stated))
    own, seen = supply.read().voltage_v, bench.get("meter", PowerMeter).read().voltage_v
    record_value("own_voltage", own, "V")
    record_value("metered_voltage", seen, "V")
    both = bench.get("supply", DcInstrument), bench.get("meter", PowerMeter)
    assert own == pytest.approx(seen, rel=0, abs=tolerance_v(stated, seen, *both))


@pytest.mark.needs(stated="max_current_a")
@pytest.mark.parametrize("percent", PERCENT)
def test_a_load_sinks_the_amperes_it_is_told(
    bench: RigBench,
    stated: SlotQa,
    load: ElectronicLoad,
    meter: PowerMeter,
    record_value: RecordValue,
    percent: int,
) -> None:
    _sink(bench, stated, load, percent)
    amperes = reach_a(stated, bench) * percent / 100
    seen = meter.read().current_a
    record_value("set_current", amperes, "A")
    record_value("metered_current", seen, "A")
    both = bench.get("load", DcInstrument), bench.get("meter", PowerMeter)
    assert seen == pytest.approx(amperes, rel=0, abs=tolerance_a(stated, amperes, *both))


@pytest.mark.needs(stated="max_current_a")
@pytest.mark.parametrize("percent", PERCENT)
def test_a_load_reads_what_the_meter_reads(
    bench: RigBench,
    stated: SlotQa,
    load: ElectronicLoad,
    meter: PowerMeter,
    record_value: RecordValue,
    percent: int,
) -> None:
    if not isinstance(load, PowerMeter):
        pytest.skip(f"a {load.identity.model} does not read back")
    _sink(bench, stated, load, percent)
    own, seen = load.read(), meter.read()
    record_value("own_current", own.current_a, "A")
    record_value("metered_current", seen.current_a, "A")
    record_value("own_voltage", own.voltage_v, "V")
    record_value("metered_voltage", seen.voltage_v, "V")
    both = bench.get("load", DcInstrument), bench.get("meter", PowerMeter)
    near_a = tolerance_a(stated, seen.current_a, *both)
    near_v = tolerance_v(stated, seen.voltage_v, *both)
    assert own.current_a == pytest.approx(seen.current_a, rel=0, abs=near_a)
    assert own.voltage_v == pytest.approx(seen.voltage_v, rel=0, abs=near_v)


@pytest.mark.needs("supply", stated="max_current_a")
@pytest.mark.parametrize("percent", [10, 50, 100])
def test_a_supply_holds_the_current_it_is_limited_to(
    bench: RigBench,
    stated: SlotQa,
    load: ElectronicLoad,
    meter: PowerMeter,
    record_value: RecordValue,
    percent: int,
) -> None:
    its = bench.get("meter", PowerMeter)
    amperes = reach_a(stated, bench) * percent / 100
    feed(bench, stated, usual_v(bench, stated), amperes)
    load.sink_current(amperes * 1.2)
    load.switch(on=True)
    bench.clock.sleep(stated.settle_s)
    seen = meter.read().current_a
    record_value("limit", amperes, "A")
    record_value("metered_current", seen, "A")
    both = bench.get("supply", DcInstrument), its
    assert seen == pytest.approx(amperes, rel=0, abs=tolerance_a(stated, amperes, *both))


@pytest.mark.needs("load", stated="max_current_a")
def test_no_more_comes_out_of_an_adapter_than_goes_in(
    bench: RigBench,
    stated: SlotQa,
    load: ElectronicLoad,
    meter: PowerMeter,
    mains_meter: MainsMeter,
    record_value: RecordValue,
) -> None:
    if "supply" in bench.places:
        pytest.skip("what the load sinks here does not come through the mains meter")
    _sink(bench, stated, load, 100)
    out_w, in_w = meter.read().power_w, mains_meter.read_mains().power_w
    record_value("power_out", out_w, "W")
    record_value("power_in", in_w, "W")
    record_value("efficiency", 100 * out_w / in_w, "%")
    assert 0.5 * in_w < out_w < in_w + mains_meter.power_resolution_w


@pytest.mark.needs("load", stated="max_current_a")
def test_a_mains_meter_does_not_contradict_itself(
    bench: RigBench,
    stated: SlotQa,
    load: ElectronicLoad,
    mains_meter: MainsMeter,
    record_value: RecordValue,
) -> None:
    _sink(bench, stated, load, 100)
    sample = mains_meter.read_mains()
    apparent_va = sample.voltage_v * sample.current_a
    record_value("mains_voltage", sample.voltage_v, "V")
    record_value("mains_power", sample.power_w, "W")
    record_value("apparent_power", apparent_va, "VA")
    near_w = MAINS_BUDGET * apparent_va + mains_meter.power_resolution_w
    assert sample.power_w == pytest.approx(apparent_va * sample.power_factor, rel=0, abs=near_w)
    assert sample.power_w <= apparent_va + near_w


@pytest.mark.needs("monitor")
def test_probe_and_middle_sensor_see_the_same_light(
    bench: RigBench,
    stated: SlotQa,
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
    probe: ColourMeter,
    record_value: RecordValue,
) -> None:
    show_white(bench, stated)
    middle_lux = zones.read_illuminances_lux()[CENTRE]
    probed = probe.read_colour()
    record_value("middle", middle_lux, "lx")
    record_value("probe", probed.illuminance_lux, "lx")
    assert probed.illuminance_lux == pytest.approx(middle_lux, rel=LIGHT_BUDGET)


def _sink(bench: RigBench, stated: SlotQa, load: ElectronicLoad, percent: int) -> None:
    most_a = reach_a(stated, bench)
    if "supply" in bench.places:
        feed(bench, stated, usual_v(bench, stated), most_a * HEADROOM)
    load.sink_current(most_a * percent / 100)
    load.switch(on=True)
    bench.clock.sleep(stated.settle_s)

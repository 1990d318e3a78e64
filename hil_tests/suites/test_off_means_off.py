"""An output that is off gives, draws, shows and presses nothing, as a second instrument sees it."""

import pytest

from drivers.capabilities import (
    DcInstrument,
    ElectronicLoad,
    KeyActuator,
    KeySource,
    LightArray,
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
    show_white,
    tolerance_a,
    tolerance_v,
    until,
    usual_v,
)
from hil_tests.rigs.qa import SlotQa
from hil_tests.rigs.rig import RigBench

LISTEN_S = 0.3
SPACE, ENTER = 0x2C, 0x28  # HUT 1.5, "Keyboard/Keypad Page (0x07)"
CENTRE = 4  # of nine zones


@pytest.fixture
def fed_v(bench: RigBench, stated: SlotQa, supply: PowerSupply) -> float:
    """Switch the supply on, and return its volts."""
    volts = usual_v(bench, stated)
    feed(bench, stated, volts, limit_a(stated))
    return volts


@pytest.mark.needs(stated="max_voltage_v")
def test_a_supply_that_is_off_gives_nothing(
    bench: RigBench,
    stated: SlotQa,
    fed_v: float,
    supply: PowerSupply,
    meter: PowerMeter,
    record_value: RecordValue,
) -> None:
    assert meter.read().voltage_v > 0.9 * fed_v, "it must be seen to be on first"
    supply.switch(on=False)
    took_s = until(bench.clock, stated.off_within_s, lambda: meter.read().voltage_v < stated.off_v)
    record_value("off_within", took_s, "s")
    record_value("left_over", meter.read().voltage_v, "V")
    assert meter.read().voltage_v < stated.off_v


@pytest.mark.needs(stated="max_voltage_v")
def test_a_supply_that_has_just_been_opened_is_off(
    bench: RigBench, stated: SlotQa, fed_v: float, meter: PowerMeter
) -> None:
    assert meter.read().voltage_v > 0.9 * fed_v, "it must be seen to be on first"
    bench.reopen("supply", PowerSupply)
    until(bench.clock, stated.off_within_s, lambda: meter.read().voltage_v < stated.off_v)
    assert meter.read().voltage_v < stated.off_v


@pytest.mark.needs(stated="max_voltage_v")
def test_a_supply_keeps_off_while_it_is_set(
    bench: RigBench, stated: SlotQa, supply: PowerSupply, meter: PowerMeter
) -> None:
    supply.set_voltage(usual_v(bench, stated))
    supply.set_current_limit(limit_a(stated))
    bench.clock.sleep(stated.settle_s)
    assert meter.read().voltage_v < stated.off_v


@pytest.mark.needs("meter", stated="max_current_a")
def test_a_load_that_is_off_draws_nothing(
    bench: RigBench,
    stated: SlotQa,
    load: ElectronicLoad,
    meter: PowerMeter,
    record_value: RecordValue,
) -> None:
    its = bench.get("meter", PowerMeter)
    amperes = reach_a(stated, bench) / 2
    if "supply" in bench.places:
        feed(bench, stated, usual_v(bench, stated), amperes * HEADROOM)
    load.sink_current(amperes)
    load.switch(on=True)
    bench.clock.sleep(stated.settle_s)
    assert meter.read().current_a > 0.9 * amperes, "it must be seen to draw first"
    load.switch(on=False)
    bench.clock.sleep(stated.settle_s)
    left_over_a = meter.read().current_a
    record_value("left_over", left_over_a, "A")
    assert abs(left_over_a) <= tolerance_a(stated, 0.0, bench.get("load", DcInstrument), its)


def test_a_supply_that_is_off_reads_nothing(
    bench: RigBench, stated: SlotQa, supply: PowerSupply
) -> None:
    if not isinstance(supply, PowerMeter):
        pytest.skip(f"a {supply.identity.model} does not read back")
    supply.switch(on=False)
    bench.clock.sleep(stated.settle_s)
    left_over = supply.read()
    its = bench.get("supply", DcInstrument)
    assert left_over.voltage_v <= stated.off_v + tolerance_v(stated, 0.0, its)
    assert left_over.current_a <= tolerance_a(stated, 0.0, its)


@pytest.mark.needs("monitor")
def test_a_black_screen_is_dark(
    bench: RigBench,
    stated: SlotQa,
    screen: PatternSource,
    monitor: Monitor,
    zones: LightArray,
    record_value: RecordValue,
) -> None:
    show_white(bench, stated)
    white_lux = zones.read_illuminances_lux()[CENTRE]
    screen.make_safe()
    bench.clock.sleep(stated.settle_s)
    black_lux = zones.read_illuminances_lux()[CENTRE]
    record_value("white", white_lux, "lx")
    record_value("black", black_lux, "lx")
    assert black_lux < white_lux / 20


def test_a_finger_that_is_off_holds_no_key_down(actuator: KeyActuator, keyboard: KeySource) -> None:
    actuator.press([SPACE, ENTER])
    pressed = {event.usage for event in keyboard.read_events(LISTEN_S) if event.down}
    assert pressed == {SPACE, ENTER}, "they must be seen to be down first"
    actuator.make_safe()
    released = {event.usage for event in keyboard.read_events(LISTEN_S) if not event.down}
    assert released == {SPACE, ENTER}

"""Actuators that are stuck are found out: by themselves, or by an instrument that watches them."""

import pytest

from drivers.capabilities import (
    ElectronicLoad,
    KeyActuator,
    KeySource,
    LightArray,
    Monitor,
    PatternSource,
    PowerMeter,
    PowerSupply,
)
from drivers.errors import Refused
from drivers.formats.key_legends import usage_name
from drivers.sim.lead import Fault
from drivers.sim.onset import Onset
from drivers.sim.world import StiffSource
from hil_tests.plugin import RecordValue
from hil_tests.rigs.measuring import feed_as_usual, show_white, usual_v
from hil_tests.rigs.qa import SlotQa
from hil_tests.rigs.rig import Rig, RigBench
from hil_tests.rigs.twin_rig import Wire
from station.engine.bench import BenchNotSafe
from station.simulate.world import World

LISTEN_S = 0.05
CENTRE = 4  # of nine zones
ENTER = 0x28
OFF = {  # what a supply is told when it is to be off, for a twin to take no notice of
    "rigol-dp800": b":OUTP CH1,OFF",
    "siglent-spd3303x": b"OUTP CH1,OFF",
}


def test_every_finger_reaches_its_key_and_comes_off_it(
    actuator: KeyActuator, keyboard: KeySource, record_value: RecordValue
) -> None:
    wrong = []
    reached = sorted(actuator.keys & keyboard.usages)
    for usage in reached:
        actuator.press([usage])
        down = _heard(keyboard, down=True)
        actuator.release([usage])
        up = _heard(keyboard, down=False)
        if down != {usage} or up != {usage}:
            wrong.append(usage_name(usage))
    record_value("fingers", len(reached), "")
    assert not wrong
    assert reached, "no finger is over a key that this keyboard has"


@pytest.mark.needs("monitor")
def test_a_screen_that_is_told_to_change_changes(
    bench: RigBench, stated: SlotQa, screen: PatternSource, monitor: Monitor, zones: LightArray
) -> None:
    show_white(bench, stated)
    seen_lux = []
    for level in (0.0, 0.5, 1.0):
        screen.show_level(level, level, level)
        bench.clock.sleep(stated.settle_s)
        seen_lux.append(zones.read_illuminances_lux()[CENTRE])
    assert seen_lux == sorted(seen_lux)
    assert seen_lux[2] > 2 * seen_lux[1] > 4 * seen_lux[0]


@pytest.mark.needs(stated="max_voltage_v")
def test_a_supply_whose_contact_is_welded_is_seen_by_the_meter(
    bench: RigBench, stated: SlotQa, supply: PowerSupply, meter: PowerMeter, world: World
) -> None:
    """It says that it is off, and believes it: only what sits behind it can tell."""
    volts = usual_v(bench, stated)
    world.circuit.source = StiffSource(volts)
    supply.switch(on=False)
    bench.clock.sleep(stated.off_within_s)
    assert meter.read().voltage_v > stated.off_v


@pytest.mark.needs(stated="max_voltage_v")
def test_a_supply_that_does_not_switch_off_makes_the_bench_unsafe_by_name(
    rig: Rig, bench: RigBench, stated: SlotQa, supply: PowerSupply, wire: Wire
) -> None:
    feed_as_usual(bench, stated)
    dialect = rig.config.instrument(bench.slot, "supply").values.get("dialect", "")
    if dialect not in OFF:
        pytest.skip("nobody has written down what this supply would have to be deaf to")
    wire.deafen("supply", OFF[dialect])
    with pytest.raises(Refused):
        supply.switch(on=False)
    with pytest.raises(BenchNotSafe, match="supply"):
        bench.make_safe()


def test_a_load_that_hangs_makes_the_bench_unsafe_by_name(
    bench: RigBench, load: ElectronicLoad, wire: Wire
) -> None:
    wire.mute("load")
    with pytest.raises(BenchNotSafe, match="load"):
        bench.make_safe()


def test_the_other_actuators_are_made_safe_all_the_same(
    bench: RigBench,
    stated: SlotQa,
    load: ElectronicLoad,
    meter: PowerMeter,
    wire: Wire,
) -> None:
    if feed_as_usual(bench, stated) is None:
        pytest.skip("the load is the only actuator here")
    wire.mute("load")
    with pytest.raises(BenchNotSafe, match="load"):
        bench.make_safe()
    assert meter.read().voltage_v < stated.off_v


def test_a_finger_that_does_not_move_is_seen_by_the_keyboard(
    actuator: KeyActuator, keyboard: KeySource, world: World
) -> None:
    world.add(Fault("finger", Onset(), keys={ENTER}, does="nothing"))
    actuator.press([ENTER])
    assert _heard(keyboard, down=True) == set()


def _heard(keyboard: KeySource, *, down: bool) -> set[int]:
    return {event.usage for event in keyboard.read_events(LISTEN_S) if event.down is down}

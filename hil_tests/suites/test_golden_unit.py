"""A device that is known, measured as any other: the whole chain of a bench at once.

What it measured when it was known to be right is in the rig's QA file. A value that is not there is
measured all the same, and told, so that it can be put there.
"""

import pytest

from drivers.capabilities import (
    ColourMeter,
    DcInstrument,
    ElectronicLoad,
    KeySource,
    LightArray,
    LightMeter,
    MainsMeter,
    Monitor,
    PatternSource,
    PowerMeter,
)
from hil_tests.plugin import RecordValue
from hil_tests.rigs.measuring import (
    agreed,
    feed,
    reach_a,
    reach_v,
    show_white,
)
from hil_tests.rigs.qa import Golden, SlotQa
from hil_tests.rigs.rig import RigBench

CENTRE = 4  # of nine zones
BRIGHTNESS = 0x10  # MCCS: Luminance
BLACK_LUX = 0.0042  # what the most sensitive range of a zone's meter can tell from nothing


class GoldenUnit:
    """Takes what was measured, and compares."""

    def __init__(self, known: Golden, record_value: RecordValue) -> None:
        self.known = known
        self.wrong: list[str] = []
        self.unknown: list[str] = []
        self._record_value = record_value

    def measured(self, name: str, value: float, unit: str) -> None:
        self._record_value(name, value, unit)
        reference = self.known.values.get(name)
        if reference is None:
            self.unknown.append(f"{name} {value:.4g} {unit}".rstrip())
            return
        if unit != reference.unit:
            raise ValueError(f"{name} is measured in {unit!r}, and stated in {reference.unit!r}")
        if not abs(value - reference.value) <= reference.tolerance:
            self.wrong.append(
                f"{name} {value:.4g}, not {reference.value:g} ± {reference.tolerance:g} {unit}"
            )


@pytest.fixture
def golden(stated: SlotQa, rig_slot: str, record_value: RecordValue) -> GoldenUnit:
    if stated.golden is None:
        pytest.skip(f"QA states no golden unit for slot {rig_slot}")
    return GoldenUnit(stated.golden, record_value)


@pytest.mark.needs(stated="golden")
def test_golden_unit_draws_what_it_drew(
    golden: GoldenUnit, bench: RigBench, stated: SlotQa, meter: PowerMeter
) -> None:
    if "supply" not in bench.places:
        pytest.skip("it is not fed by this bench")
    its = bench.get("meter", PowerMeter)
    known = golden.known
    if known.feed_voltage_v > reach_v(stated, bench):
        raise ValueError(f"feed_voltage_v {known.feed_voltage_v:g} is above max_voltage_v")
    supply = feed(bench, stated, known.feed_voltage_v, known.feed_current_a)
    if "screen" in bench.places:
        show_white(bench, stated)
    if isinstance(supply, PowerMeter):
        sample = agreed(stated, meter, supply, its, bench.get("supply", DcInstrument))
    else:
        sample = meter.read()
    golden.measured("feed_current", sample.current_a, "A")
    _judge(golden)


@pytest.mark.needs("load", stated="golden")
def test_golden_adapter_delivers_what_it_delivered(
    golden: GoldenUnit,
    bench: RigBench,
    stated: SlotQa,
    load: ElectronicLoad,
    meter: PowerMeter,
    mains_meter: MainsMeter,
) -> None:
    load.switch(on=False)
    bench.clock.sleep(stated.settle_s)
    golden.measured("no_load_voltage", _sample(bench, stated, load, meter), "V")
    load.sink_current(min(golden.known.load_current_a, reach_a(stated, bench)))
    load.switch(on=True)
    bench.clock.sleep(stated.settle_s)
    golden.measured("loaded_voltage", _sample(bench, stated, load, meter), "V")
    golden.measured("mains_power", mains_meter.read_mains().power_w, "W")
    _judge(golden)


@pytest.mark.needs(stated="golden")
def test_golden_display_shines_as_it_shone(
    golden: GoldenUnit,
    bench: RigBench,
    stated: SlotQa,
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
) -> None:
    _full_brightness(bench, stated, monitor)
    white = zones.read_illuminances_lux()
    golden.measured("white", white[CENTRE], "lx")
    golden.measured("uniformity", 100 * min(white) / max(white), "%")
    screen.show_level(0.0, 0.0, 0.0)
    bench.clock.sleep(stated.settle_s)
    black_lux = zones.read_illuminances_lux()[CENTRE]
    golden.measured("contrast", white[CENTRE] / max(black_lux, BLACK_LUX), "")
    _judge(golden)


@pytest.mark.needs("screen", stated="golden")
def test_golden_display_has_the_white_it_had(
    golden: GoldenUnit,
    bench: RigBench,
    stated: SlotQa,
    monitor: Monitor,
    probe: ColourMeter,
) -> None:
    _full_brightness(bench, stated, monitor)
    white = probe.read_colour()
    golden.measured("white_x", white.x, "")
    golden.measured("white_y", white.y, "")
    _judge(golden)


@pytest.mark.needs(stated="golden")
def test_golden_keyboard_offers_the_keys_it_offered(
    golden: GoldenUnit, keyboard: KeySource
) -> None:
    golden.measured("keys_offered", len(keyboard.usages), "")
    _judge(golden)


@pytest.mark.needs(stated="golden")
def test_golden_keyboard_lights_its_lamp_as_it_did(
    golden: GoldenUnit, bench: RigBench, stated: SlotQa, keyboard: KeySource, light: LightMeter
) -> None:
    keyboard.set_leds()
    bench.clock.sleep(stated.settle_s)
    dark_lux = light.read_illuminance_lux()
    keyboard.set_leds(caps=True)
    bench.clock.sleep(stated.settle_s)
    golden.measured("caps_lamp", light.read_illuminance_lux() - dark_lux, "lx")
    _judge(golden)


def _judge(golden: GoldenUnit) -> None:
    assert not golden.wrong, f"{golden.known.unit}: {'; '.join(golden.wrong)}"
    if golden.unknown:
        pytest.skip(f"QA does not state what is right: {'; '.join(golden.unknown)}")


def _sample(bench: RigBench, stated: SlotQa, load: ElectronicLoad, meter: PowerMeter) -> float:
    if not isinstance(load, PowerMeter):
        return meter.read().voltage_v
    both = bench.get("meter", PowerMeter), bench.get("load", DcInstrument)
    return agreed(stated, meter, load, *both).voltage_v


def _full_brightness(bench: RigBench, stated: SlotQa, monitor: Monitor) -> None:
    show_white(bench, stated)
    monitor.set_control(BRIGHTNESS, monitor.read_control(BRIGHTNESS).maximum)
    bench.clock.sleep(stated.settle_s)

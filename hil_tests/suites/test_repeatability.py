"""The same thing measured many times: how much the readings scatter."""

from collections.abc import Callable
from statistics import fmean, stdev
from typing import TypeVar

import pytest

from drivers.capabilities import (
    ColourMeter,
    DcInstrument,
    Instrument,
    LightArray,
    LightMeter,
    MainsMeter,
    PatternSource,
    PowerMeter,
)
from hil_tests.plugin import RecordValue
from hil_tests.rigs.measuring import feed_as_usual, show_white, tolerance_a, tolerance_v
from hil_tests.rigs.qa import SlotQa
from hil_tests.rigs.rig import RigBench

Sample = TypeVar("Sample")

EVERY_S = 0.2
LIGHT_BUDGET = 0.02  # of the mean
MAINS_BUDGET = 0.01  # of the mean, and the mains itself is never still
CENTRE = 4  # of nine zones


def test_a_meter_of_volts_and_amperes_repeats_itself(
    instrument: PowerMeter,
    rig_role: str,
    bench: RigBench,
    stated: SlotQa,
    record_value: RecordValue,
) -> None:
    if stated.max_voltage_v is not None and "meter" in bench.places:
        feed_as_usual(bench, stated)
    its = bench.get(rig_role, DcInstrument)
    samples = _samples(bench, stated, instrument.read)
    mean_v, spread_v = _told(record_value, "voltage", "V", [one.voltage_v for one in samples])
    mean_a, spread_a = _told(record_value, "current", "A", [one.current_a for one in samples])
    assert spread_v <= tolerance_v(stated, mean_v, its)
    assert spread_a <= tolerance_a(stated, mean_a, its)


def test_a_meter_of_the_mains_repeats_itself(
    instrument: MainsMeter, bench: RigBench, stated: SlotQa, record_value: RecordValue
) -> None:
    samples = _samples(bench, stated, instrument.read_mains)
    mean_v, spread_v = _told(record_value, "voltage", "V", [one.voltage_v for one in samples])
    mean_w, spread_w = _told(record_value, "power", "W", [one.power_w for one in samples])
    assert spread_v <= MAINS_BUDGET * mean_v
    assert spread_w <= MAINS_BUDGET * mean_w + instrument.power_resolution_w


@pytest.mark.needs("screen")
def test_a_meter_of_light_repeats_itself(
    instrument: LightMeter | LightArray | ColourMeter,
    bench: RigBench,
    stated: SlotQa,
    screen: PatternSource,
    record_value: RecordValue,
) -> None:
    show_white(bench, stated)
    samples = _samples(bench, stated, lambda: _lux(instrument))
    mean_lux, spread_lux = _told(record_value, "illuminance", "lx", samples)
    assert mean_lux > 0, "there is light to be measured"
    assert spread_lux <= LIGHT_BUDGET * mean_lux


def _lux(instrument: Instrument) -> float:
    match instrument:
        case LightMeter():
            return instrument.read_illuminance_lux()
        case LightArray():
            return instrument.read_illuminances_lux()[CENTRE]
        case ColourMeter():
            return instrument.read_colour().illuminance_lux
        case _:
            raise TypeError(f"{type(instrument).__name__} measures no light")


def _samples(bench: RigBench, stated: SlotQa, take: Callable[[], Sample]) -> list[Sample]:
    bench.clock.sleep(stated.settle_s)
    return [take() for _ in bench.clock.every(EVERY_S, stated.readings)]


def _told(
    record_value: RecordValue, name: str, unit: str, values: list[float]
) -> tuple[float, float]:
    mean, spread = fmean(values), stdev(values)
    record_value(f"{name}_mean", mean, unit)
    record_value(f"{name}_standard_deviation", spread, unit)
    record_value(f"{name}_readings", len(values), "")
    return mean, spread

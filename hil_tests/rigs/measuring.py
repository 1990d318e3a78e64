"""Measuring on a bench, as several suites do it."""

from collections.abc import Callable

import pytest

from drivers.capabilities import DcInstrument, PatternSource, Power, PowerMeter, PowerSupply
from drivers.errors import BadReply
from hil_tests.rigs.qa import SlotQa
from hil_tests.rigs.rig import RigBench
from station.engine.clock import Clock

USUAL_V = 12.0  # to feed a load with, where more may be put on
HEADROOM = 1.05  # of the supply's limit above what a load is told to sink
UNSTATED_A = 0.5


def limit_a(stated: SlotQa) -> float:
    """Return the current that a supply may give while the current does not matter, in A."""
    return (stated.max_current_a or UNSTATED_A) * HEADROOM


def reach_v(stated: SlotQa, bench: RigBench) -> float:
    """Return how many volts may be put on the slot: never more than its meter bears.

    Skips the test, before anything is opened, where QA does not state it.
    """
    if stated.max_voltage_v is None:
        pytest.skip("QA states no max_voltage_v for this slot, so nothing is put on it")
    return min(stated.max_voltage_v, bench.get("meter", PowerMeter).max_v)


def reach_a(stated: SlotQa, bench: RigBench) -> float:
    """Return how many amperes may be drawn in the slot; otherwise as `reach_v`."""
    if stated.max_current_a is None:
        pytest.skip("QA states no max_current_a for this slot, so nothing is drawn from it")
    return min(stated.max_current_a, bench.get("meter", PowerMeter).max_a)


def tolerance_v(stated: SlotQa, voltage_v: float, *instruments: DcInstrument) -> float:
    budget_v = stated.budget_v + stated.budget_percent / 100 * abs(voltage_v)
    return budget_v + sum(one.resolution_v for one in instruments)


def tolerance_a(stated: SlotQa, current_a: float, *instruments: DcInstrument) -> float:
    budget_a = stated.budget_a + stated.budget_percent / 100 * abs(current_a)
    return budget_a + sum(one.resolution_a for one in instruments)


def feed(bench: RigBench, stated: SlotQa, voltage_v: float, current_a: float) -> PowerSupply | None:
    """Feed the slot from its supply; None where it has none and the golden unit feeds."""
    if "supply" not in bench.places:
        return None
    supply = bench.get("supply", PowerSupply)
    supply.set_voltage(voltage_v)
    supply.set_current_limit(current_a)
    supply.switch(on=True)
    bench.clock.sleep(stated.settle_s)
    return supply


def usual_v(bench: RigBench, stated: SlotQa) -> float:
    return min(USUAL_V, reach_v(stated, bench))


def feed_as_usual(bench: RigBench, stated: SlotQa) -> PowerSupply | None:
    return feed(bench, stated, usual_v(bench, stated), limit_a(stated))


def show_white(bench: RigBench, stated: SlotQa) -> None:
    """Show white on the display under test, and wait until it is awake."""
    bench.get("screen", PatternSource).show_level(1.0, 1.0, 1.0)
    bench.clock.sleep(stated.wake_s)


def until(
    clock: Clock, within_s: float, condition: Callable[[], bool], *, every_s: float = 0.05
) -> float:
    """Return how long it took until `condition` held, in s; `within_s` when it did not."""
    start_s = clock.monotonic()
    while not condition():
        if clock.monotonic() - start_s >= within_s:
            return within_s
        clock.sleep(every_s)
    return min(clock.monotonic() - start_s, within_s)


def agreed(
    stated: SlotQa, first: PowerMeter, second: PowerMeter, *instruments: DcInstrument
) -> Power:
    """Return a sample of `first` that `second` does not contradict.

    Raises `BadReply` when it does: then nothing that either says is worth judging a device by.
    """
    one, other = first.read(), second.read()
    off_v = abs(one.voltage_v - other.voltage_v)
    off_a = abs(one.current_a - other.current_a)
    if off_v > tolerance_v(stated, one.voltage_v, *instruments):
        raise BadReply(
            f"{first.identity.model} sees {one.voltage_v:.3f} V and {second.identity.model}"
            f" {other.voltage_v:.3f} V: one of them is wrong, or a lead is loose"
        )
    if off_a > tolerance_a(stated, one.current_a, *instruments):
        raise BadReply(
            f"{first.identity.model} sees {one.current_a:.4f} A and {second.identity.model}"
            f" {other.current_a:.4f} A: one of them is wrong, or current goes another way"
        )
    return one

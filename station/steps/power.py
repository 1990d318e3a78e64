"""Feeding the device under test from the bench's own supply."""

from typing import Any

from drivers.capabilities import PowerMeter, PowerSupply
from drivers.uncertain import largest_error
from records import Reading
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.step import BenchFault, NotNegative, Positive, Yields, step


@step(supply_voltage="V", supply_current="A")
def powers_up(
    supply: PowerSupply,
    meter: PowerMeter,
    clock: Clock,
    *,
    voltage_v: Positive,
    current_limit_a: Positive,
    settle_s: NotNegative = 1.0,
    tolerance_percent: NotNegative = 5.0,
    least_zero_a: NotNegative = 0.005,
    discharge_s: NotNegative = 2.0,
) -> Yields:
    """Switch the supply on, and leave it on for the steps that follow.

    Before that, the meter has to read no current while the supply is off: what it reads then is
    the error of its zero. It may be off by its specification, or `least_zero_a` where that is less
    or unknown; capacitors get `discharge_s`.

    A voltage outside the tolerance while the supply is not at its current limit is the bench's
    fault; a supply at its limit is held down by the device, and the limit on the current tells.
    """
    must_read_zero(supply, meter, clock, least_zero_a=least_zero_a, discharge_s=discharge_s)
    supply.set_voltage(voltage_v)
    supply.set_current_limit(current_limit_a)
    supply.switch(on=True)
    clock.sleep(settle_s)
    sample = meter.read()
    off_by = abs(sample.voltage_v - voltage_v)
    if off_by > voltage_v * tolerance_percent / 100 and sample.current_a < 0.95 * current_limit_a:
        raise BenchFault(
            "power.off_target",
            roles={"supply", "meter"},
            set_v=voltage_v,
            meter_v=sample.voltage_v,
            meter_a=sample.current_a,
        )
    yield Reading("supply_voltage", sample.voltage_v)
    yield Reading("supply_current", sample.current_a)


def must_read_zero(
    supply: PowerSupply,
    meter: PowerMeter,
    clock: Clock,
    *,
    least_zero_a: float,
    discharge_s: float,
) -> None:
    """Switch the supply off and read the meter, a second time after `discharge_s`.

    Raises `BenchFault` when it reads a current both times.
    """
    supply.switch(on=False)
    if not is_zero(meter.read().current_a, least_zero_a):
        clock.sleep(discharge_s)
        current_a = meter.read().current_a
        if not is_zero(current_a, least_zero_a):
            raise BenchFault("power.meter_not_zero", roles={"meter", "supply"}, meter_a=current_a)


def is_zero(current_a: float, least_a: float) -> bool:
    """Tell whether a current is within what a good meter reads where there is none."""
    return abs(current_a) <= max(least_a, largest_error(current_a) or 0.0)


@powers_up.on_paper
def _powers_up(
    told: Paper, *, voltage_v: float, current_limit_a: float, **others: Any
) -> dict[str, float]:
    current_a = told.edge("supply_current", current_limit_a)
    return {
        "supply_voltage": told("meter", "voltage_v", voltage_v),
        "supply_current": told("meter", "current_a", current_a),
    }

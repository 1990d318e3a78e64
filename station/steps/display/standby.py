"""The power of a display while it shows white and while it sleeps."""

from typing import Any

from drivers.capabilities import Monitor, PatternSource, PowerMeter
from drivers.uncertain import repeated
from records import Reading
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.step import BenchFault, Count, NotNegative, Positive, Yields, step
from station.steps.display.controls import (
    POWER_MODE,
    POWER_OFF,
    POWER_ON,
    full_brightness,
    need_control,
)


@step(standby_power="W", on_power="W")
def standby_power(
    monitor: Monitor,
    screen: PatternSource,
    meter: PowerMeter,
    clock: Clock,
    *,
    settle_s: NotNegative = 10.0,
    samples: Count = 10,
    least_on_w: Positive = 1.0,
) -> Yields:
    """Measure the power on white, and when the display is told to sleep.

    A meter that sees less than `least_on_w` on white sees another cable than the display's.
    """
    need_control(monitor, screen, clock)
    full_brightness(monitor, screen, clock, settle_s)
    on_w = repeated(meter.read().power_w for _ in clock.every(0.5, samples))
    if on_w < least_on_w:
        raise BenchFault("display.meter_elsewhere", roles={"meter"}, meter_w=on_w)
    monitor.set_control(POWER_MODE, POWER_OFF)
    clock.sleep(settle_s)
    standby_w = repeated(meter.read().power_w for _ in clock.every(0.5, samples))
    monitor.set_control(POWER_MODE, POWER_ON)
    yield Reading("standby_power", standby_w)
    yield Reading("on_power", on_w)


@standby_power.on_paper
def _standby_power(told: Paper, *, samples: int, **others: Any) -> dict[str, float]:
    """Take a display that is fed with 19 V."""

    def of(power_w: float) -> float:
        return told("meter", "voltage_v", 19.0) * told("meter", "current_a", power_w / 19.0)

    standby_w = told.edge("standby_power", 0.5)
    return {
        "standby_power": repeated([of(standby_w) for _ in range(samples)]),
        "on_power": repeated([of(25.0) for _ in range(samples)]),
    }

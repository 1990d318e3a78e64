"""The power of a display while it shows white and while it sleeps."""

from typing import Any

from drivers.capabilities import Monitor, PatternSource, PowerMeter
from drivers.uncertain import repeated
from records import Reading
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import BenchFault, Count, NotNegative, Positive, Yields, step
from station.steps.display.controls import full_brightness, still_there
from station.steps.display.sleeping import falls_asleep, no_picture, wakes

ASLEEP = 0.5  # of the power on white; more is not asleep


@step(standby_power="W", on_power="W")
def standby_power(
    monitor: Monitor,
    screen: PatternSource,
    meter: PowerMeter,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 10.0,
    samples: Count = 10,
    least_on_w: Positive = 1.0,
    patience_s: NotNegative = 60.0,
) -> Yields:
    """Measure the power on white, and asleep: once the picture is gone and the power fell.

    A meter that sees less than `least_on_w` on white sees another cable than the display's. One
    that sees no change when the operator sees the screen go dark, or lit again, is no witness.
    """
    full_brightness(monitor, screen, clock, settle_s)

    def watts() -> float:
        return repeated(meter.read().power_w for _ in clock.every(0.5, samples))

    on_w = watts()
    if on_w < least_on_w:
        raise BenchFault("display.meter_elsewhere", roles={"meter"}, meter_w=on_w)

    def is_asleep() -> bool:
        return meter.read().power_w < ASLEEP * on_w

    with no_picture(screen):
        sleeps = falls_asleep(monitor, clock, is_asleep, patience_s)
        clock.sleep(settle_s)
        standby_w = watts()
        doubted = not sleeps and operator.confirm("display.dark")
    still_there(monitor)
    if doubted:
        raise BenchFault("display.meter_stuck", roles={"meter"}, meter_w=standby_w)
    if not wakes(monitor, operator, clock, lambda: not is_asleep()):
        raise BenchFault("display.meter_stuck", roles={"meter", "monitor"}, meter_w=standby_w)
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

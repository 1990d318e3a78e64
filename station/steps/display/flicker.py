"""Flicker of a screen under a photodiode."""

from drivers.capabilities import FlickerMeter, PatternSource
from drivers.formats.flicker import low_risk_percent
from records import Reading
from station.engine.clock import Clock
from station.engine.step import NotNegative, Yields, step


@step(flicker="%", flicker_frequency="Hz", flicker_of_low_risk="%")
def flicker(
    screen: PatternSource,
    flicker: FlickerMeter,
    clock: Clock,
    *,
    settle_s: NotNegative = 2.0,
) -> Yields:
    """Measure the modulation of a white screen, and its frequency.

    `flicker_of_low_risk` compares it with the modulation that is of low risk at that frequency, by
    IEEE 1789 as generally known: above 100 % it is more. Steady light has 0 %.
    """
    screen.show_level(1.0, 1.0, 1.0)
    clock.sleep(settle_s)
    found = flicker.read_flicker()
    yield Reading("flicker", found.modulation_percent)
    yield Reading("flicker_frequency", found.frequency_hz)
    allowed = low_risk_percent(found.frequency_hz)
    yield Reading("flicker_of_low_risk", 100 * found.modulation_percent / allowed if allowed else 0)

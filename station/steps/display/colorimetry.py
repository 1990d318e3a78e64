"""Colours of a screen under a probe.

Distances are in the CIE 1976 u'v' plane (CIE 15).
"""

import math

from drivers.capabilities import Colour, ColourMeter, Monitor, PatternSource
from drivers.errors import BadReply
from records import Reading
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import BenchFault, NotNegative, Yields, step
from station.engine.witness import Doubt, must_confirm
from station.steps.display.controls import full_brightness

D65_UV = (0.1978, 0.4683)  # CIE 1976 u', v' of x 0.3127, y 0.3290
SRGB_PRIMARIES_UV = {"red": (0.4507, 0.5229), "green": (0.1250, 0.5625), "blue": (0.1754, 0.1579)}

PROBE_HERE = Doubt("display.probe_here", "display.probe_not_here", {"probe"})


@step(
    white_deviation="",
    grey_deviation="",
    red_deviation="",
    green_deviation="",
    blue_deviation="",
)
def colour(
    monitor: Monitor,
    screen: PatternSource,
    probe: ColourMeter,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 1.0,
) -> Yields:
    """Distances in the CIE 1976 u'v' plane: white from D65, grey from white, primaries from sRGB.

    The probe may serve several benches: the operator brings it here.
    """
    must_confirm(operator, PROBE_HERE)
    full_brightness(monitor, screen, clock, settle_s)
    seen = probe.read_colour()
    screen.show_level(0.0, 0.0, 0.0)
    clock.sleep(settle_s)
    if _lux_or_dark(probe) > 0.5 * seen.illuminance_lux:
        raise BenchFault("display.probe_sees_nothing", roles={"probe"})
    white = _uv(seen)
    yield Reading("white_deviation", math.dist(white, D65_UV))
    shown = {"grey": (0.5, 0.5, 0.5), "red": (1.0, 0.0, 0.0)}
    shown |= {"green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}
    for name, levels in shown.items():
        screen.show_level(*levels)
        clock.sleep(settle_s)
        wanted = SRGB_PRIMARIES_UV.get(name, white)
        yield Reading(f"{name}_deviation", math.dist(_uv(probe.read_colour()), wanted))


def _lux_or_dark(probe: ColourMeter) -> float:
    """Return the illuminance: none where the probe cannot tell a colour for darkness."""
    try:
        return probe.read_colour().illuminance_lux
    except BadReply:
        return 0.0


def _uv(colour: Colour) -> tuple[float, float]:
    """Convert CIE 1931 x, y to CIE 1976 u', v' (CIE 15)."""
    scale = -2 * colour.x + 12 * colour.y + 3
    return 4 * colour.x / scale, 9 * colour.y / scale

"""Colours of a screen under a probe.

Distances are in the CIE 1976 u'v' plane (CIE 15).
"""

from typing import Any

from drivers.capabilities import Colour, ColourMeter, Monitor, PatternSource
from drivers.errors import BadReply
from drivers.extremes import distance
from records import Reading
from station.engine.clock import Clock
from station.engine.paper import Paper
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
    yield Reading("white_deviation", distance(white, D65_UV))
    shown = {"grey": (0.5, 0.5, 0.5), "red": (1.0, 0.0, 0.0)}
    shown |= {"green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}
    for name, levels in shown.items():
        screen.show_level(*levels)
        clock.sleep(settle_s)
        wanted = SRGB_PRIMARIES_UV.get(name, white)
        yield Reading(f"{name}_deviation", distance(_uv(probe.read_colour()), wanted))


PRIMARIES_XY = {"red": (0.640, 0.330), "green": (0.300, 0.600), "blue": (0.150, 0.060)}
"""Of sRGB (IEC 61966-2-1), in CIE 1931 x, y."""
WHITE_XY = (0.3127, 0.3290)
OFF_XY = 0.014


@colour.on_paper
def _colour(told: Paper, **others: Any) -> dict[str, float]:
    """Take colours that are a little off the wanted ones."""

    def seen(at: tuple[float, float]) -> tuple[float, float]:
        x = told("probe", "x", at[0] + OFF_XY)
        return _uv(Colour(x, told("probe", "y", at[1] + OFF_XY), 0.0))

    white = seen(WHITE_XY)
    found = {"white_deviation": distance(white, D65_UV)}
    found["grey_deviation"] = distance(seen((0.320, 0.336)), white)
    for name, at in PRIMARIES_XY.items():
        found[f"{name}_deviation"] = distance(seen(at), SRGB_PRIMARIES_UV[name])
    return found


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

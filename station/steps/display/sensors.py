"""The nine light sensors on a screen, and when they are believed.

A sensor flush on the glass sees an illuminance of π times the luminance of a Lambertian screen.
"""

import math
from collections.abc import Sequence
from statistics import median

from drivers.capabilities import LightArray, Monitor, PatternSource
from records import Phrase
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import BenchFault
from station.engine.witness import Doubt, must_confirm, must_deny, must_stay_silent
from station.steps.display.controls import WAKES_S, still_there

CENTRE = 4  # of nine zones
FINE_LUX, FINE_BELOW_LUX, COARSE_LUX = 0.0042, 10.0, 0.2688
"""Usual light sensors: a step of the most sensitive range, its end, and a step at a white."""
LIT_CD_M2 = 5.0  # less is no white screen
ALIKE = 0.75  # darker over brighter of two looks at one picture: a cold tube is warming up

BLACK_SHARE = 0.5  # of white; a zone whose black is more sees something else

LIT = Doubt("display.lit", "display.sensors_blind", {"zones"})


def luminances_cd_m2(zones: LightArray) -> tuple[float, ...]:
    """Return the luminance of each of the nine zones. Raises `BenchFault` for another number."""
    seen = zones.read_illuminances_lux()
    if len(seen) != 9:
        raise BenchFault("display.zones_missing", roles={"zones"}, seen=len(seen))
    return tuple(lux / math.pi for lux in seen)


def centre_cd_m2(zones: LightArray) -> float:
    """Return the luminance of the zone in the middle."""
    return luminances_cd_m2(zones)[CENTRE]


def own_light_cd_m2(
    screen: PatternSource, zones: LightArray, clock: Clock, settle_s: float
) -> tuple[float, ...]:
    """Return the luminance of white in each zone, less that of black: that of the room is in both.

    Raises `BenchFault` for a zone that sees no difference: its sensor fell off, or tells the same
    for ever. A white without light is left to `believe`.
    """
    white = luminances_cd_m2(zones)
    screen.show_level(0.0, 0.0, 0.0)
    clock.sleep(settle_s)
    black = luminances_cd_m2(zones)
    screen.show_level(1.0, 1.0, 1.0)
    clock.sleep(settle_s)
    for zone, (one, other) in enumerate(zip(white, black, strict=True), 1):
        if one >= LIT_CD_M2 and other > BLACK_SHARE * one:
            raise BenchFault("display.zone_blind", roles={"zones"}, zone=zone)
    return tuple(one - other for one, other in zip(white, black, strict=True))


def centre_believed(seen_cd_m2: Sequence[float], monitor: Monitor, operator: Operator) -> float:
    """Return the luminance in the middle, where all is judged.

    A middle that is much darker than its neighbours is the display's only if the operator sees it.
    """
    centre = seen_cd_m2[CENTRE]
    if centre < ALIKE * median(seen_cd_m2):
        dark_zone = Doubt(
            "display.dark_zone", "display.zone_not_dark", {"zones"}, {"zone": CENTRE + 1}
        )
        must_confirm(operator, dark_zone)
        still_there(monitor)
    return centre


def luminance_on_paper(told: Paper, luminance_cd_m2: float, zone: int = CENTRE) -> float:
    """Return what a zone's meter makes of a luminance; a dim one is resolved finely."""
    lux = luminance_cd_m2 * math.pi
    fine, usual = FINE_LUX if lux < FINE_BELOW_LUX else 0.0, COARSE_LUX
    return told("zones", "illuminance_lux", lux, part=zone, resolution=fine or usual) / math.pi


def believe(
    white_cd_m2: float, monitor: Monitor, zones: LightArray, operator: Operator, clock: Clock
) -> None:
    """Blame the display for a white screen without light only if the operator sees none either.

    And only if it stays dark: a plug that the operator finds out may be put back at once. Raises
    `BenchFault` otherwise.
    """
    if white_cd_m2 >= LIT_CD_M2:
        return
    must_deny(operator, LIT)
    still_there(monitor)
    clock.sleep(WAKES_S)
    must_stay_silent(
        centre_cd_m2(zones) >= LIT_CD_M2,
        "display.light_came_back",
        roles={"monitor", "zones"},
    )


def are_alike(before_cd_m2: float, again_cd_m2: float) -> bool:
    """Tell whether one picture was as bright both times, or dark both times."""
    darker, brighter = sorted((before_cd_m2, again_cd_m2))
    return brighter < LIT_CD_M2 or darker >= ALIKE * brighter


def differ(before_cd_m2: float, again_cd_m2: float) -> Phrase:
    """Say that one picture was not alike in two looks, and what may be the cause."""
    return Phrase("display.differs", {"before_cd_m2": before_cd_m2, "again_cd_m2": again_cd_m2})

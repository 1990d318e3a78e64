"""The nine light sensors on a screen, and when they are believed.

A sensor flush on the glass sees an illuminance of π times the luminance of a Lambertian screen.
"""

import math

from drivers.capabilities import LightArray, Monitor
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import BenchFault
from station.engine.witness import Doubt, must_deny, must_stay_silent
from station.steps.display.controls import WAKES_S, still_there

CENTRE = 4  # of nine zones
LIT_CD_M2 = 5.0  # less is no white screen
ALIKE = 0.75  # darker over brighter of two looks at one picture: a cold tube is warming up

LIT = Doubt(
    "display.lit",
    "The sensors see no light. Look whether its power light is on and its cables are in. Do you"
    " see a white screen?",
    "the screen is white and the sensors see no light: check their cable",
    {"zones"},
)


def luminances_cd_m2(zones: LightArray) -> tuple[float, ...]:
    """Return the luminance of each of the nine zones. Raises `BenchFault` for another number."""
    seen = zones.read_illuminances_lux()
    if len(seen) != 9:
        raise BenchFault(f"{len(seen)} zones answered, and a screen has 9", roles={"zones"})
    return tuple(lux / math.pi for lux in seen)


def centre_cd_m2(zones: LightArray) -> float:
    """Return the luminance of the zone in the middle."""
    return luminances_cd_m2(zones)[CENTRE]


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
        "there was no light, and is some since the operator was asked: a plug may have been out,"
        " so test it again",
        roles={"monitor", "zones"},
    )


def are_alike(before_cd_m2: float, again_cd_m2: float) -> bool:
    """Tell whether one picture was as bright both times, or dark both times."""
    darker, brighter = sorted((before_cd_m2, again_cd_m2))
    return brighter < LIT_CD_M2 or darker >= ALIKE * brighter


def differ(before_cd_m2: float, again_cd_m2: float) -> str:
    """Say that one picture was not alike in two looks, and what may be the cause."""
    return (
        f"the same picture had {before_cd_m2:.1f} cd/m² and then {again_cd_m2:.1f}: look whether"
        " anything is before the sensors, and switch off dynamic contrast in its menu"
    )

"""Displays: what they say of themselves, what they show, and what they draw.

A sensor flush on the glass sees an illuminance of π times the luminance of a Lambertian screen.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from statistics import fmean
from typing import Annotated

from msgspec import Meta

from drivers.capabilities import (
    Colour,
    ColourMeter,
    LightArray,
    Monitor,
    PatternSource,
    PowerMeter,
)
from drivers.errors import BadReply, BusMissing, NoReply, NotConnected, Refused
from drivers.formats import edid as edid_format
from records import Reading
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import (
    BenchFault,
    Count,
    Learned,
    NotApplicable,
    NotNegative,
    Positive,
    Socket,
    Yields,
    patiently,
    step,
)

BRIGHTNESS = 0x10  # MCCS: Luminance
POWER_MODE = 0xD6  # MCCS: Power mode
POWER_ON, POWER_OFF = 1, 4  # DPM on; DPM off, as VESA DPMS names them
CENTRE = 4  # of nine zones
WAKES_S = 5.0  # from standby, once there is a picture
LIT_CD_M2 = 5.0  # less is no white screen
ALIKE = 0.75  # darker over brighter of two looks at one picture: a cold tube is warming up

PIXEL_CLASSES = {1: (0, 0), 2: (2, 2), 3: (5, 15), 4: (50, 150)}
"""ISO 13406-2: always bright and always dark pixels per million, as liquisearch.com reports it."""

D65_UV = (0.1978, 0.4683)  # CIE 1976 u', v' of x 0.3127, y 0.3290
SRGB_PRIMARIES_UV = {"red": (0.4507, 0.5229), "green": (0.1250, 0.5625), "blue": (0.1754, 0.1579)}


@step(edid_answers="", edid_checksum_ok="", edid_errors="", edid_year="a")
def edid(
    monitor: Socket[Monitor],
    operator: Operator,
    clock: Clock,
    *,
    patience_s: NotNegative = 5.0,
) -> Yields:
    """The display identification data: there, sound, and from a year that can be.

    A mute display is only the display's fault once the operator has looked at the cable, and it
    stays mute for `patience_s` after that. A bus on which nothing can be asked is never its fault.
    """

    def ask() -> bytes:
        return monitor.open().read_edid()

    try:
        data = ask()
    except BusMissing:
        raise
    except NotConnected as error:
        if not operator.confirm(
            "display.plugged",
            "The display does not answer. Is its power light on, and its video cable fully in?",
        ):
            raise BenchFault(f"the display was not connected: {error}") from error
        try:  # it may be only since the question
            data = patiently(ask, clock, patience_s)
        except BusMissing:
            raise
        except NotConnected:
            yield Reading("edid_answers", False)
            return
    parsed = edid_format.parse(data)
    yield Learned(
        maker=parsed.manufacturer or "",
        model=parsed.name or (f"{parsed.product_code:04X}" if parsed.product_code else ""),
        serial_number=parsed.serial_text or str(parsed.serial_number or ""),
        year=parsed.year or parsed.model_year,
    )
    yield Reading("edid_answers", True)
    yield Reading("edid_checksum_ok", parsed.checksum_ok)
    yield Reading("edid_errors", len(parsed.errors))
    if (year := parsed.year or parsed.model_year) is not None:
        yield Reading("edid_year", year)


@step(brightness_monotonic="", brightness_range="", brightness_lowest="cd/m²")
def brightness_sweep(
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
    operator: Operator,
    clock: Clock,
    *,
    points: Annotated[int, Meta(ge=2)] = 11,
    settle_s: NotNegative = 1.0,
    tolerance_percent: NotNegative = 2.0,
) -> Yields:
    """White at `points` brightness settings from lowest to highest, over DDC/CI.

    Monotonic: no setting is darker than the one before by more than the tolerance.
    `brightness_range` is highest over lowest luminance. A sweep that falls somewhere is repeated,
    and the lowest is looked at again: a hand before the sensors is not the display's doing.
    """
    _need_control(monitor, screen, clock)
    screen.show_level(1.0, 1.0, 1.0)
    highest = monitor.read_control(BRIGHTNESS).maximum

    def at(brightness: int) -> float:
        monitor.set_control(BRIGHTNESS, brightness)
        clock.sleep(settle_s)
        return _centre_cd_m2(zones)

    def sweep() -> list[float]:
        return [at(round(highest * n / (points - 1))) for n in range(points)]

    def rises(seen: list[float]) -> bool:
        return all(b >= a * (1 - tolerance_percent / 100) for a, b in pairwise(seen))

    seen = sweep()
    _believe(seen[-1], monitor, zones, operator, clock)
    monotonic = rises(seen)
    if not monotonic and rises(sweep()):
        raise BenchFault(
            "the brightness fell on its way up, and did not when that was repeated: something may"
            " have been before the sensors, so test it again"
        )
    again = at(0)
    if not _alike(seen[0], again):  # it may dim slowly
        clock.sleep(WAKES_S)
        again = _centre_cd_m2(zones)
    _check_alike(seen[0], again)
    yield Reading("brightness_monotonic", monotonic)
    yield Reading("brightness_range", seen[-1] / max(seen[0], 0.01))
    yield Reading("brightness_lowest", seen[0])


@step(luminance="cd/m²")
def luminance(
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 2.0,
) -> Yields:
    """White at full brightness, at the centre.

    A display that takes no commands is set to its brightest by the operator.
    """
    if not _takes_commands(monitor, screen, clock) and not operator.confirm(
        "display.brightest",
        "This display takes no commands. Is it set to its brightest with its own buttons?",
    ):
        raise BenchFault("the display was not set to its brightest")
    _full_brightness(monitor, screen, clock, settle_s)
    white = _centre_cd_m2(zones)
    _believe(white, monitor, zones, operator, clock)
    yield Reading("luminance", white)


@step(uniformity="%", darkest_zone="")
def uniformity(
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 2.0,
) -> Yields:
    """Darkest over brightest of nine zones on white; zones count from 1 at the top left.

    A zone that is very dark to its sensor is the display's fault only if the operator sees it.
    """
    _full_brightness(monitor, screen, clock, settle_s)
    seen = _luminances_cd_m2(zones)
    darkest = seen.index(min(seen)) + 1
    _believe(max(seen), monitor, zones, operator, clock)
    if min(seen) < 0.5 * max(seen):
        if not operator.confirm(
            f"display.dark_zone.{darkest}",
            f"Zone {darkest} of 9, counted row by row, is dark to its sensor. Do you see a dark"
            " area?",
        ):
            raise BenchFault(f"zone {darkest} is not dark: check its sensor")
        _still_there(monitor)
    yield Reading("uniformity", 100 * min(seen) / max(seen) if max(seen) > 0 else 0.0)
    yield Reading("darkest_zone", darkest)


@step(contrast="", black="cd/m²")
def contrast(
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 2.0,
) -> Yields:
    """White over black at the centre, at full brightness.

    A black below what the sensors resolve counts as that resolution, 0.002 cd/m². White is shown
    before and after, and the darker one counts: sensors that see nothing see a perfect black.
    """
    _full_brightness(monitor, screen, clock, settle_s)
    white = _centre_cd_m2(zones)
    _believe(white, monitor, zones, operator, clock)
    screen.show_level(0.0, 0.0, 0.0)
    clock.sleep(settle_s)
    black = _centre_cd_m2(zones)
    screen.show_level(1.0, 1.0, 1.0)
    clock.sleep(settle_s)
    again = _centre_cd_m2(zones)
    if again < LIT_CD_M2 <= white:
        _believe(again, monitor, zones, operator, clock)
    else:
        _check_alike(white, again)
    yield Reading("contrast", min(white, again) / max(black, 0.002))
    yield Reading("black", black)


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
    if not operator.confirm(
        "display.probe_here", "Is the colour probe at the centre of the screen?"
    ):
        raise BenchFault("the colour probe was not brought to the screen")
    _full_brightness(monitor, screen, clock, settle_s)
    seen = probe.read_colour()
    screen.show_level(0.0, 0.0, 0.0)
    clock.sleep(settle_s)
    if _lux_or_dark(probe) > 0.5 * seen.illuminance_lux:
        raise BenchFault("the colour probe sees no change from white to black: is it elsewhere?")
    white = _uv(seen)
    yield Reading("white_deviation", math.dist(white, D65_UV))
    shown = {"grey": (0.5, 0.5, 0.5), "red": (1.0, 0.0, 0.0)}
    shown |= {"green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}
    for name, levels in shown.items():
        screen.show_level(*levels)
        clock.sleep(settle_s)
        wanted = SRGB_PRIMARIES_UV.get(name, white)
        yield Reading(f"{name}_deviation", math.dist(_uv(probe.read_colour()), wanted))


@step(dark_luminance="cd/m²", warm_up="%")
def backlight(
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
    operator: Operator,
    clock: Clock,
    *,
    off_s: NotNegative = 10.0,
    warm_up_s: NotNegative = 60.0,
    settle_s: NotNegative = 3.0,
) -> Yields:
    """The backlight goes off and comes back: light while off, and soon after in % of before."""
    _need_control(monitor, screen, clock)
    _full_brightness(monitor, screen, clock, settle_s)
    before = _centre_cd_m2(zones)
    _believe(before, monitor, zones, operator, clock)
    monitor.set_control(POWER_MODE, POWER_OFF)
    clock.sleep(off_s)
    dark = _centre_cd_m2(zones)
    monitor.set_control(POWER_MODE, POWER_ON)
    clock.sleep(warm_up_s)
    after = _centre_cd_m2(zones)
    if before >= LIT_CD_M2:  # else the operator has been asked
        _believe(after, monitor, zones, operator, clock)
    yield Reading("dark_luminance", dark)
    yield Reading("warm_up", 100 * after / before if before > 0 else 0.0)


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
    """What it draws on white, and when it is told to sleep.

    A meter that sees less than `least_on_w` on white sees another cable than the display's.
    """
    _need_control(monitor, screen, clock)
    _full_brightness(monitor, screen, clock, settle_s)
    on_w = fmean(meter.read().power_w for _ in clock.every(0.5, samples))
    if on_w < least_on_w:
        raise BenchFault(
            f"the display shows white and the meter sees {on_w:.2f} W: it feeds from elsewhere, or"
            " the meter is wrong"
        )
    monitor.set_control(POWER_MODE, POWER_OFF)
    clock.sleep(settle_s)
    standby_w = fmean(meter.read().power_w for _ in clock.every(0.5, samples))
    monitor.set_control(POWER_MODE, POWER_ON)
    yield Reading("standby_power", standby_w)
    yield Reading("on_power", on_w)


@step(bright_pixels="", dark_pixels="", pixel_class="", picture_faults="")
def pixel_faults(
    monitor: Monitor,
    screen: PatternSource,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 0.5,
) -> Yields:
    """The operator looks at plain screens and counts. Nine stands for nine or more.

    `bright_pixels` shine on black, `dark_pixels` stay dark on white, red, green or blue (the
    largest count of the four); `pixel_class` is the ISO 13406-2 class that both fit into, 5 for
    none; `picture_faults` are lines, clusters, spots and burn-in.
    """
    _full_brightness(monitor, screen, clock, settle_s)

    def look(name: str, levels: tuple[float, float, float], ask: Callable[[str, str], int]) -> int:
        screen.show_level(*levels)
        clock.sleep(settle_s)
        kind = "bright" if name == "black" else "dark"
        seen = ask(f"display.{kind}_pixels.{name}", f"How many {kind} dots on the {name} screen?")
        _still_there(monitor)
        return seen

    bright = look("black", (0.0, 0.0, 0.0), operator.count)
    dark = max(
        look("white", (1.0, 1.0, 1.0), operator.count),
        look("red", (1.0, 0.0, 0.0), operator.count),
        look("green", (0.0, 1.0, 0.0), operator.count),
        look("blue", (0.0, 0.0, 1.0), operator.count),
    )
    screen.show_level(0.5, 0.5, 0.5)
    clock.sleep(settle_s)
    faults = operator.confirm(
        "display.picture_faults", "Any lines, spots, scratches or burnt-in picture on the grey?"
    )
    _still_there(monitor)
    yield Reading("bright_pixels", bright)
    yield Reading("dark_pixels", dark)
    yield Reading("pixel_class", pixel_class(bright, dark, screen.width_px * screen.height_px))
    yield Reading("picture_faults", faults)


def _takes_commands(monitor: Monitor, screen: PatternSource, clock: Clock) -> bool:
    """Whether the display has DDC/CI, switched on. Many old ones only say who they are.

    Those never acknowledge the address. One that does, or once did, and has nothing to say
    (`NoReply`) was asleep for want of a picture, or hangs. One that does not even say who it is any
    more is a cable's doing, which is raised.
    """
    screen.show_level(1.0, 1.0, 1.0)
    takes = True
    try:
        try:
            monitor.read_control(BRIGHTNESS)
        except NoReply:
            clock.sleep(WAKES_S)
            monitor.read_control(BRIGHTNESS)
    except BusMissing:
        raise
    except (NotConnected, Refused):
        takes = False
    _still_there(monitor)
    return takes


def _need_control(monitor: Monitor, screen: PatternSource, clock: Clock) -> None:
    if not _takes_commands(monitor, screen, clock):
        raise NotApplicable("the display takes no commands: it has no DDC/CI, or that is off")


def _believe(
    white_cd_m2: float, monitor: Monitor, zones: LightArray, operator: Operator, clock: Clock
) -> None:
    """A white screen without light: the display's fault only if the operator sees none either.

    And only if it stays dark: who finds a plug out may put it back.
    """
    if white_cd_m2 >= LIT_CD_M2:
        return
    if operator.confirm(
        "display.lit",
        "The sensors see no light. Look whether its power light is on and its cables are in. Do"
        " you see a white screen?",
    ):
        raise BenchFault("the screen is white and the sensors see no light: check their cable")
    _still_there(monitor)
    clock.sleep(WAKES_S)
    if _centre_cd_m2(zones) >= LIT_CD_M2:
        raise BenchFault(
            "there was no light, and is some since the operator was asked: a plug may have been"
            " out, so test it again"
        )


def _alike(before_cd_m2: float, again_cd_m2: float) -> bool:
    """Whether one picture was as bright both times, or dark both times."""
    darker, brighter = sorted((before_cd_m2, again_cd_m2))
    return brighter < LIT_CD_M2 or darker >= ALIKE * brighter


def _check_alike(before_cd_m2: float, again_cd_m2: float) -> None:
    if not _alike(before_cd_m2, again_cd_m2):
        raise BenchFault(
            f"the same picture had {before_cd_m2:.1f} cd/m² and then {again_cd_m2:.1f}: look"
            " whether anything is before the sensors, and switch off dynamic contrast in its menu"
        )


def _still_there(monitor: Monitor) -> None:
    """Raises `NotConnected` when it was pulled out, say while the operator was asked.

    Then it is not to blame for what the operator saw, or did not see. And neither is its successor
    when it was replaced, by one that its EDID tells from it: `BenchFault`.
    """
    if monitor.read_edid() != monitor.first_edid:
        raise BenchFault(
            "another display is connected now: its EDID is not the one that was read before"
        )


def pixel_class(bright: int, dark: int, pixels: int) -> int:
    """The first of classes 1 to 4 that allows this many, scaled up to whole pixels; else 5.

    Nine or more of either cannot be told from any larger number, so they fit into no class.
    """
    if bright < 9 and dark < 9:
        for number, (most_bright, most_dark) in PIXEL_CLASSES.items():
            allowed = [math.ceil(most * pixels / 1e6) for most in (most_bright, most_dark)]
            if bright <= allowed[0] and dark <= allowed[1]:
                return number
    return 5


def _full_brightness(
    monitor: Monitor, screen: PatternSource, clock: Clock, settle_s: float
) -> None:
    if _takes_commands(monitor, screen, clock):
        monitor.set_control(BRIGHTNESS, monitor.read_control(BRIGHTNESS).maximum)
    screen.show_level(1.0, 1.0, 1.0)
    clock.sleep(settle_s)


def _luminances_cd_m2(zones: LightArray) -> tuple[float, ...]:
    seen = zones.read_illuminances_lux()
    if len(seen) != 9:
        raise BenchFault(f"{len(seen)} zones answered, and a screen has 9")
    return tuple(lux / math.pi for lux in seen)


def _centre_cd_m2(zones: LightArray) -> float:
    return _luminances_cd_m2(zones)[CENTRE]


def _lux_or_dark(probe: ColourMeter) -> float:
    """Illuminance, which is none where the probe cannot tell a colour for darkness."""
    try:
        return probe.read_colour().illuminance_lux
    except BadReply:
        return 0.0


def _uv(colour: Colour) -> tuple[float, float]:
    """CIE 1931 x, y to CIE 1976 u', v' (CIE 15)."""
    scale = -2 * colour.x + 12 * colour.y + 3
    return 4 * colour.x / scale, 9 * colour.y / scale

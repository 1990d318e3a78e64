"""Light of a screen under nine sensors: how bright, how even, how dark, and how steady."""

from itertools import pairwise
from typing import Annotated, Any

from msgspec import Meta

from drivers.capabilities import LightArray, Monitor, PatternSource
from drivers.extremes import evenness
from drivers.uncertain import at_least
from records import Phrase, Reading
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import BenchFault, NotNegative, Positive, Yields, step
from station.engine.witness import Doubt, look_twice, must_confirm
from station.steps.display.controls import (
    BRIGHTNESS,
    WAKES_S,
    full_brightness,
    need_control,
    set_by_light,
    still_there,
)
from station.steps.display.sensors import (
    CENTRE,
    LIT_CD_M2,
    are_alike,
    believe,
    centre_believed,
    centre_cd_m2,
    differ,
    luminance_on_paper,
    luminances_cd_m2,
    own_light_cd_m2,
)
from station.steps.display.sleeping import comes, falls_asleep, no_picture, wakes
from station.steps.display.steady import warm_up

BLACK_CD_M2 = 0.002  # what the sensors resolve
ROOM_CD_M2 = 0.02  # a black of less holds no light of a room that matters
CLEARLY = 0.9  # of the black: less is a room without a backlight
DARK_CD_M2 = 0.5  # more is light of a screen, or of a room
DARK = Doubt("display.dark", "display.stray_light", {"zones"})
BRIGHTEST = Doubt("display.brightest", "display.not_brightest", {"operator"})


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
    """Show white at `points` brightness settings from lowest to highest, over DDC/CI.

    Monotonic: no setting is darker than the one before by more than the tolerance.
    `brightness_range` is highest over lowest luminance. A sweep that falls somewhere is repeated,
    and the lowest is looked at again: a hand before the sensors is not the display's doing.
    """
    need_control(monitor, screen, clock)
    screen.show_level(1.0, 1.0, 1.0)
    highest = monitor.read_control(BRIGHTNESS).maximum

    def at(brightness: int) -> float:
        set_by_light(monitor, BRIGHTNESS, brightness)
        clock.sleep(settle_s)
        return centre_cd_m2(zones)

    def sweep() -> list[float]:
        return [at(round(highest * n / (points - 1))) for n in range(points)]

    def lowest_again() -> float:
        again = at(0)
        if not are_alike(seen[0], again):  # it may dim slowly
            clock.sleep(WAKES_S)
            again = centre_cd_m2(zones)
        return again

    def rises(seen: list[float]) -> bool:
        return all(b >= a * (1 - tolerance_percent / 100) for a, b in pairwise(seen))

    seen = sweep()
    believe(seen[-1], monitor, zones, operator, clock)
    monotonic = rises(seen)
    if not monotonic:
        look_twice(
            seen,
            sweep,
            alike=lambda first, second: rises(first) == rises(second),
            differ=lambda first, second: Phrase("display.fell_once"),
            roles={"zones"},
        )
    look_twice(seen[0], lowest_again, alike=are_alike, differ=differ, roles={"monitor", "zones"})
    yield Reading("brightness_monotonic", monotonic)
    yield Reading("brightness_range", seen[-1] / at_least(seen[0], 0.01))
    yield Reading("brightness_lowest", seen[0])


@brightness_sweep.on_paper
def _brightness_sweep(told: Paper, **others: Any) -> dict[str, float]:
    lowest = luminance_on_paper(told, 100.0)
    highest = luminance_on_paper(told, 100.0 * told.edge("brightness_range", 1.5))
    return {"brightness_range": highest / lowest, "brightness_lowest": lowest}


@step(luminance="cd/m²", drift="%")
def luminance(
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 2.0,
    steady_percent: Positive = 1.0,
    warms_up_s: NotNegative = 300.0,
) -> Yields:
    """Show white at full brightness until it is warm, and measure it at the centre.

    `drift` is the change in per cent a minute in the end: it is warm below `steady_percent`, and
    after `warms_up_s` it is taken as it is. The light of black is taken off: that of the room, and
    what the panel leaks. A display that cannot be set to its brightest, or says that it is not, is
    set by the operator.
    """
    if not full_brightness(monitor, screen, clock, settle_s):
        must_confirm(operator, BRIGHTEST)
        full_brightness(monitor, screen, clock, settle_s)
    first = centre_cd_m2(zones)
    believe(first, monitor, zones, operator, clock)
    if first < LIT_CD_M2:  # the operator sees no light either
        yield Reading("luminance", first)
        return
    warm = warm_up(monitor, zones, clock, steady_percent, warms_up_s)
    yield warm.series
    seen = own_light_cd_m2(screen, zones, clock, settle_s)
    believe(seen[CENTRE], monitor, zones, operator, clock)
    yield Reading("luminance", centre_believed(seen, monitor, operator))
    yield Reading("drift", warm.drift_percent)


@luminance.on_paper
def _luminance(told: Paper, **others: Any) -> dict[str, float]:
    return {"luminance": luminance_on_paper(told, told.edge("luminance", 150.0))}


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
    full_brightness(monitor, screen, clock, settle_s)
    seen = luminances_cd_m2(zones)
    believe(max(seen), monitor, zones, operator, clock)
    if max(seen) >= LIT_CD_M2:
        seen = own_light_cd_m2(screen, zones, clock, settle_s)
        believe(max(seen), monitor, zones, operator, clock)
    darkest = seen.index(min(seen)) + 1
    if min(seen) < 0.5 * max(seen):
        dark_zone = Doubt(
            "display.dark_zone", "display.zone_not_dark", {"zones"}, {"zone": darkest}
        )
        must_confirm(operator, dark_zone)
        still_there(monitor)
    yield Reading("uniformity", 100 * evenness(seen))
    yield Reading("darkest_zone", darkest)


@uniformity.on_paper
def _uniformity(told: Paper, **others: Any) -> dict[str, float]:
    """Take eight zones that are alike, and a last one that is as dark as it may be."""
    share = told.edge("uniformity", 75.0) / 100
    seen = [luminance_on_paper(told, 200.0 * (share if n == 8 else 1.0), n) for n in range(9)]
    return {"uniformity": 100 * evenness(seen)}


@step(contrast="", black="cd/m²")
def contrast(
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 2.0,
    patience_s: NotNegative = 60.0,
) -> Yields:
    """Compare white with black at the centre, at full brightness.

    The light of the room, which is there once the picture was taken away and the backlight went
    off, is taken off both. A room as bright as the black on the screen is a fault of the bench.
    A black below what the sensors resolve counts as that resolution, 0.002 cd/m². Both are shown
    twice, and the darker white and the brighter black count: sensors that see nothing see a perfect
    black.
    """
    full_brightness(monitor, screen, clock, settle_s)
    white = centre_cd_m2(zones)
    believe(white, monitor, zones, operator, clock)
    screen.show_level(0.0, 0.0, 0.0)
    clock.sleep(settle_s)
    black = centre_cd_m2(zones)
    room = 0.0
    if black > ROOM_CD_M2:
        with no_picture(screen):
            comes(lambda: centre_cd_m2(zones) < CLEARLY * black, clock, patience_s)
            clock.sleep(settle_s)
            room = centre_cd_m2(zones)
        still_there(monitor)
        if room >= CLEARLY * black:
            raise BenchFault("display.room_too_bright", roles={"zones", "monitor"}, room_cd_m2=room)
        wakes(monitor, operator, clock, lambda: centre_cd_m2(zones) >= LIT_CD_M2)

    def went_dark(before: float, again: float) -> bool:
        return again < LIT_CD_M2 <= before

    def white_again() -> float:
        screen.show_level(1.0, 1.0, 1.0)
        clock.sleep(settle_s)
        return centre_cd_m2(zones)

    again = look_twice(
        white,
        white_again,
        alike=lambda before, again: went_dark(before, again) or are_alike(before, again),
        differ=differ,
        roles={"monitor", "zones"},
    )
    if went_dark(white, again):
        believe(again, monitor, zones, operator, clock)
    screen.show_level(0.0, 0.0, 0.0)
    clock.sleep(settle_s)
    black = max(black, centre_cd_m2(zones))
    yield Reading("contrast", (min(white, again) - room) / at_least(black - room, BLACK_CD_M2))
    yield Reading("black", black - room)


@contrast.on_paper
def _contrast(told: Paper, **others: Any) -> dict[str, float]:
    white_cd_m2 = 200.0
    white = luminance_on_paper(told, white_cd_m2)
    black = luminance_on_paper(told, white_cd_m2 / told.edge("contrast", 400.0))
    return {"contrast": white / black, "black": black}


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
    patience_s: NotNegative = 60.0,
) -> Yields:
    """Take the picture away and bring it back: light while asleep, and soon after in % of before.

    Light that stays is the display's only if the operator sees it: it may come from elsewhere.
    """
    full_brightness(monitor, screen, clock, settle_s)
    before = centre_cd_m2(zones)
    believe(before, monitor, zones, operator, clock)

    def is_dark() -> bool:
        return max(luminances_cd_m2(zones)) < DARK_CD_M2

    with no_picture(screen):
        falls_asleep(monitor, clock, is_dark, patience_s)
        clock.sleep(off_s)
        dark = centre_cd_m2(zones)
        doubted = not is_dark() and operator.confirm(DARK.about)
    still_there(monitor)
    if doubted:
        raise DARK.as_fault()
    if before >= LIT_CD_M2:  # else the operator has been asked
        wakes(monitor, operator, clock, lambda: centre_cd_m2(zones) >= LIT_CD_M2)
    clock.sleep(warm_up_s)
    after = centre_cd_m2(zones)
    if before >= LIT_CD_M2:
        believe(after, monitor, zones, operator, clock)
    yield Reading("dark_luminance", dark)
    if before < LIT_CD_M2:  # what was dark before has not warmed up
        after = min(before, after)
    yield Reading("warm_up", 100 * after / at_least(before, LIT_CD_M2))


@backlight.on_paper
def _backlight(told: Paper, **others: Any) -> dict[str, float]:
    after = luminance_on_paper(told, 2.0 * told.edge("warm_up", 80.0))
    return {
        "dark_luminance": luminance_on_paper(told, told.edge("dark_luminance", 0.5)),
        "warm_up": 100 * after / luminance_on_paper(told, 200.0),
    }

"""Light of a screen at the end of a run: whether it lasted, and whether it stays."""

import math
from itertools import pairwise
from statistics import median
from typing import Any

from drivers.capabilities import LightArray, Monitor, PatternSource
from records import Reading
from records.run import LONGEST_SERIES, Series
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import BenchFault, NotNegative, Yields, step
from station.engine.witness import Doubt, must_confirm
from station.steps.display.controls import full_brightness, still_there
from station.steps.display.sensors import (
    CENTRE,
    LIT_CD_M2,
    believe,
    centre_cd_m2,
    luminance_on_paper,
)
from station.steps.display.steady import first_look

LOOK_S = 0.5
OUT = 0.5  # of the usual light; less is a picture that went out

GOES_OUT = Doubt("display.goes_out", "display.went_out_at_sensors", {"zones"})


@step(light_left="%", dropouts="")
def last_look(
    monitor: Monitor,
    screen: PatternSource,
    zones: LightArray,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 2.0,
    watch_s: NotNegative = 60.0,
) -> Yields:
    """Watch a white screen at the end of the run, and compare it with the first look.

    `light_left` is in per cent of the brightest that it was while it warmed up. `dropouts` counts
    how often the picture went out: once is watched for again, and twice the display's only if the
    operator sees it, too.
    """
    full_brightness(monitor, screen, clock, settle_s)
    believe(centre_cd_m2(zones), monitor, zones, operator, clock)
    at_s: list[float] = []
    seen: list[float] = []

    def watch() -> int:
        for _ in clock.every(LOOK_S, max(1, round(watch_s / LOOK_S))):
            at_s.append(clock.monotonic())
            seen.append(zones.glance_lux()[CENTRE] / math.pi)
        return dropouts_in(seen)

    dropouts = watch()
    if dropouts == 1:
        dropouts = watch()
    step_by = -(-len(seen) // LONGEST_SERIES)
    start_s = at_s[0]
    yield Series(
        "luminance",
        tuple(one - start_s for one in at_s[::step_by]),
        tuple(float(one) for one in seen[::step_by]),
        "cd/m²",
    )
    if dropouts == 1:
        raise BenchFault("display.went_out_once", roles={"monitor", "zones"})
    usual = sorted(seen)[len(seen) // 2]
    last = centre_cd_m2(zones)
    if dropouts:
        last = max(last, usual)
    elif usual >= LIT_CD_M2:
        believe(last, monitor, zones, operator, clock)
    if dropouts:
        must_confirm(operator, GOES_OUT)
        still_there(monitor)
    first = first_look(monitor) or seen[0]
    yield Reading("light_left", 100 * last / max(first, LIT_CD_M2))
    yield Reading("dropouts", dropouts)


def dropouts_in(seen_cd_m2: list[float]) -> int:
    """Return how often the light was out, and came back, in looks at a white screen."""
    least = OUT * median(seen_cd_m2)
    out = [one < least for one in seen_cd_m2]
    return sum(now and not after for now, after in pairwise(out))


@last_look.on_paper
def _last_look(told: Paper, **others: Any) -> dict[str, float]:
    last = luminance_on_paper(told, 2.0 * told.edge("light_left", 80.0))
    return {"light_left": 100 * last / luminance_on_paper(told, 200.0)}

"""Light over time: a display is judged warm, and its first look is kept for the last one."""

from typing import NamedTuple
from weakref import WeakKeyDictionary

from drivers.capabilities import LightArray, Monitor
from records.run import LONGEST_SERIES, Series
from station.engine.clock import Clock
from station.steps.display.sensors import centre_cd_m2

LOOK_S = 5.0
WINDOW_S = 30.0
"""The time over which a drift is measured: a tube's light shakes by more than it drifts."""


_FIRST_LOOKS: "WeakKeyDictionary[Monitor, float]" = WeakKeyDictionary()
"""The brightest that each display was in cd/m² while it warmed up. It is opened once a run."""


def first_look(monitor: Monitor) -> float | None:
    """Return the brightest look at a display in this run; None before there was one."""
    return _FIRST_LOOKS.get(monitor)


class Warm(NamedTuple):
    """A display after its warm-up: how fast its light still changes, in % a minute; its course."""

    drift_percent: float
    series: Series


def warm_up(
    monitor: Monitor, zones: LightArray, clock: Clock, steady_percent: float, patience_s: float
) -> Warm:
    """Wait until the light of a white screen changes by less than `steady_percent` a minute.

    After `patience_s` it is taken as it is, and its drift says so. A screen that grows dimmer is
    waited for, too: it may be failing.
    """
    start_s = clock.monotonic()
    at_s: list[float] = []
    seen: list[float] = []
    back = round(WINDOW_S / LOOK_S)
    while True:
        at_s.append(clock.monotonic() - start_s)
        seen.append(centre_cd_m2(zones))
        drift_percent = 0.0
        if len(seen) > back:
            before, now = seen[-1 - back], seen[-1]
            minutes = (at_s[-1] - at_s[-1 - back]) / 60
            drift_percent = 100 * (now - before) / max(before, now, 1e-9) / minutes
            if abs(drift_percent) < steady_percent:
                break
        if at_s[-1] >= patience_s or len(seen) >= LONGEST_SERIES:
            break
        clock.sleep(LOOK_S)
    _FIRST_LOOKS[monitor] = max(seen)
    return Warm(drift_percent, Series("luminance", tuple(at_s), tuple(map(float, seen)), "cd/m²"))

"""Sleep of a display: its picture is taken away, and it is believed by what instruments see.

What a display says of its power mode is not asked: some have none, some wake when it is read, some
are mute until their button is pressed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from drivers.capabilities import Monitor, PatternSource
from drivers.errors import BusMissing, NoReply, NotConnected, Refused
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.steps.display.controls import POWER_MODE, POWER_OFF, POWER_ON, still_there

LOOK_S = 1.0
OBEYS_S = 10.0  # from a command or a picture to what it does to the light and the power


@contextmanager
def no_picture(screen: PatternSource) -> Iterator[None]:
    """Take the picture away, and show white again in the end."""
    screen.lose_signal()
    try:
        yield
    finally:
        screen.show_level(1.0, 1.0, 1.0)


def falls_asleep(
    monitor: Monitor, clock: Clock, is_asleep: Callable[[], bool], patience_s: float
) -> bool:
    """Return whether a display without a picture is asleep within `patience_s`.

    Many say first for up to a minute that there is no signal. One that stays awake is told to
    sleep, twice as some miss the first message, where it has the control.
    """
    if comes(is_asleep, clock, patience_s):
        return True
    for _ in range(2):
        if not _sets_power(monitor, POWER_OFF):
            return False
        if comes(is_asleep, clock, OBEYS_S):
            return True
    _sets_power(monitor, POWER_ON)  # perhaps it obeyed, and instruments are blind
    return False


def wakes(monitor: Monitor, operator: Operator, clock: Clock, is_awake: Callable[[], bool]) -> bool:
    """Return whether a display that is shown white again is awake: by itself, or by its button."""
    if comes(is_awake, clock, OBEYS_S):
        return True
    if _sets_power(monitor, POWER_ON) and comes(is_awake, clock, OBEYS_S):
        return True
    pressed = operator.confirm("display.button")
    still_there(monitor)
    return pressed and comes(is_awake, clock, OBEYS_S)


def _sets_power(monitor: Monitor, mode: int) -> bool:
    """Set the power mode, and return whether the display took that; it is seen if it obeys."""
    try:
        monitor.set_control(POWER_MODE, mode)
    except BusMissing:
        raise
    except (NotConnected, NoReply, Refused):
        return False
    return True


def comes(what: Callable[[], bool], clock: Clock, patience_s: float) -> bool:
    """Look once a second, and return whether it came within `patience_s`."""
    deadline_s = clock.monotonic() + patience_s
    while not what():
        if clock.monotonic() >= deadline_s:
            return False
        clock.sleep(LOOK_S)
    return True

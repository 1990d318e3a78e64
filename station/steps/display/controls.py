"""The commands that a display takes over DDC/CI, and whether it is there to take them."""

from drivers.capabilities import Monitor, PatternSource, Vcp
from drivers.errors import BusMissing, NoReply, NotConnected, Refused
from station.engine.clock import Clock
from station.engine.step import NotApplicable
from station.engine.witness import must_be_the_same

BRIGHTNESS = 0x10  # MCCS: Luminance
POWER_MODE = 0xD6  # MCCS: Power mode
POWER_ON, POWER_OFF = 1, 4  # DPM on; DPM off, as VESA DPMS names them
WAKES_S = 5.0  # from standby, once there is a picture


def takes_commands(monitor: Monitor, screen: PatternSource, clock: Clock) -> bool:
    """Tell whether the display has DDC/CI, switched on. Many old ones have an EDID and no more.

    Those never acknowledge the address. A display that does, or once did, and has nothing to say
    (`NoReply`) was asleep for want of a picture, or hangs; one that says nothing of a control it
    never told has none (`Refused`). When even its EDID does not come any more, the cable is at
    fault, and that is raised.
    """
    return _brightness(monitor, screen, clock) is not None


def _brightness(monitor: Monitor, screen: PatternSource, clock: Clock) -> Vcp | None:
    """Return where the brightness stands, with white shown; None where it cannot be set."""
    screen.show_level(1.0, 1.0, 1.0)
    found: Vcp | None = None
    try:
        try:
            found = monitor.read_control(BRIGHTNESS)
        except NoReply:
            clock.sleep(WAKES_S)
            found = monitor.read_control(BRIGHTNESS)
    except BusMissing:
        raise
    except (NotConnected, Refused):
        pass
    still_there(monitor)
    return found if found is not None and found.maximum > 0 else None


def need_control(monitor: Monitor, screen: PatternSource, clock: Clock) -> None:
    """Raise `NotApplicable` when the display takes no commands."""
    if not takes_commands(monitor, screen, clock):
        raise NotApplicable("display.no_commands")


def full_brightness(monitor: Monitor, screen: PatternSource, clock: Clock, settle_s: float) -> bool:
    """Show white at full brightness, and return whether the display says that it is.

    The brightness is left alone where it cannot be set.
    """
    found = _brightness(monitor, screen, clock)
    obeys = found is not None and set_by_light(monitor, BRIGHTNESS, found.maximum)
    screen.show_level(1.0, 1.0, 1.0)
    clock.sleep(settle_s)
    return obeys


def set_by_light(monitor: Monitor, code: int, value: int) -> bool:
    """Set a control, and return whether it says so. What it does is left to sensors and eyes.

    Some displays keep 30 where they were told 0, and some say 255 of 100 whatever they do.
    """
    try:
        monitor.set_control(code, value)
    except Refused:
        return False
    return True


def still_there(monitor: Monitor) -> None:
    """Raise `NotConnected` when the display was pulled out, say while the operator was asked.

    Then it is not to blame for what the operator saw, or did not see. Raises `BenchFault` when it
    was replaced by a display with another EDID.
    """
    must_be_the_same(
        monitor.read_edid(),
        monitor.first_edid,
        "display.replaced",
        roles={"monitor"},
    )

"""The commands that a display takes over DDC/CI, and whether it is there to take them."""

from drivers.capabilities import Monitor, PatternSource
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
    (`NoReply`) was asleep for want of a picture, or hangs. When even its EDID does not come any
    more, the cable is at fault, and that is raised.
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
    still_there(monitor)
    return takes


def need_control(monitor: Monitor, screen: PatternSource, clock: Clock) -> None:
    """Raise `NotApplicable` when the display takes no commands."""
    if not takes_commands(monitor, screen, clock):
        raise NotApplicable("display.no_commands")


def full_brightness(monitor: Monitor, screen: PatternSource, clock: Clock, settle_s: float) -> None:
    """Show white at full brightness; the brightness is left alone where it cannot be set."""
    if takes_commands(monitor, screen, clock):
        monitor.set_control(BRIGHTNESS, monitor.read_control(BRIGHTNESS).maximum)
    screen.show_level(1.0, 1.0, 1.0)
    clock.sleep(settle_s)


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

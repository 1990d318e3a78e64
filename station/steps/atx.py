"""ATX supplies: the times of a start and of a stop, the rails, and a part of their ripple.

Names of the times as in the ATX12V design guides, T1 to T6.
"""

from drivers.capabilities import AtxPort
from records import Proof, Reading
from station.engine.clock import Clock
from station.engine.step import BenchFault, NotNegative, Yields, step

ROLES = frozenset({"atx"})
RESTARTS_AFTER_S = 2.0  # its capacitors empty, so that the next start is a whole one
RIPPLE = {"12v": "ripple_12v", "5v": "ripple_5v", "3v3": "ripple_3v3"}
"""The rails of which a standard bounds the ripple, and the name of each measurement."""


@step(
    missing_rails="",
    rails_away="",
    start_time="s",
    rise_time="s",
    power_good="",
    power_good_delay="s",
    power_good_rise="s",
    power_good_falls="",
)
def start(atx: AtxPort) -> Yields:
    """Start the supply: its rails come in time, and PWR_OK follows them once.

    `start_time` is T1, from PS_ON# to the last rail, `rise_time` T2 of the slowest rail,
    `power_good_delay` T3 and `power_good_rise` T4. Without a rail no time is told, without PWR_OK
    none of its own. `rails_away` names the rails that stay away.
    """
    found = atx.start()
    yield Reading("missing_rails", len(found.missing))
    yield Reading("rails_away", ", ".join(found.missing))
    if found.missing or found.t1_s is None or found.t2_s is None:
        return
    yield Reading("start_time", found.t1_s)
    yield Reading("rise_time", found.t2_s)
    yield Reading("power_good", found.t3_s is not None)
    if found.t3_s is None:
        return
    yield Reading("power_good_delay", found.t3_s)
    if found.t4_s is not None:
        yield Reading("power_good_rise", found.t4_s)
    yield Reading("power_good_falls", found.ok_falls)


@step(rail_12v="V", rail_5v="V", rail_3v3="V", rail_standby="V", rail_minus_12v="V")
def rails(atx: AtxPort) -> Yields:
    """Measure all rails of a supply that runs."""
    levels = atx.read_levels()
    yield Reading("rail_12v", levels.v12_v)
    yield Reading("rail_5v", levels.v5_v)
    yield Reading("rail_3v3", levels.v3_3_v)
    yield Reading("rail_standby", levels.v5_sb_v)
    yield Reading("rail_minus_12v", levels.v_minus_12_v)


@step(proves=Proof.PARTIAL, ripple_12v="V", ripple_5v="V", ripple_3v3="V")
def ripple_below_100_khz(atx: AtxPort) -> Yields:
    """Measure the ripple that an ADC sees, peak to peak, below 100 kHz.

    A standard asks for 20 MHz: ripple that is too much here is too much there, and ripple that is
    not seen here may be there.
    """
    for rail, name in RIPPLE.items():
        yield Reading(name, atx.read_ripple_v(rail))


@step(hold_up="s", power_good_warning="s")
def hold_up(atx: AtxPort, clock: Clock, *, rest_s: NotNegative = RESTARTS_AFTER_S) -> Yields:
    """Take the mains away: PWR_OK holds on for `hold_up` (T5), then falls before the rails do.

    `power_good_warning` is T6, from there to the first rail that is out. A supply whose PWR_OK
    stays although the relay was opened is not judged: the relay is stuck, or there is no load.
    """
    found = atx.cut_mains()
    if found.t5_s is None:
        raise BenchFault("atx.holds_on", roles=ROLES)
    yield Reading("hold_up", found.t5_s)
    if found.t6_s is not None:
        yield Reading("power_good_warning", found.t6_s)
    clock.sleep(rest_s)

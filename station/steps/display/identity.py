"""The identification data of a display (EDID)."""

from drivers.capabilities import Monitor
from drivers.formats import edid as edid_format
from records import Reading
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import Learned, NotNegative, Socket, Yields, step
from station.engine.witness import Doubt, ask_when_silent

PLUGGED = Doubt("display.plugged", "display.not_connected", {"monitor"})


@step(edid_answers="", edid_checksum_ok="", edid_errors="", edid_year="")
def edid(
    monitor: Socket[Monitor],
    operator: Operator,
    clock: Clock,
    *,
    patience_s: NotNegative = 5.0,
) -> Yields:
    """Read the display identification data: there, sound, and from a year that can be.

    A mute display is only the display's fault once the operator has looked at the cable, and it
    stays mute for `patience_s` after that. A bus on which nothing can be asked is never its fault.
    """

    def ask() -> bytes:
        return monitor.open().read_edid()

    data = ask_when_silent(ask, operator, clock, PLUGGED, patience_s=patience_s)
    if data is None:
        yield Reading("edid_answers", False)
        return
    parsed = edid_format.parse(data)
    yield Learned(
        maker=parsed.manufacturer or "",
        model=parsed.name or (f"{parsed.product_code:04X}" if parsed.product_code else ""),
        serial_number=parsed.serial,
        year=parsed.year or parsed.model_year,
    )
    yield Reading("edid_answers", True)
    yield Reading("edid_checksum_ok", parsed.checksum_ok)
    yield Reading("edid_errors", len(parsed.errors))
    if (year := parsed.year or parsed.model_year) is not None:
        yield Reading("edid_year", year)

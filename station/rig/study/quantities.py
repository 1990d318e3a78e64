"""One reading of one quantity of an instrument, whatever its kind."""

from collections.abc import Sequence

from drivers.capabilities import (
    ColourMeter,
    Instrument,
    LightArray,
    LightMeter,
    MainsMeter,
    PowerMeter,
)

OF_LIGHT = (LightMeter, LightArray, ColourMeter)


def quantities_of(kind: type) -> Sequence[str]:
    """Return the quantities of a kind of instrument that can be read without acting on a device."""
    readable = issubclass(kind, (PowerMeter, MainsMeter, *OF_LIGHT))
    return kind.quantities if readable and issubclass(kind, Instrument) else ()


def read_quantity(instrument: Instrument, quantity: str, zone: int = 1) -> float:
    """Return one reading, in the unit that the quantity's name ends in; `zone` counts from 1.

    Raises `LookupError` for what the instrument does not measure, and `DriverError`.
    """
    if quantity not in quantities_of(type(instrument)):
        known = ", ".join(quantities_of(type(instrument))) or "nothing that can be read alone"
        raise LookupError(f"it measures no {quantity}: {known}")
    match instrument:
        case PowerMeter():
            return float(getattr(instrument.read(), quantity))
        case MainsMeter():
            return float(getattr(instrument.read_mains(), quantity))
        case ColourMeter():
            return float(getattr(instrument.read_colour(), quantity))
        case LightArray():
            if not 1 <= zone <= instrument.zones:
                raise LookupError(f"there are zones 1 to {instrument.zones}, and no {zone}")
            return float(instrument.read_illuminances_lux()[zone - 1])
        case LightMeter():
            return float(instrument.read_illuminance_lux())
    raise LookupError(f"it measures no {quantity}")

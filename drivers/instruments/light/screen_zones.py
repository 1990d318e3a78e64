"""Light meters over the zones of a screen, such as nine VEML7700 behind two multiplexers."""

from collections.abc import Callable, Sequence
from typing import Annotated, Protocol, TypeVar

from drivers.buses import Time
from drivers.capabilities import Identity, LightArray
from drivers.errors import DriverError
from drivers.instruments.light.veml7700 import Veml7700
from drivers.wiring import Parts

Result = TypeVar("Result")

ZONES = 9  # three rows of three

ATTEMPTS = 3
"""To find each meter's range, before the light is measured in the range that was found."""


class ZoneMeter(Protocol):
    """A light meter that measures by itself after `begin`, so that many do at the same time."""

    identity: Identity

    def begin(self) -> float:
        """Start an integration, and return the seconds until `tell` may be asked."""

    def tell(self) -> float | None:
        """Return the lux, or None when the range did not fit: call `begin` again."""

    def tell_anyway(self) -> float:
        """Return the lux, as well as the range allows."""


class ScreenZones(LightArray):
    """Measures with one meter for each zone, left to right, top to bottom.

    Its maker is that of the meters; its model says how many there are. Raises `ValueError` for
    none.
    """

    def __init__(
        self,
        meters: Annotated[
            Sequence[ZoneMeter], Parts(Veml7700, ZONES), "rows from the top, each row from the left"
        ],
        *,
        time: Time,
    ) -> None:
        if not meters:
            raise ValueError("a screen without light meters has no zones")
        self._meters = tuple(meters)
        self._time = time
        self.zones = len(self._meters)
        first = self._meters[0].identity
        self.identity = Identity(first.maker, f"{self.zones} × {first.model}")

    def read_illuminances_lux(self) -> tuple[float, ...]:
        """Return the lux of all zones, measured at the same time: nine take no longer than one.

        An error says in which zone (from 1) it happened.
        """
        told: dict[int, float] = {}
        meters = dict(enumerate(self._meters, start=1))
        for _ in range(ATTEMPTS):
            self._time.sleep(max(_in(zone, meter.begin) for zone, meter in meters.items()))
            told |= {
                zone: lux
                for zone, meter in meters.items()
                if (lux := _in(zone, meter.tell)) is not None
            }
            meters = {zone: meter for zone, meter in meters.items() if zone not in told}
            if not meters:
                break
        else:
            self._time.sleep(max(_in(zone, meter.begin) for zone, meter in meters.items()))
            told |= {zone: _in(zone, meter.tell_anyway) for zone, meter in meters.items()}
        return tuple(told[zone] for zone in sorted(told))


def _in(zone: int, question: Callable[[], Result]) -> Result:
    try:
        return question()
    except DriverError as error:
        raise type(error)(f"zone {zone}: {error}") from error

"""Light meters over the zones of a screen, such as nine VEML7700 behind two multiplexers."""

from collections.abc import Sequence

from drivers.capabilities import Identity, LightArray, LightMeter
from drivers.errors import DriverError


class ScreenZones(LightArray):
    """One meter for each zone, left to right, top to bottom.

    Takes over the meters' maker; the model says how many there are. Raises `ValueError` for none.
    """

    def __init__(self, meters: Sequence[LightMeter]) -> None:
        if not meters:
            raise ValueError("a screen without light meters has no zones")
        self._meters = tuple(meters)
        self.zones = len(self._meters)
        first = self._meters[0].identity
        self.identity = Identity(first.maker, f"{self.zones} × {first.model}")

    def read_illuminances_lux(self) -> tuple[float, ...]:
        """One after the other. An error says in which zone (from 1) it happened."""
        return tuple(self._read(zone, meter) for zone, meter in enumerate(self._meters, start=1))

    @staticmethod
    def _read(zone: int, meter: LightMeter) -> float:
        try:
            return meter.read_illuminance_lux()
        except DriverError as error:
            raise type(error)(f"zone {zone}: {error}") from error

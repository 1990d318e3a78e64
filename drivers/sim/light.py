"""The light that simulated sensors see."""

from typing import Protocol


class Scene(Protocol):
    """The light that falls on the sensors before a screen, zone by zone."""

    def illuminance_lux(self, zone: int) -> float: ...

    def chromaticity(self, zone: int) -> tuple[float, float]:
        """CIE 1931 x, y."""


class FixedScene:
    """The same light in every zone, D65 white to begin with."""

    def __init__(
        self, illuminance_lux: float = 0.0, chromaticity: tuple[float, float] = (0.3127, 0.3290)
    ) -> None:
        self.everywhere_lux = illuminance_lux
        self.colour = chromaticity
        self.zones_lux: dict[int, float] = {}

    def illuminance_lux(self, zone: int) -> float:
        return self.zones_lux.get(zone, self.everywhere_lux)

    def chromaticity(self, zone: int) -> tuple[float, float]:
        return self.colour

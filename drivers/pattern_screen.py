"""Test patterns on the station's own video output, which feeds the display under test."""

from drivers.buses import Screen
from drivers.capabilities import Identity, PatternSource


class PatternScreen(PatternSource):
    """Plain colours, full screen. `make_safe` shows black, so that no picture burns in."""

    def __init__(self, screen: Screen, connector: str) -> None:
        self._screen = screen
        self.width_px = screen.width_px
        self.height_px = screen.height_px
        self.identity = Identity("", f"{connector} {self.width_px}x{self.height_px}")

    def show_level(self, red: float, green: float, blue: float) -> None:
        """Drive levels from 0.0 to 1.0; raises `ValueError` outside."""
        if not all(0.0 <= level <= 1.0 for level in (red, green, blue)):
            raise ValueError(f"levels {red}, {green}, {blue} are not within 0…1")
        pixel = bytes(round(level * 255) for level in (red, green, blue))
        self._screen.show(pixel * (self.width_px * self.height_px))

    def make_safe(self) -> None:
        self.show_level(0.0, 0.0, 0.0)

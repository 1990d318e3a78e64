"""The guided part: reads the instrument, asks for the references, and tells what to write down."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import fmean
from typing import Any

from drivers.buses import Hardware
from drivers.capabilities import ColourMeter, LightArray, PatternSource
from station.rig.calibrating.colour import Xyy, corrected_matrix
from station.rig.calibrating.figures import CalibrationError, as_toml, numbers
from station.rig.calibrating.light import zone_factors
from station.rig.config import StationConfig
from station.rig.tables import InstrumentTable

PICTURES = {
    "white": (1.0, 1.0, 1.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}
SETTLE_S = 2.0
"""From a picture on the screen to the first reading of its light."""

Ask = Callable[[str], str]
"""Returns the line that a person typed."""


class Bench:
    """One slot of a station, and the hardware of it and of what slots share.

    `references` are the figures that were typed, for the record.
    """

    def __init__(
        self, config: StationConfig, slot: str, hardware: Hardware, shared: Hardware
    ) -> None:
        self._config = config
        self._slot = slot
        self._hardware = hardware
        self._shared = shared
        self.references: list[list[float]] = []

    def light(self, role: str, readings: int, reference_percent: float, ask: Ask) -> dict[str, Any]:
        """Return the keys that a role's table gets. Raises `CalibrationError`, `DriverError`."""
        table, on = self._table(role, LightArray, "factors")
        with ExitStack() as closing:
            meters = table.open(on, closing)
            self._show("white", self._screen(closing))
            told = self._typed(
                f"Lux that the reference reads in each of {meters.zones} zones, in rows: ", ask
            )
            taken = [meters.read_illuminances_lux() for _ in range(readings)]
        before: Sequence[float] = table.values["factors"] or (1.0,) * len(taken[0])
        found = zone_factors(before, taken, told, reference_percent)
        return {
            "factors": list(found.factors),
            "factor_uncertainty_percent": max(0.01, found.uncertainty_percent),
        }

    def colour(self, role: str, readings: int, ask: Ask) -> dict[str, Any]:
        """Return the keys that a role's table gets, and what the matrix leaves (`left_xy`).

        Raises `CalibrationError`, `DriverError`.
        """
        table, on = self._table(role, ColourMeter, "matrix")
        seen: list[Xyy] = []
        references: list[Xyy] = []
        with ExitStack() as closing:
            meter = table.open(on, closing)
            screen = self._screen(closing)
            for picture in PICTURES:
                self._show(picture, screen)
                told = self._typed(f"{picture}: x, y and lux that the reference reads: ", ask)
                if len(told) != 3:
                    raise CalibrationError(f"{picture}: three numbers are needed: x, y, lux")
                references.append(Xyy(*told))
                taken = [meter.read_colour() for _ in range(readings)]
                seen.append(
                    Xyy(*(fmean(map(float, column)) for column in zip(*taken, strict=True)))
                )
        found = corrected_matrix(table.values["matrix"], seen, references)
        return {"matrix": [list(row) for row in found.matrix], "left_xy": found.left_xy}

    def _table(self, role: str, kind: type, key: str) -> tuple[InstrumentTable, Hardware]:
        its = self._config.slots[self._slot]
        if role not in its.roles and role not in its.shared:
            raise CalibrationError(f"{self._slot} has no {role}")
        table = self._config.instrument(self._slot, role)
        if not issubclass(table.kind, kind) or key not in table.values:
            raise CalibrationError(f"the {role} of {self._slot} has no `{key}` to calibrate")
        return table, self._shared if role in its.shared else self._hardware

    def _screen(self, closing: ExitStack) -> PatternSource | None:
        """Return the slot's screen; without one a person shows the pictures."""
        table = self._config.slots[self._slot].roles.get("screen")
        screen: PatternSource | None = table.open(self._hardware, closing) if table else None
        return screen

    def _show(self, picture: str, screen: PatternSource | None) -> None:
        if screen is not None:
            screen.show_level(*PICTURES[picture])
        self._hardware.time.sleep(SETTLE_S)

    def _typed(self, question: str, ask: Ask) -> list[float]:
        told = numbers(ask(question))
        self.references.append(told)
        return told


def place_in_file(config: StationConfig, slot: str, role: str) -> str:
    """Return the name of the table of `station.toml` that a role's instrument stands in."""
    its = config.slots[slot]
    return f"shared.{its.shared[role]}" if role in its.shared else f"slots.{slot}.roles.{role}"


def lines(place: str, keys: dict[str, Any]) -> list[str]:
    """Return the lines of `station.toml` that a calibration asks for."""
    return [
        f"[{place}]",
        *(f"{name} = {as_toml(value)}" for name, value in keys.items() if name != "left_xy"),
    ]

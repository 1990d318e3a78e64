"""How fine the instruments are and what may be put on them, as their drivers document it."""

from math import inf
from typing import NamedTuple

import msgspec

from drivers.capabilities import Identity
from drivers.instruments.power import ina219, ina226, ina228, it8500, rd60xx, scpi_load
from drivers.instruments.power.scpi_supply import DIALECTS
from station.rig.config import Named


class Figures(NamedTuple):
    """Resolutions of what is read, and the range that the instrument bears.

    Where a driver itself refuses what is too much, the range has no end here.
    """

    resolution_v: float
    resolution_a: float
    max_v: float = inf
    max_a: float = inf


def figures(named: Named, who: Identity) -> Figures:
    """Of the instrument `named` in a configuration, which turned out to be `who`.

    Raises `LookupError` for an instrument that measures neither volts nor amperes.
    """
    table = msgspec.structs.asdict(named.table)
    match named.driver:
        case "ina219":
            step_a = ina219.CHIP.shunt_lsb_v / table["shunt_ohm"]
            return Figures(ina219.CHIP.bus_lsb_v, step_a, ina219.CHIP.max_v, table["max_a"])
        case "ina226":
            step_a = ina226.CHIP.shunt_lsb_v / table["shunt_ohm"]
            return Figures(ina226.CHIP.bus_lsb_v, step_a, ina226.CHIP.max_v, table["max_a"])
        case "ina228":
            step_a = ina228.CHIP.shunt_lsb_v / table["shunt_ohm"]
            most_a = ina228.CHIP.shunt_range_v / table["shunt_ohm"]
            return Figures(ina228.CHIP.bus_lsb_v, step_a, ina228.CHIP.max_v, most_a)
        case "ka3000":
            return Figures(0.01, 0.001)  # "VOUT1?" has two decimals, "IOUT1?" three
        case "rd60xx":
            scales = [one for model in rd60xx.MODELS if model.name == who.model for one in model[2]]
            return Figures(max(s.voltage_v for s in scales), max(s.current_a for s in scales))
        case "scpi_supply":
            dialect = DIALECTS[table["dialect"]]
            return Figures(dialect.resolution_v, dialect.resolution_a)
        case "it8500":
            return Figures(1 / it8500.VOLTS, 1 / it8500.AMPERES)
        case "kel103":
            return Figures(0.001, 0.001)  # five digits, of which two may be before the point
        case "scpi_load":
            return Figures(scpi_load.STEP, scpi_load.STEP)
        case other:
            raise LookupError(f"{other} has no resolution in volts and amperes")
